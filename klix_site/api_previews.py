"""What is asked before anything is made, over the REST API: a criterion tried, scenarios drafted, a run estimated. And
how an agent's runs came out over time. Nothing of this is kept."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.errors import Misconfigured, ProviderError
from agents.models import Agent, Persona, Scenario
from calls.audio.line.presets import PRESETS
from calls.models import Call
from evaluations.models import Criterion
from evaluations.run_forms import NewRunForm
from evaluations.run_models import MAX_REPEATS, Suite
from evaluations.run_serializers import rate_body
from evaluations.scenario_drafts import MAX_DRAFTS, draft_scenarios
from evaluations.serializers import CriterionSerializer, named
from evaluations.trends import PERIODS, Point, trends
from evaluations.trying import MOST_AT_ONCE, completed_calls, past_calls, try_criterion
from klix_site.api_base import Polled, Strict
from klix_site.api_errors import ProviderFailed

NEWEST: Final = 2  # calls that a criterion is tried on where none are named


# --- A criterion tried ------------------------------------------------------------------------------------------------
class TryingSerializer(Strict):
    criterion = CriterionSerializer(help_text="As it would be saved. One of this name that is there already stays.")
    calls = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MOST_AT_ONCE,
        help_text=f"Completed calls. Without them: the newest {NEWEST} that it would apply to.",
    )

    def validate_calls(self, ids: list[UUID]) -> list[Call]:
        found = list(completed_calls().filter(public_id__in=ids))
        if len(found) < len(set(ids)):
            raise serializers.ValidationError("There is no such completed call.")
        return found


class EvidenceSerializer(serializers.Serializer[Any]):
    turn = serializers.CharField(allow_null=True)
    quote = serializers.CharField()
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()


class TriedSerializer(serializers.Serializer[Any]):
    call = serializers.UUIDField(source="call.public_id")
    outcome = serializers.CharField()
    reason = serializers.CharField(source="judgement.reason")
    evidence = EvidenceSerializer(source="judgement.evidence", many=True)
    decided_by = serializers.CharField(source="judgement.decided_by")
    cost = serializers.DecimalField(source="judgement.cost", max_digits=12, decimal_places=6)


class TryCriterion(APIView):
    @extend_schema(
        operation_id="try_criterion",
        request=TryingSerializer,
        responses=TriedSerializer(many=True),
        examples=[
            OpenApiExample(
                "On the newest calls",
                {"criterion": {"name": "Says goodbye", "kind": "phrase", "config": {"phrase": "goodbye"}}},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """What a criterion would say of past calls, before it is saved. Nothing is kept. A judge that is asked costs
        what it costs."""
        asked = TryingSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        sent = asked.validated_data["criterion"]
        draft = _draft(sent)
        calls = asked.validated_data.get("calls")
        if calls is None:
            calls = past_calls(draft, [agent.pk for agent in sent.get("agents", ())], NEWEST)
        return Response(TriedSerializer(try_criterion(draft, calls), many=True).data)


def _draft(sent: dict[str, Any]) -> Criterion:
    return Criterion(**{name: value for name, value in sent.items() if name not in ("agents", "scenarios")})


# --- Scenarios drafted ------------------------------------------------------------------------------------------------
class DraftsSerializer(Strict):
    n = serializers.IntegerField(min_value=1, max_value=MAX_DRAFTS, default=5)


class DraftSerializer(serializers.ModelSerializer[Scenario]):
    """A scenario that a model wrote. Read it, change it, and POST it to the list of scenarios."""

    name = serializers.CharField()
    facts = serializers.DictField()

    class Meta:
        model = Scenario
        fields = ("name", "goal", "facts", "outcome")


class DraftScenarios(APIView):
    @extend_schema(
        operation_id="draft_scenarios",
        request=DraftsSerializer,
        responses=DraftSerializer(many=True),
        examples=[OpenApiExample("Three", {"n": 3}, request_only=True)],
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Scenarios that a chat model writes from the agent's prompt. None is saved: a person reads each before."""
        agent = get_object_or_404(Agent, public_id=public_id)
        asked = DraftsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            found = draft_scenarios(agent, asked.validated_data["n"])
        except Misconfigured as error:
            raise ValidationError({"non_field_errors": [error.message]}) from error
        except ProviderError as error:
            raise ProviderFailed(error.message) from error
        return Response(DraftSerializer(found, many=True).data)


# --- A run estimated --------------------------------------------------------------------------------------------------
class PlannedRunSerializer(Strict):
    """A suite, or a grid of scenarios and personas, as the page of a new run has it."""

    suite = named(Suite, required=False, allow_null=True)
    scenarios = named(Scenario, many=True, required=False)
    personas = named(Persona, many=True, required=False)
    lines = serializers.ListField(child=serializers.ChoiceField(sorted(PRESETS)), required=False)
    repeats = serializers.IntegerField(min_value=1, max_value=MAX_REPEATS, required=False)


class EstimateSerializer(serializers.Serializer[Any]):
    """`phone_s`: all calls one after the other; `took_s`: on all lines, no faster than calls may be placed. `cost` is
    null where no call like these has told what it cost."""

    calls = serializers.IntegerField()
    phone_s = serializers.FloatField()
    took_s = serializers.FloatField()
    lines = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=None, decimal_places=None, allow_null=True)


class EstimateRun(APIView):
    @extend_schema(
        operation_id="estimate_run",
        request=PlannedRunSerializer,
        responses=EstimateSerializer,
        examples=[OpenApiExample("A suite", {"suite": "Smoke"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """What a run would come to, from the last calls like its own. Nothing is begun."""
        asked = PlannedRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        form = NewRunForm({name: _keys(value) for name, value in asked.validated_data.items()})
        form.is_valid()  # an agent is not needed for this
        told = form.estimate()
        if told is None:
            raise ValidationError({"scenarios": ["Choose a suite that has scenarios, or at least one scenario."]})
        return Response(EstimateSerializer(told).data)


def _keys(value: Any) -> Any:
    """As a form is sent: objects by their keys."""
    if isinstance(value, list):
        return [_keys(each) for each in value]
    return getattr(value, "pk", value)


# --- Trends -----------------------------------------------------------------------------------------------------------
class RateSerializer(serializers.Serializer[Any]):
    """A share of calls with its 95 % interval."""

    passed = serializers.IntegerField()
    n = serializers.IntegerField()
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField()
    high = serializers.FloatField()


class PointSerializer(serializers.Serializer[Point]):
    """One run. Reply times in seconds; `interruptions`: by the agent, a call."""

    run = serializers.UUIDField(source="run.public_id")
    created_at = serializers.DateTimeField(source="run.created_at")
    agent_version = serializers.IntegerField(source="run.agent_version.number")
    pass_rate = serializers.SerializerMethodField()
    reply_p50 = serializers.FloatField(source="p50", allow_null=True)
    reply_p95 = serializers.FloatField(source="p95", allow_null=True)
    interruptions = serializers.FloatField(allow_null=True)

    @extend_schema_field(RateSerializer())
    def get_pass_rate(self, point: Point) -> dict[str, Any]:
        return rate_body(point.rate)


class BinSerializer(serializers.Serializer[Any]):
    from_s = serializers.FloatField(source="label")
    count = serializers.IntegerField()


class TrendsSerializer(serializers.Serializer[Any]):
    """Of the last runs that ended within the period, oldest first. `replies`: how many took how long; the last one
    holds all that is slower."""

    points = PointSerializer(many=True)
    replies_n = serializers.IntegerField()
    replies = BinSerializer(source="histogram", many=True)


class AgentTrends(Polled):
    @extend_schema(
        operation_id="get_agent_trends",
        responses=TrendsSerializer,
        parameters=[OpenApiParameter("period", OpenApiTypes.STR, enum=list(PERIODS), default="month")],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """How an agent's runs came out over time."""
        agent = get_object_or_404(Agent, public_id=public_id)
        period = request.query_params.get("period", "month")
        if period not in PERIODS:
            raise ValidationError({"period": [f"Choose one of: {', '.join(PERIODS)}."]})
        return Response(TrendsSerializer(trends(agent, period)).data)
