"""The OpenAPI document: errors in their one shape at every operation, and a reference page rendered from it."""

from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator

ERROR: Final = {
    "type": "object",
    "description": "Every error has this shape.",
    "properties": {
        "code": {"type": "string", "description": "For programs: not_found, invalid, throttled…"},
        "message": {"type": "string", "description": "For people: what is wrong and what to do."},
        "fields": {
            "type": "object",
            "description": "What is wrong with each field of the request.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
    "required": ["code", "message", "fields"],
    "example": {
        "code": "invalid",
        "message": "agent: There is no such agent.",
        "fields": {"agent": ["There is no such agent."]},
    },
}
METHODS: Final = ("get", "post", "put", "patch", "delete")
_EXCHANGE: Final = "The telephone exchange refused or could not be reached."
# Operations that ask somebody else, and what 502 tells of that.
ASKING: Final = dict.fromkeys(("place_call", "create_call", "hang_up_call"), _EXCHANGE) | {
    "draft_scenarios": "The model's server refused or could not be reached.",
}


def add_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path in result["paths"].values():
        for method in METHODS:
            if operation := path.get(method):
                told = "Not done: the request is wrong, not allowed, or too frequent (429, with Retry-After)."
                operation["responses"]["4XX"] = {"description": told, "content": content}
                if told := ASKING.get(operation["operationId"], ""):
                    operation["responses"]["502"] = {"description": told, "content": content}
    return result


@cache
def document() -> dict[str, Any]:
    """The whole document. Making it takes a second, and it changes with the code alone: each process keeps its own."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


@require_GET
@gzip_page
def reference(request: HttpRequest) -> HttpResponse:
    """The reference page: operations by their first word of the path, with parameters, bodies and answers."""
    api = document()
    return render(request, "klix_site/api_reference.html", {"api": api, "groups": groups(api)})


def groups(api: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path, methods in api["paths"].items():
        name = path.removeprefix("/api/v1/").strip("/").partition("/")[0] or "root"
        for method in METHODS:
            if operation := methods.get(method):
                found.setdefault(name, []).append(_shown(path, method, operation, api))
    return dict(sorted(found.items()))


def _shown(path: str, method: str, operation: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    body = _content(operation.get("requestBody", {}))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "told": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "body": _fields(body.get("schema", {}), api),
        "examples": [example.get("value") for example in body.get("examples", {}).values()],
        "answers": [
            {"status": status, "told": answer.get("description", ""), "fields": _fields(_schema(answer), api)}
            for status, answer in operation["responses"].items()
        ],
    }


def _content(holder: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(holder.get("content", {}).values()), {})
    return found


def _schema(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _content(answer).get("schema", {})
    return found


def _fields(schema: dict[str, Any], api: dict[str, Any]) -> list[dict[str, Any]]:
    resolved = _resolved(schema, api)
    required = resolved.get("required", [])
    return [
        {"name": name, "type": _type(field), "required": name in required, "told": _told(field, api)}
        for name, field in resolved.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _told(field: dict[str, Any], api: dict[str, Any]) -> str:
    return str(field.get("description") or _resolved(field, api).get("description", ""))


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    for joined in ("oneOf", "anyOf", "allOf"):
        if joined in field:
            return " or ".join(_type(each) for each in field[joined])
    kind = field.get("type", "any")
    told = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{told} of {_type(field['items'])}" if "items" in field else told
