"""Calls over the REST API: lists with a cursor, one call with everything, its recording."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import FileResponse, Http404
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from calls.models import Call, Recording
from calls.states import Status
from evaluations.models import Evaluation
from klix_site.serializers import CallDetailSerializer, CallSerializer


class Root(APIView):
    @extend_schema(operation_id="root", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Where things are."""
        lists = ("calls", "agents", "personas", "scenarios", "criteria", "suites", "runs", "baselines", "comparisons")
        names = {name: f"api-{name}" for name in lists} | {"schema": "api-schema", "place_call": "place-call"}
        return Response({key: reverse(name, request=request) for key, name in names.items()})


class NewestFirst(CursorPagination):
    """By key, not by number: page 1,000 costs what page 1 does, and new calls shift nothing."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def calls_with_all() -> QuerySet[Call]:
    return Call.objects.select_related("agent", "agent_version", "persona", "scenario").prefetch_related(
        "legs", "evaluations"
    )


@extend_schema_view(
    get=extend_schema(
        operation_id="list_calls",
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=[status.value for status in Status]),
            OpenApiParameter("agent", OpenApiTypes.STR, description="The agent's id or name."),
            OpenApiParameter("updated_since", OpenApiTypes.DATETIME, description="Changed or evaluated since then."),
        ],
    )
)
class CallList(ListAPIView[Call]):
    """Calls, newest first."""

    serializer_class = CallSerializer
    pagination_class = NewestFirst
    known: ClassVar = frozenset({"status", "agent", "updated_since", "cursor", "page_size"})

    def get_queryset(self) -> QuerySet[Call]:
        given = self.request.query_params
        if unknown := sorted(set(given) - self.known):
            # A misspelt filter would otherwise give every call.
            raise ValidationError({name: ["Unknown parameter."] for name in unknown})
        calls = calls_with_all()
        if "status" in given:
            calls = calls.filter(status=_status(given["status"]))
        if "agent" in given:
            calls = calls.filter(_agent(given["agent"]))
        if "updated_since" in given:
            calls = calls.filter(_updated_since(given["updated_since"]))
        return calls


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        known = ", ".join(status.value for status in Status)
        raise ValidationError({"status": [f"Choose one of: {known}."]}) from None


def _agent(text: str) -> Q:
    if "\x00" in text:
        raise ValidationError({"agent": ["Null characters are not allowed."]})
    try:
        return Q(agent__public_id=UUID(text))
    except ValueError:
        return Q(agent__name=text)


def _updated_since(text: str) -> Q:
    moment = _moment(text)
    evaluated = Evaluation.objects.filter(call=OuterRef("pk"), finished_at__gte=moment)
    return Q(updated_at__gte=moment) | Q(Exists(evaluated))


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or is_naive(moment):
        # "+" in a URL is a space unless it is written %2B: the most common slip.
        reason = "Write a time with its zone, for example 2026-11-22T09:30:00Z (a + must be written %2B)."
        raise ValidationError({"updated_since": [reason]})
    return moment


@extend_schema_view(get=extend_schema(operation_id="get_call"))
class CallDetail(RetrieveAPIView[Call]):
    """One call: status, transcript, figures, verdicts, recording."""

    serializer_class = CallDetailSerializer
    lookup_field = "public_id"

    def get_queryset(self) -> QuerySet[Call]:
        return (
            calls_with_all()
            .select_related("recording")
            .prefetch_related("turns", "evaluations__measurements", "evaluations__verdicts")
        )


class CallRecording(APIView):
    @extend_schema(operation_id="get_recording", responses={(200, "audio/wav"): OpenApiTypes.BINARY})
    def get(self, request: Request, public_id: UUID, **_: Any) -> FileResponse:
        """The stereo recording as WAV: left caller, right agent."""
        recording = Recording.objects.filter(call__public_id=public_id, state=Recording.State.READY).first()
        if recording is None:
            raise NotFound("This call has no finished recording.")
        try:
            file = (settings.RECORDINGS_DIR / recording.file).open("rb")
        except FileNotFoundError:
            raise Http404 from None
        return FileResponse(file, content_type="audio/wav", filename=f"{public_id}.wav")
