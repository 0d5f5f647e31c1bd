"""What the views of the REST API have in common: pages by key, ETags, creates that a repeat does not repeat."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.cache import get_conditional_response
from django_filters import FilterSet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from klix_site.audit import REPLAYED
from klix_site.models import CreateRequest

MAX_KEY_CHARS: Final = 80
KEY_PARAMETER: Final = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"The same key creates one thing, however often it is sent (up to {MAX_KEY_CHARS} characters).",
)


class KeyReused(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another request. Use a new key for a new one."


class UnderWay(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_under_way"
    default_detail = "The request with this Idempotency-Key is under way. Ask again in a moment."


class NewestFirst(CursorPagination):
    """By key, not by number: page 1,000 costs what page 1 does, and new rows shift nothing."""

    ordering: tuple[str, ...] = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class LastFirst(NewestFirst):
    """For rows without a time of their own."""

    ordering = ("-id",)


class ByName(NewestFirst):
    ordering = ("name",)


class ByIndex(NewestFirst):
    ordering = ("index",)
    max_page_size = 1000


class NewestNumberFirst(NewestFirst):
    ordering = ("-number",)


class KnownFilters(DjangoFilterBackend):  # type: ignore[misc]  # django-filter ships no types
    """Refuses parameters that no filter knows: a misspelt one would otherwise give everything."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filters: type[FilterSet] | None = self.get_filterset_class(view, queryset)
        known = {"cursor", "page_size", "format", *(filters.base_filters if filters else ())}
        if unknown := sorted(set(request.query_params) - known):
            raise ValidationError({name: ["Unknown parameter."] for name in unknown})
        for name, values in request.query_params.lists():
            if any("\x00" in value for value in values):
                raise ValidationError({name: ["Null characters are not allowed."]})
        found: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return found


class Polled(APIView):
    """GET answers carry an ETag; If-None-Match with it gets 304 and no body."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if request.method != "GET" or answer.status_code != 200 or not isinstance(answer, Response):
            return answer
        answer.render()
        etag = f'"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
        answer.headers["ETag"] = etag
        answer.headers["Cache-Control"] = "private, no-cache"
        return cast(Response, get_conditional_response(request._request, etag, None, answer))


class Strict(serializers.Serializer[Any]):
    """A misspelt field is said at once, not dropped; text that no database takes is refused."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            known = ", ".join(name for name, field in self.fields.items() if not field.read_only)
            raise serializers.ValidationError({name: [f"Unknown field. Known: {known}."] for name in unknown})
        return super().to_internal_value(data)


# --- Creating once ----------------------------------------------------------------------------------------------------
def idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_CHARS or not key.isprintable():
        raise ValidationError({"Idempotency-Key": [f"At most {MAX_KEY_CHARS} printable characters."]})
    return key


def create_once(request: Request, create: Callable[[], Response]) -> Response:
    """The answer of `create`, or of the earlier request with the same Idempotency-Key. What fails may be sent again."""
    key = idempotency_key(request)
    if not key:
        return create()
    assert isinstance(request.user, User)
    mark = _fingerprint(request)
    try:
        with transaction.atomic():
            row = CreateRequest.objects.create(user=request.user, key=key, fingerprint=mark)
    except IntegrityError:
        return _replayed(CreateRequest.objects.get(user=request.user, key=key), mark)
    try:
        answer = create()
    except BaseException:
        row.delete()
        raise
    row.status, row.answer, row.location = answer.status_code, answer.data, answer.headers.get("Location", "")
    row.save()
    return answer


def _replayed(earlier: CreateRequest, mark: str) -> Response:
    if earlier.fingerprint != mark:
        raise KeyReused
    if not earlier.status:
        raise UnderWay
    headers = {REPLAYED: "true"} | ({"Location": earlier.location} if earlier.location else {})
    return Response(earlier.answer, status=earlier.status, headers=headers)


def _fingerprint(request: Request) -> str:
    body = repr(sorted(request.data.items()) if isinstance(request.data, dict) else request.data)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()
