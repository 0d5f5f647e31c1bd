"""The one shape of the API's errors."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions

from klix_site.api_errors import BadGateway, exception_handler


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.AuthenticationFailed(), 401, "authentication_failed"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (PermissionDenied(), 403, "permission_denied"),
        (Http404(), 404, "not_found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.ParseError(), 400, "parse_error"),
        (BadGateway("Twilio says no.", "21211"), 502, "21211"),
    ],
)
def test_an_error_has_a_code_and_a_message(error: Exception, status: int, code: str) -> None:
    response = exception_handler(error, {})
    assert response is not None
    assert response.status_code == status
    assert response.data["code"] == code
    assert response.data["message"]
    assert response.data["fields"] == {}


@pytest.mark.parametrize(
    ("detail", "fields", "message"),
    [
        ({"name": ["Too long."]}, {"name": ["Too long."]}, "name: Too long."),
        ({"a": {"b": ["x", "y"]}}, {"a.b": ["x", "y"]}, "a.b: x y"),
        ({"non_field_errors": ["Both."]}, {"": ["Both."]}, "Both."),
        (["Plain."], {"": ["Plain."]}, "Plain."),
    ],
)
def test_invalid_input_is_told_by_field(detail: Any, fields: dict[str, list[str]], message: str) -> None:
    response = exception_handler(exceptions.ValidationError(detail), {})
    assert response is not None
    assert response.data == {"code": "invalid", "message": message, "fields": fields}


def test_a_fault_of_ours_is_not_dressed_as_the_clients() -> None:
    assert exception_handler(RuntimeError("bug"), {}) is None
