"""Definitions, runs and comparisons over the REST API: what the `klix` command line works with."""

from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.models import Agent, AgentVersion, Persona, Scenario
from evaluations.models import Criterion
from evaluations.run_models import Baseline, Run, RunCase, Suite
from evaluations.runs.comparison import compare
from evaluations.runs.rendering import comparison_body
from evaluations.runs.selectors import baseline_run
from evaluations.runs.starting import Limits, RunRefused, retry_errors, set_baseline, start_run, stop_run
from evaluations.serializers import (
    AgentSerializer,
    BaselineSerializer,
    CriterionSerializer,
    PersonaSerializer,
    RunCaseSerializer,
    RunDetailSerializer,
    RunSerializer,
    ScenarioSerializer,
    StartRunSerializer,
    SuiteSerializer,
)

MAX_KEY_CHARS: Final = 60


class KeyReused(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another run. Use a new key for a new run."


class ByKey(CursorPagination):
    """By key, not by number: page 1,000 costs what page 1 does, and what is added meanwhile shifts nothing."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class ByName(ByKey):
    ordering = "name"


class NewestFirst(ByKey):
    ordering = ("-created_at", "-id")


class ByIndex(ByKey):
    ordering = "index"
    max_page_size = 1000


class Listing(ListAPIView[Any]):
    """A list that refuses parameters it does not know: a misspelt filter would otherwise give everything."""

    known: ClassVar[frozenset[str]] = frozenset()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        given = set(self.request.query_params) - {"cursor", "page_size"}
        if unknown := sorted(given - self.known):
            raise ValidationError({name: ["Unknown parameter."] for name in unknown})
        for name in sorted(given):
            if "\x00" in self.request.query_params[name]:
                raise ValidationError({name: ["Null characters are not allowed."]})
        return queryset


# --- Definitions ------------------------------------------------------------------------------------------------------
class Definitions(Listing):
    """A list by name; POST makes the one of that name, or makes it say what is sent."""

    model: type[Model]
    pagination_class = ByName
    known = frozenset({"name"})
    writable = True

    def get_queryset(self) -> QuerySet[Any]:
        found = self.model._default_manager.filter(archived_at=None)
        name = self.request.query_params.get("name")
        return found.filter(name=name) if name is not None else found

    def post(self, request: Request) -> Response:
        sent: Any = request.data
        name = str(sent.get("name", "")) if isinstance(sent, dict) else ""
        existing = self.model._default_manager.filter(name=name.replace("\x00", "")).first()
        serializer = self.get_serializer(existing, data=sent)
        serializer.is_valid(raise_exception=True)
        extra = {"archived_at": None} if existing else {}
        serializer.save(**extra)
        return Response(serializer.data, status.HTTP_200_OK if existing else status.HTTP_201_CREATED)


class AgentList(Listing):
    """Agents that can be tested."""

    serializer_class = AgentSerializer
    pagination_class = ByName
    known = frozenset({"name"})

    def get_queryset(self) -> QuerySet[Agent]:
        name = self.request.query_params.get("name")
        found = Agent.objects.filter(archived_at=None)
        return found.filter(name=name) if name is not None else found


@extend_schema_view(post=extend_schema(responses={200: PersonaSerializer, 201: PersonaSerializer}))
class PersonaList(Definitions):
    model = Persona
    serializer_class = PersonaSerializer


@extend_schema_view(post=extend_schema(responses={200: ScenarioSerializer, 201: ScenarioSerializer}))
class ScenarioList(Definitions):
    model = Scenario
    serializer_class = ScenarioSerializer


@extend_schema_view(post=extend_schema(responses={200: CriterionSerializer, 201: CriterionSerializer}))
class CriterionList(Definitions):
    model = Criterion
    serializer_class = CriterionSerializer


@extend_schema_view(post=extend_schema(responses={200: SuiteSerializer, 201: SuiteSerializer}))
class SuiteList(Definitions):
    model = Suite
    serializer_class = SuiteSerializer


# --- Runs -------------------------------------------------------------------------------------------------------------
class RunList(Listing):
    """Runs, newest first; POST begins one."""

    serializer_class = RunSerializer
    pagination_class = NewestFirst
    known = frozenset({"suite", "agent", "state"})

    def get_queryset(self) -> QuerySet[Run]:
        runs = Run.objects.select_related("agent_version__agent")
        given = self.request.query_params
        if "suite" in given:
            runs = runs.filter(suite__name=given["suite"])
        if "agent" in given:
            runs = runs.filter(agent_version__agent__name=given["agent"])
        if "state" in given:
            runs = runs.filter(state=_state(given["state"]))
        return runs

    @extend_schema(
        operation_id="start_run",
        request=StartRunSerializer,
        responses={201: RunSerializer, 200: RunSerializer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description=f"The same key begins one run, however often it is sent (at most {MAX_KEY_CHARS} signs).",
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Begin a run. Its calls cost money where telephony is Twilio."""
        serializer = StartRunSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        run, is_new = _start(serializer.validated_data, _idempotency_key(request))
        return Response(RunSerializer(run).data, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


def _state(text: str) -> str:
    if text not in Run.State.values:
        raise ValidationError({"state": [f"Choose one of: {', '.join(Run.State.values)}."]})
    return text


def _idempotency_key(request: Request) -> str | None:
    """The key as stored: each user has keys of their own."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_CHARS:
        raise ValidationError({"Idempotency-Key": [f"At most {MAX_KEY_CHARS} characters."]})
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
    return get_object_or_404(Run.objects.select_related("agent_version__agent", "suite"), public_id=public_id)


class RunDetail(APIView):
    @extend_schema(operation_id="get_run", responses=RunDetailSerializer)
    def get(self, request: Request, public_id: UUID) -> Response:
        """One run: progress, pass rate with its interval, pass^k, figures."""
        return Response(RunDetailSerializer(_run(public_id)).data)


class RunCases(Listing):
    """The cases of a run, in order."""

    serializer_class = RunCaseSerializer
    pagination_class = ByIndex
    known = frozenset({"outcome"})

    def get_queryset(self) -> QuerySet[RunCase]:
        cases = _run(self.kwargs["public_id"]).cases.select_related("scenario", "persona", "call")
        outcome = self.request.query_params.get("outcome")
        return cases.filter(outcome=outcome) if outcome is not None else cases


class StopRun(APIView):
    @extend_schema(operation_id="stop_run", request=None, responses=RunSerializer)
    def post(self, request: Request, public_id: UUID) -> Response:
        """Place no further call; those under way end by themselves."""
        run = _run(public_id)
        stop_run(run, f"Stopped by {request.user}.")
        return Response(RunSerializer(_run(public_id)).data)


class RetryRun(APIView):
    @extend_schema(operation_id="retry_run", request=None, responses=RunSerializer)
    def post(self, request: Request, public_id: UUID) -> Response:
        """Call again where nothing could be told, or nothing was called."""
        retry_errors(_run(public_id))
        return Response(RunSerializer(_run(public_id)).data)


# --- Comparison -------------------------------------------------------------------------------------------------------
class BaselineList(Listing):
    """Named runs that others are held against; POST names one."""

    serializer_class = BaselineSerializer
    pagination_class = ByName
    known = frozenset({"suite"})

    def get_queryset(self) -> QuerySet[Baseline]:
        found = Baseline.objects.select_related("suite", "run")
        suite = self.request.query_params.get("suite")
        return found.filter(suite__name=suite) if suite is not None else found

    def post(self, request: Request) -> Response:
        serializer = BaselineSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        try:
            baseline = set_baseline(_run(asked["run"]["public_id"]), asked["name"])
        except RunRefused as refused:
            raise ValidationError({refused.field: [refused.message]}) from refused
        return Response(BaselineSerializer(baseline).data, status.HTTP_200_OK)


class ComparisonSerializer(serializers.Serializer[Any]):
    """Verdict of the gate, the cases that regressed and were fixed, criteria and reply times."""

    verdict = serializers.CharField()
    old = serializers.UUIDField()
    new = serializers.UUIDField()


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
    found = baseline_run(new.suite, str(baseline))
    if found is None:
        raise NotFound(f"The suite {new.suite.name} has no baseline {baseline!r} yet.")
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
