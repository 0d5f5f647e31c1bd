"""Every error of the REST API has one shape: {"code": …, "message": …, "fields": {name: [reason, …]}}."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler


class BadGateway(exceptions.APIException):
    """The telephone exchange refused or could not be reached."""

    status_code = 502
    default_code = "telephony_failed"


class ProviderFailed(exceptions.APIException):
    """A provider (a model's server) refused or could not be reached; the message says what to do."""

    status_code = 502
    default_code = "provider_failed"


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Bring an exception to the one shape; None (a server error, which Django logs) for what the client did not do."""
    response = default_handler(error, context)
    if response is not None:
        response.data = error_body(_as_api_error(error))
    return response


def error_body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        fields = _fields(error.detail)
        return {"code": "invalid", "message": _summary(fields), "fields": fields}
    return {"code": str(error.get_codes()), "message": str(error.detail), "fields": {}}


def _as_api_error(error: Exception) -> exceptions.APIException:
    match error:
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound()
        case PermissionDenied():
            return exceptions.PermissionDenied(str(error) or None)
        case _:
            raise TypeError(f"not an error of the API: {type(error).__name__}")


def _fields(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Flatten nested details: {"a": {"b": ["x"]}} → {"a.b": ["x"]}. What belongs to no field is under ""."""
    if isinstance(detail, Mapping):
        flat: dict[str, list[str]] = {}
        for name, inner in detail.items():
            key = "" if name == "non_field_errors" else str(name)
            flat |= _fields(inner, f"{path}.{key}".strip("."))
        return flat
    reasons = detail if isinstance(detail, list) else [detail]
    return {path: [str(reason) for reason in reasons]}


def _summary(fields: Mapping[str, list[str]]) -> str:
    return " ".join(f"{name}: {' '.join(reasons)}" if name else " ".join(reasons) for name, reasons in fields.items())
