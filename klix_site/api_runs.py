"""Runs over the REST API: begun, watched, stopped, taken up again, compared."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.models import Agent, AgentVersion
from evaluations.run_models import Baseline, Run, RunCase
from evaluations.run_serializers import (
    BaselineSerializer,
    ComparisonSerializer,
    RunCaseSerializer,
    RunDetailSerializer,
    RunSerializer,
)
from evaluations.runs.comparison import compare
from evaluations.runs.rendering import comparison_body
from evaluations.runs.selectors import baseline_run
from evaluations.runs.starting import Limits, RunRefused, retry_errors, set_baseline, start_run, stop_run
from evaluations.serializers import StartRunSerializer
from klix_site.api_base import (
    KEY_PARAMETER,
    ByIndex,
    ByName,
    KeyReused,
    KnownFilters,
    NewestFirst,
    Polled,
    idempotency_key,
)
from klix_site.api_filters import BaselineFilters, CaseFilters, RunFilters

RUNS = Run.objects.select_related("agent_version__agent", "suite")


@extend_schema_view(get=extend_schema(operation_id="list_runs"))
class RunList(Polled, ListAPIView[Run]):
    """Runs, newest first."""

    queryset = RUNS
    serializer_class = RunSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)
    filterset_class = RunFilters

    @extend_schema(
        operation_id="start_run",
        request=StartRunSerializer,
        responses={201: RunSerializer, 200: RunSerializer},
        parameters=[KEY_PARAMETER],
        examples=[
            OpenApiExample(
                "At most two dollars", {"suite": "Smoke", "agent": "burger_bot", "max_cost": "2"}, request_only=True
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Begin a run. Its calls cost money where telephony is Twilio. 200: this key began it earlier."""
        serializer = StartRunSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        run, is_new = _start(serializer.validated_data, _key(request))
        shown = RunSerializer(run).data
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(shown, code, headers={"Location": shown["url"]})


def _key(request: Request) -> str | None:
    """The key as stored: each user has keys of their own."""
    key = idempotency_key(request)
    assert isinstance(request.user, User)
    return f"{request.user.pk}:{key}" if key else None


def _start(asked: dict[str, Any], key: str | None) -> tuple[Run, bool]:
    version = _version(asked["agent"], asked.get("version"))
    limits = Limits(asked.get("max_cost"), asked.get("max_minutes"))
    more = {name: asked[name] for name in ("seed", "label", "strict_judges") if name in asked}
    try:
        run, is_new = start_run(asked["suite"], version, limits=limits, idempotency_key=key, **more)
    except RunRefused as refused:
        raise ValidationError({refused.field or "non_field_errors": [refused.message]}) from refused
    if (run.suite_id, run.agent_version.agent_id) != (asked["suite"].pk, asked["agent"].pk):
        raise KeyReused
    return run, is_new


def _version(agent: Agent, number: int | None) -> AgentVersion:
    version = agent.current_version if number is None else agent.versions.filter(number=number).first()
    if version is None:
        raise ValidationError({"version": [f"{agent.name} has no version {number or 'yet'}."]})
    return version


def _run(public_id: UUID) -> Run:
    run: Run = get_object_or_404(RUNS.all(), public_id=public_id)
    return run


@extend_schema_view(get=extend_schema(operation_id="get_run"))
class RunDetail(Polled, RetrieveAPIView[Run]):
    """One run: progress, pass rate with its interval, pass^k, figures."""

    queryset = RUNS
    serializer_class = RunDetailSerializer
    lookup_field = "public_id"


@extend_schema_view(get=extend_schema(operation_id="list_run_cases"))
class RunCases(Polled, ListAPIView[RunCase]):
    """The cases of a run, in order."""

    serializer_class = RunCaseSerializer
    pagination_class = ByIndex
    filter_backends = (KnownFilters,)
    filterset_class = CaseFilters

    def get_queryset(self) -> QuerySet[RunCase]:
        if getattr(self, "swagger_fake_view", False):
            return RunCase.objects.none()
        return _run(self.kwargs["public_id"]).cases.select_related("scenario", "persona", "call")


class StopRun(APIView):
    @extend_schema(operation_id="stop_run", request=None, responses=RunSerializer)
    def post(self, request: Request, public_id: UUID) -> Response:
        """Place no further call; those under way end by themselves."""
        stop_run(_run(public_id), f"Stopped by {request.user}.")
        return Response(RunSerializer(_run(public_id)).data)


class RetryRun(APIView):
    @extend_schema(operation_id="retry_run", request=None, responses=RunSerializer)
    def post(self, request: Request, public_id: UUID) -> Response:
        """Call again where nothing could be told, or nothing was called."""
        try:
            retry_errors(_run(public_id))
        except RunRefused as refused:
            raise ValidationError({"non_field_errors": [refused.message]}) from refused
        return Response(RunSerializer(_run(public_id)).data)


# --- Comparison -------------------------------------------------------------------------------------------------------
@extend_schema_view(get=extend_schema(operation_id="list_baselines"))
class BaselineList(Polled, ListAPIView[Baseline]):
    """Named runs that others are held against."""

    queryset = Baseline.objects.select_related("suite", "run")
    serializer_class = BaselineSerializer
    pagination_class = ByName
    filter_backends = (KnownFilters,)
    filterset_class = BaselineFilters

    @extend_schema(
        operation_id="set_baseline",
        request=BaselineSerializer,
        responses=BaselineSerializer,
        examples=[
            OpenApiExample(
                "The one to hold others against",
                {"name": "main", "run": "0192f1c7-4a1c-7cc2-8f3e-1c2d3e4f5a6b"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Name a finished run. The suite's run that had this name before loses it; a repeat changes nothing."""
        serializer = BaselineSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        try:
            baseline = set_baseline(_run(asked["run"]["public_id"]), asked["name"])
        except RunRefused as refused:
            raise ValidationError({refused.field: [refused.message]}) from refused
        return Response(BaselineSerializer(baseline).data, status.HTTP_200_OK)


class ComparisonView(APIView):
    @extend_schema(
        operation_id="compare_runs",
        responses=ComparisonSerializer,
        parameters=[
            OpenApiParameter("run", OpenApiTypes.UUID, required=True),
            OpenApiParameter("baseline", OpenApiTypes.STR, description="A baseline of the run's suite, by name."),
            OpenApiParameter("with", OpenApiTypes.UUID, description="Or an older run."),
            OpenApiParameter(
                "strict_judges",
                OpenApiTypes.BOOL,
                description="Whether judges with fewer than 20 labels count. Default: as the newer run says.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """A run held against a baseline, or against another run, on the cases that both have."""
        given = request.query_params
        new = _run(_uuid(given.get("run", ""), "run"))
        try:
            old = _old(new, given.get("baseline"), given.get("with"))
            return Response(comparison_body(compare(old, new, strict_judges=_flag(given.get("strict_judges")))))
        except ValueError as error:
            raise ValidationError({"with": [str(error)]}) from error


def _old(new: Run, baseline: str | None, other: str | None) -> Run:
    if (baseline is None) == (other is None):
        raise ValidationError({"baseline": ["Give either a baseline or another run to compare with."]})
    if other is not None:
        return _run(_uuid(other, "with"))
    name = str(baseline).replace("\x00", "")
    found = baseline_run(new.suite, name)
    if found is None:
        raise NotFound(f"The suite {new.suite.name} has no baseline {name!r} yet.")
    return found


def _flag(text: str | None) -> bool | None:
    if text not in (None, "true", "false"):
        raise ValidationError({"strict_judges": ["Write true or false."]})
    return None if text is None else text == "true"


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValidationError({field: ["Write the id of a run."]}) from None
