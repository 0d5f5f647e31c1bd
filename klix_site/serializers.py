"""How the API shows a call with all that belongs to it, and what it takes to place one."""

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.models import E164, Agent, AgentVersion, Persona, Scenario
from calls.costs import call_cost
from calls.functions import called_on
from calls.models import Call, Recording, Turn
from evaluations.models import OUTCOMES, Evaluation, Measurement, Verdict
from klix_site.api_base import Strict

M = TypeVar("M", bound=Model)


class AgentOfCallSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class NamedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class TurnSerializer(serializers.ModelSerializer[Turn]):
    """What one side said. Times are milliseconds from the media stream's start."""

    id = serializers.UUIDField(source="public_id")

    class Meta:
        model = Turn
        fields = (
            "id",
            "index",
            "side",
            "text",
            "heard",
            "translation",
            "translation_language",
            "language",
            "start_ms",
            "end_ms",
            "is_final",
            "words",
            "latencies",
        )


class MeasurementSerializer(serializers.ModelSerializer[Measurement]):
    """A figure. `value` is null where the call gives none, and `note` says why."""

    class Meta:
        model = Measurement
        fields = ("metric", "metric_version", "unit", "value", "n", "note", "parts", "occurrences")


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    """The outcome of one criterion, with evidence. `said` is what a person says of it; "": nobody did."""

    id = serializers.UUIDField(source="public_id")
    said = serializers.ChoiceField(OUTCOMES, allow_blank=True)

    class Meta:
        model = Verdict
        fields: tuple[str, ...] = (
            "id",
            "criterion_name",
            "kind",
            "is_critical",
            "outcome",
            "said",
            "reason",
            "evidence",
            "decided_by",
            "prompt_hash",
            "cost",
        )


class ProviderCostSerializer(serializers.Serializer[Any]):
    """One provider's part in a call. `cost` is null where a model has no price in the settings."""

    capability = serializers.CharField()
    provider = serializers.CharField()
    model = serializers.CharField()
    requests = serializers.IntegerField()
    failed = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    audio_ms = serializers.FloatField()
    characters = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=None, decimal_places=None, allow_null=True)


class CallCostSerializer(serializers.Serializer[Any]):
    """`total` is null where a part is; a call played by offline providers alone has no parts and costs 0."""

    total = serializers.DecimalField(max_digits=None, decimal_places=None, allow_null=True)
    parts = ProviderCostSerializer(many=True)


class FunctionSerializer(serializers.Serializer[Any]):
    """A function that a brain called. `ok` is null while it has not answered; `at_ms` as the times of turns."""

    name = serializers.CharField()
    side = serializers.CharField()
    arguments = serializers.DictField()
    output = serializers.CharField()
    ok = serializers.BooleanField(allow_null=True)
    at_ms = serializers.IntegerField()
    took_ms = serializers.FloatField(allow_null=True)


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """A call's newest."""

    class Meta:
        model = Evaluation
        fields = ("state", "outcome", "cause", "cause_reason", "error", "finished_at")

    def get_attribute(self, instance: Any) -> Evaluation | None:
        return newest_evaluation(instance)


class RecordingSerializer(serializers.ModelSerializer[Recording]):
    """The stereo recording: left caller, right agent. `url` is null until it is ready."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Recording
        fields = ("state", "url", "duration_ms", "channels", "sample_rate_hz")

    @extend_schema_field({"type": ["string", "null"], "format": "uri-reference"})
    def get_url(self, recording: Recording) -> str | None:
        if recording.state != Recording.State.READY:
            return None
        return reverse("api-call-recording", args=[recording.call.public_id])


class CallSerializer(serializers.ModelSerializer[Call]):
    """A call in a list."""

    id = serializers.UUIDField(source="public_id")
    url = serializers.SerializerMethodField()
    call_sid = serializers.SerializerMethodField()
    agent = AgentOfCallSerializer()
    agent_version = serializers.SerializerMethodField()
    persona = NamedSerializer(allow_null=True)
    scenario = NamedSerializer(allow_null=True)
    duration_s = serializers.FloatField(allow_null=True)
    evaluation = EvaluationSerializer(allow_null=True)

    class Meta:
        model = Call
        fields: tuple[str, ...] = (
            "id",
            "url",
            "call_sid",
            "agent",
            "agent_version",
            "persona",
            "scenario",
            "direction",
            "status",
            "ending",
            "answered_by",
            "error_code",
            "error_message",
            "notice",
            "from_number",
            "to_number",
            "created_at",
            "updated_at",
            "answered_at",
            "ended_at",
            "duration_s",
            "evaluation",
        )

    def get_url(self, call: Call) -> str:
        return reverse("api-call", args=[call.public_id])

    def get_call_sid(self, call: Call) -> str | None:
        return next((leg.call_sid for leg in call.legs.all() if leg.call_sid), None)

    def get_agent_version(self, call: Call) -> int | None:
        return call.agent_version.number if call.agent_version else None


class CallDetailSerializer(CallSerializer):
    """A call with its transcript, figures and verdicts: of the newest evaluation."""

    turns = TurnSerializer(many=True)
    metrics = serializers.SerializerMethodField()
    verdicts = serializers.SerializerMethodField()
    recording = serializers.SerializerMethodField()
    functions = serializers.SerializerMethodField()
    cost = serializers.SerializerMethodField()

    class Meta(CallSerializer.Meta):
        fields = (*CallSerializer.Meta.fields, "recording", "turns", "functions", "metrics", "verdicts", "cost")

    @extend_schema_field(MeasurementSerializer(many=True))
    def get_metrics(self, call: Call) -> Any:
        evaluation = newest_evaluation(call)
        return [] if evaluation is None else MeasurementSerializer(evaluation.measurements.all(), many=True).data

    @extend_schema_field(VerdictSerializer(many=True))
    def get_verdicts(self, call: Call) -> Any:
        evaluation = newest_evaluation(call)
        return [] if evaluation is None else VerdictSerializer(evaluation.verdicts.all(), many=True).data

    @extend_schema_field(RecordingSerializer(allow_null=True))
    def get_recording(self, call: Call) -> Any:
        recording = getattr(call, "recording", None)
        return None if recording is None else RecordingSerializer(recording).data

    @extend_schema_field(FunctionSerializer(many=True))
    def get_functions(self, call: Call) -> Any:
        return FunctionSerializer(called_on(call), many=True).data

    @extend_schema_field(CallCostSerializer())
    def get_cost(self, call: Call) -> Any:
        return CallCostSerializer(call_cost(call)).data


def newest_evaluation(call: Call) -> Evaluation | None:
    """From the prefetched ones, which come newest first."""
    return next(iter(call.evaluations.all()), None)


# --- Evaluations ------------------------------------------------------------------------------------------------------
class EvaluationRowSerializer(serializers.ModelSerializer[Evaluation]):
    """An evaluation in a list."""

    id = serializers.UUIDField(source="public_id")
    url = serializers.SerializerMethodField()
    call = serializers.UUIDField(source="call.public_id")

    class Meta:
        model = Evaluation
        fields: tuple[str, ...] = (
            "id",
            "url",
            "call",
            "number",
            "state",
            "outcome",
            "cause",
            "cause_reason",
            "error",
            "created_at",
            "finished_at",
        )

    def get_url(self, evaluation: Evaluation) -> str:
        return reverse("api-evaluation", args=[evaluation.public_id])


class EvaluationDetailSerializer(EvaluationRowSerializer):
    """With its figures and verdicts."""

    metrics = MeasurementSerializer(source="measurements", many=True)
    verdicts = VerdictSerializer(many=True)

    class Meta(EvaluationRowSerializer.Meta):
        fields = (*EvaluationRowSerializer.Meta.fields, "metrics", "verdicts")


class VerdictRowSerializer(VerdictSerializer):
    """A verdict in a list, with where it belongs."""

    criterion = serializers.UUIDField(source="criterion.public_id")
    evaluation = serializers.UUIDField(source="evaluation.public_id")
    call = serializers.UUIDField(source="evaluation.call.public_id")
    agent = serializers.CharField(source="evaluation.call.agent.name")

    class Meta(VerdictSerializer.Meta):
        fields = (*VerdictSerializer.Meta.fields, "criterion", "evaluation", "call", "agent")


# --- Placing ----------------------------------------------------------------------------------------------------------
def found(rows: "QuerySet[M]", text: str, word: str) -> M:
    """The row of this id or name."""
    try:
        row = rows.filter(public_id=UUID(text)).first()
    except ValueError:
        row = rows.filter(name=text).first()
    if row is None:
        raise serializers.ValidationError(f"There is no such {word}.")
    return row


class NewCallSerializer(Strict):
    """Who is called, and who calls: a persona (perhaps its scenario's), or nobody but the number to dial."""

    agent = serializers.CharField(max_length=100, help_text="The agent's id or name.")
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False, help_text="Default: newest.")
    persona = serializers.CharField(max_length=100, required=False, help_text="The persona's id or name.")
    scenario = serializers.CharField(max_length=120, required=False, help_text="The scenario's id or name.")
    to_number = serializers.CharField(
        max_length=16, validators=[E164], required=False, help_text="Instead of a persona: +14155550123."
    )

    def validate_agent(self, text: str) -> Agent:
        return found(Agent.objects.filter(archived_at=None), text, "agent")

    def validate_persona(self, text: str) -> Persona:
        return found(Persona.objects.filter(archived_at=None), text, "persona")

    def validate_scenario(self, text: str) -> Scenario:
        return found(Scenario.objects.filter(archived_at=None).select_related("persona"), text, "scenario")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        scenario: Scenario | None = attrs.get("scenario")
        persona = attrs.get("persona") or (scenario.persona if scenario else None)
        to_number = attrs.get("to_number", "")
        if bool(persona or scenario) == bool(to_number):
            raise serializers.ValidationError(
                "Give either to_number, or a persona (a scenario may name it), and not both."
            )
        if scenario and persona is None:
            raise serializers.ValidationError({"persona": ["The scenario names no caller: choose one."]})
        version = self._version(attrs["agent"], attrs.get("version"))
        return {"version": version, "persona": persona, "scenario": scenario, "to_number": to_number}

    def _version(self, agent: Agent, number: int | None) -> AgentVersion:
        version = agent.current_version if number is None else agent.versions.filter(number=number).first()
        if version is None:
            raise serializers.ValidationError({"version": [f"{agent.name} has no version {number or 'yet'}."]})
        return version
