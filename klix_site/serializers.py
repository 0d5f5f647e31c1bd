"""How the API shows a call with all that belongs to it."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from calls.costs import call_cost
from calls.models import Call, Recording, Turn
from evaluations.models import Evaluation, Measurement, Verdict


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
    """The outcome of one criterion, with evidence."""

    id = serializers.UUIDField(source="public_id")

    class Meta:
        model = Verdict
        fields = (
            "id",
            "criterion_name",
            "kind",
            "is_critical",
            "outcome",
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


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    class Meta:
        model = Evaluation
        fields = ("state", "outcome", "error", "finished_at")


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
    evaluation = serializers.SerializerMethodField()

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

    @extend_schema_field(EvaluationSerializer(allow_null=True))
    def get_evaluation(self, call: Call) -> Any:
        evaluation = newest_evaluation(call)
        return None if evaluation is None else EvaluationSerializer(evaluation).data


class CallDetailSerializer(CallSerializer):
    """A call with its transcript, figures and verdicts: of the newest evaluation."""

    turns = TurnSerializer(many=True)
    metrics = serializers.SerializerMethodField()
    verdicts = serializers.SerializerMethodField()
    recording = serializers.SerializerMethodField()
    cost = serializers.SerializerMethodField()

    class Meta(CallSerializer.Meta):
        fields = (*CallSerializer.Meta.fields, "recording", "turns", "metrics", "verdicts", "cost")

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

    @extend_schema_field(CallCostSerializer())
    def get_cost(self, call: Call) -> Any:
        return CallCostSerializer(call_cost(call)).data


def newest_evaluation(call: Call) -> Evaluation | None:
    """From the prefetched ones, which come newest first."""
    return next(iter(call.evaluations.all()), None)
