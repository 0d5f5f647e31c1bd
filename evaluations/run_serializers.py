"""Runs, their cases and comparisons as the REST API shows them."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from evaluations.run_models import Run, RunCase
from evaluations.runs.selectors import progress_of, results, spent
from evaluations.runs.validation import LeftOut


class RunsSerializer(serializers.ListSerializer[Any]):
    """Their progress is asked for together."""

    def to_representation(self, data: Any) -> list[Any]:
        runs = list(data)
        for pk, told in progress_of(runs).items():
            next(run for run in runs if run.pk == pk).told = told
        return super().to_representation(runs)


class ProgressSerializer(serializers.Serializer[Any]):
    """Cases by state; `left_s`: an estimate, null before the first is done."""

    total = serializers.IntegerField()
    waiting = serializers.IntegerField()
    calling = serializers.IntegerField()
    done = serializers.IntegerField()
    stopped = serializers.IntegerField()
    outcomes = serializers.DictField(child=serializers.IntegerField())
    repeated = serializers.IntegerField()
    left_s = serializers.FloatField(allow_null=True)


class RunSerializer(serializers.ModelSerializer[Run]):
    id = serializers.UUIDField(source="public_id")
    url = serializers.SerializerMethodField()
    suite = serializers.SerializerMethodField()
    agent = serializers.CharField(source="agent_version.agent.name")
    agent_version = serializers.IntegerField(source="agent_version.number")
    progress = serializers.SerializerMethodField()

    class Meta:
        model = Run
        list_serializer_class = RunsSerializer
        fields: tuple[str, ...] = (
            "id",
            "url",
            "suite",
            "agent",
            "agent_version",
            "label",
            "state",
            "stop_reason",
            "seed",
            "max_cost",
            "max_minutes",
            "created_at",
            "finished_at",
            "progress",
        )

    def get_url(self, run: Run) -> str:
        return reverse("api-run", args=[run.public_id])

    def get_suite(self, run: Run) -> str:
        """The suite's name when the run began."""
        return str(run.suite_snapshot["name"])

    @extend_schema_field(ProgressSerializer())
    def get_progress(self, run: Run) -> Any:
        told = getattr(run, "told", None) or progress_of([run])[run.pk]
        return ProgressSerializer(told).data


class RunDetailSerializer(RunSerializer):
    results = serializers.SerializerMethodField()
    spent = serializers.SerializerMethodField()

    class Meta(RunSerializer.Meta):
        fields = (*RunSerializer.Meta.fields, "spent", "results")

    @extend_schema_field({"type": "object"})
    def get_spent(self, run: Run) -> dict[str, Any]:
        so_far = spent(run)
        return {"minutes": round(so_far.minutes, 3), "cost": str(so_far.cost)}

    @extend_schema_field({"type": "object"})
    def get_results(self, run: Run) -> dict[str, Any]:
        told = results(run)
        return {
            "pass_rate": rate_body(told.rate),
            "required_pass_rate": told.required_pass_rate,
            "gate": {
                "pass_rate": rate_body(told.gate.rate),
                "outcomes": told.gate.outcomes,
                "is_required_rate_kept": told.gate.is_required_rate_kept,
                "left_out": left_out_body(told.gate.left_out),
            },
            "pass_hat": {str(k): value for k, value in told.pass_hat.items()},
            "criteria": {name: rate_body(rate) for name, rate in told.criteria.items()},
            "causes": told.causes,
            "figures": [
                {
                    "figure": each.metric,
                    "label": each.label,
                    "unit": each.unit,
                    "n": each.n,
                    "calls": each.calls,
                    "p50": each.p50,
                    "p95": each.p95,
                    "mean": each.mean,
                    "max": each.maximum,
                }
                for each in told.figures
            ],
        }


def rate_body(rate: Any) -> dict[str, Any]:
    return {
        "passed": rate.passed,
        "n": rate.n,
        "value": rate.value,
        "low": rate.interval.low,
        "high": rate.interval.high,
    }


def left_out_body(left_out: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """The criteria whose judges have too few labels to decide a gate."""
    return [{"criterion": each.criterion, "judge": each.judge, "labels": each.labels} for each in left_out]


class RunCaseSerializer(serializers.ModelSerializer[RunCase]):
    id = serializers.UUIDField(source="public_id")
    scenario = serializers.CharField(source="scenario.name")
    persona = serializers.CharField(source="persona.name")
    line = serializers.CharField(source="line_name")
    call = serializers.SerializerMethodField()
    duration_s = serializers.SerializerMethodField()

    class Meta:
        model = RunCase
        fields = (
            "id",
            "index",
            "scenario",
            "persona",
            "line",
            "repeat",
            "state",
            "attempt",
            "outcome",
            "cause",
            "reason",
            "call",
            "duration_s",
            "history",
            "finished_at",
        )

    def get_call(self, case: RunCase) -> str | None:
        return str(case.call.public_id) if case.call else None

    def get_duration_s(self, case: RunCase) -> float | None:
        return case.call.duration_s if case.call else None


class BaselineSerializer(serializers.Serializer[Any]):
    suite = serializers.CharField(source="suite.name", read_only=True)
    name = serializers.CharField(max_length=60)
    run = serializers.UUIDField(source="run.public_id")


class ComparisonSerializer(serializers.Serializer[Any]):
    """Verdict of the gate, the cases that regressed and were fixed, criteria and reply times."""

    verdict = serializers.CharField()
    old = serializers.UUIDField()
    new = serializers.UUIDField()
