"""What is wrong with a function's JSON schema, said before a call: a server would refuse every turn for it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")


def schema_problem(schema: Any, path: str = "parameters") -> str:
    """The first problem and where it is; "": none. Words that it does not know are left to the server."""
    if isinstance(schema, bool):
        return ""
    if not isinstance(schema, Mapping):
        return f"{path} must be a JSON schema: an object."
    return _type_problem(schema, path) or _required_problem(schema, path) or next(_inner(schema, path), "")


def _type_problem(schema: Mapping[str, Any], path: str) -> str:
    given = schema.get("type", [])
    for name in given if isinstance(given, list) else [given]:
        if name not in TYPES:
            return f"{path}.type: {name!r} is none of {', '.join(TYPES)}."
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        return f"{path}.enum must be a list of values."
    return ""


def _required_problem(schema: Mapping[str, Any], path: str) -> str:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, Mapping):
        return f"{path}.properties must be an object: a schema by name."
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return f"{path}.required must be a list of names."
    missing = [name for name in required if name not in properties]
    return f"{path}.required names {missing[0]!r}, which is not among its properties." if missing else ""


def _inner(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    parts: list[tuple[str, Any]] = [(f"{path}.{name}", each) for name, each in schema.get("properties", {}).items()]
    parts += [(f"{path}.items", schema["items"])] if "items" in schema else []
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            several = schema[word]
            if not isinstance(several, Sequence) or isinstance(several, str) or not several:
                yield f"{path}.{word} must be a list of schemas."
                return
            parts += [(f"{path}.{word}", each) for each in several]
    yield from filter(None, (schema_problem(each, where) for where, each in parts))
