"""Calls over the REST API: lists with a cursor, placing and hanging up, one call with everything, its recording."""

from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from calls import services
from calls.api import NotPlaced
from calls.models import Call, Recording
from calls.recordings import path_of, ranged_response
from klix_site.api_base import KEY_PARAMETER, KeyReused, KnownFilters, NewestFirst, Polled, idempotency_key
from klix_site.api_filters import CallFilters
from klix_site.serializers import CallDetailSerializer, CallSerializer, NewCallSerializer
from klix_site.throttling import PerToken, PlacingPerToken

LISTS: Final = (
    "calls",
    "agents",
    "personas",
    "scenarios",
    "criteria",
    "suites",
    "runs",
    "baselines",
    "comparisons",
    "schedules",
    "alert-rules",
    "alerts",
    "evaluations",
    "verdicts",
    "labels",
    "webhooks",
    "tokens",
)
PLACES: Final = {name: f"api-{name}" for name in LISTS} | {
    "schema": "api-schema",
    "reference": "api-reference",
    "place_call": "place-call",
}
# How place_call's fields are called in the request.
FIELDS: Final = {"to": "to_number", "agent": "agent", "persona": "persona", "scenario": "scenario"}


class Root(APIView):
    @extend_schema(operation_id="root", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Where things are."""
        return Response({key: reverse(name, request=request) for key, name in PLACES.items()})


def calls_with_all() -> QuerySet[Call]:
    return Call.objects.select_related("agent", "agent_version", "persona", "scenario").prefetch_related(
        "legs", "evaluations"
    )


@extend_schema_view(get=extend_schema(operation_id="list_calls"))
class CallList(Polled, ListAPIView[Call]):
    """Calls, newest first."""

    queryset = calls_with_all()
    serializer_class = CallSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)
    filterset_class = CallFilters
    throttle_classes = (PerToken, PlacingPerToken)

    @extend_schema(
        operation_id="create_call",
        request=NewCallSerializer,
        responses={201: CallSerializer, 200: CallSerializer},
        parameters=[KEY_PARAMETER],
        examples=[
            OpenApiExample(
                "A persona calls the agent",
                {"agent": "burger_bot", "scenario": "Order with a change"},
                request_only=True,
            ),
            OpenApiExample(
                "The agent calls a number", {"agent": "burger_bot", "to_number": "+14155550123"}, request_only=True
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Place a call. It costs money where telephony is Twilio. 200: this key placed it earlier."""
        serializer = NewCallSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked: dict[str, Any] = serializer.validated_data
        assert isinstance(request.user, User)
        key = idempotency_key(request)
        stored = f"{request.user.pk}:{key}" if key else None
        earlier = Call.objects.filter(idempotency_key=stored).first() if stored else None
        if earlier:
            return _placed(_same(earlier, asked), status.HTTP_200_OK)
        return _placed(_place(asked, stored), status.HTTP_201_CREATED)


def _place(asked: dict[str, Any], key: str | None) -> Call:
    try:
        return services.place_call(
            agent_version=asked["version"],
            to_number=asked["to_number"],
            persona=asked["persona"],
            scenario=asked["scenario"],
            idempotency_key=key,
        )
    except services.CallRefused as refused:
        field = FIELDS.get(refused.field, refused.field) or "non_field_errors"
        raise ValidationError({field: [refused.message]}) from refused
    except services.TelephonyFailed as failed:
        raise NotPlaced(failed.message, failed.code or None) from failed


def _same(call: Call, asked: dict[str, Any]) -> Call:
    wanted = (asked["version"], asked["persona"], asked["scenario"])
    if (call.agent_version, call.persona, call.scenario) != wanted or (
        asked["to_number"] and asked["to_number"] != call.to_number
    ):
        raise KeyReused
    return call


def _placed(call: Call, code: int) -> Response:
    shown = CallSerializer(calls_with_all().get(pk=call.pk)).data
    return Response(shown, status=code, headers={"Location": shown["url"]})


@extend_schema_view(get=extend_schema(operation_id="get_call"))
class CallDetail(Polled, RetrieveAPIView[Call]):
    """One call: status, transcript, figures, verdicts, recording."""

    serializer_class = CallDetailSerializer
    lookup_field = "public_id"
    queryset = (
        calls_with_all()
        .select_related("recording")
        .prefetch_related("turns", "evaluations__measurements", "evaluations__verdicts")
    )


class HangUp(APIView):
    @extend_schema(operation_id="hang_up_call", request=None, responses={202: CallSerializer})
    def post(self, request: Request, public_id: UUID) -> Response:
        """End a live call. Its status follows when the exchange reports it."""
        call = get_object_or_404(Call, public_id=public_id)
        if not call.is_live:
            raise ValidationError({"non_field_errors": ["The call is over."]})
        try:
            services.hang_up(call)
        except services.CallRefused as refused:
            raise ValidationError({"non_field_errors": [refused.message]}) from refused
        except services.TelephonyFailed as failed:
            raise NotPlaced(failed.message, failed.code or None) from failed
        return _placed(call, status.HTTP_202_ACCEPTED)


class CallRecording(APIView):
    @extend_schema(
        operation_id="get_recording",
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="bytes=0-65535")],
        responses={(200, "audio/wav"): OpenApiTypes.BINARY, (206, "audio/wav"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, public_id: UUID, **_: Any) -> HttpResponseBase:
        """The stereo recording as WAV: left caller, right agent. In ranges, if asked."""
        recording = Recording.objects.filter(call__public_id=public_id, state=Recording.State.READY).first()
        path = path_of(recording) if recording else None
        if path is None:
            raise NotFound("This call has no finished recording.")
        asked = request.headers.get("Range", "")
        return ranged_response(path, asked, content_type="audio/wav", download_as=f"{public_id}.wav")
