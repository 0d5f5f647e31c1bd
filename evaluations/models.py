"""What was good: criteria, and the evaluation of a call with its figures and verdicts."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from agents.models import Agent, Scenario
from calls.models import Call
from evaluations.outcomes import Outcome
from evaluations.run_models import Alert, AlertRule, Baseline, Dispatcher, Run, RunCase, Schedule, Suite

__all__ = [
    "Alert",
    "AlertRule",
    "Baseline",
    "Criterion",
    "Dispatcher",
    "Evaluation",
    "Measurement",
    "Run",
    "RunCase",
    "Schedule",
    "Suite",
    "Verdict",
]
# Kinds of criteria that a judge decides begin so.
JUDGED = "judge"
OUTCOMES = [(outcome.value, outcome.value) for outcome in Outcome]


class Criterion(models.Model):
    """A rule for a good call. `kind` names a registered criterion type; `config` is checked by it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=40)
    config = models.JSONField(default=dict, blank=True)
    is_critical = models.BooleanField(default=True, help_text="A failed critical criterion fails the call.")
    weight = models.FloatField(
        default=1, validators=[MinValueValidator(0)], help_text="Its share of the call's score; 0: none."
    )
    # Applied only where the other criterion had this outcome on the call; else not applicable.
    condition = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="dependents")
    condition_outcome = models.CharField(max_length=16, choices=OUTCOMES, default=Outcome.PASS)
    # Empty sets mean every agent, every scenario.
    agents = models.ManyToManyField(Agent, blank=True, related_name="criteria")
    scenarios = models.ManyToManyField(Scenario, blank=True, related_name="criteria")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "criteria"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("evaluations:criterion", args=[self.public_id])

    @property
    def is_judged(self) -> bool:
        return self.kind.startswith(JUDGED)


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    """Each change of an outcome is told to the call, whose lists are filtered by it."""

    def update(self, **changes: Any) -> int:
        if not changes.keys() & {"outcome", "number", "call", "call_id"}:
            return super().update(**changes)
        with transaction.atomic(using=self.db):
            calls = set(self.order_by().values_list("call_id", flat=True))
            changed = super().update(**changes)
            if changed:
                tell_outcomes(calls)
        return changed

    def bulk_create(self, objs: Iterable["Evaluation"], *args: Any, **kwargs: Any) -> list["Evaluation"]:
        with transaction.atomic(using=self.db):
            made = super().bulk_create(objs, *args, **kwargs)
            tell_outcomes({each.call_id for each in made})
        return made


def tell_outcomes(calls: Iterable[int]) -> None:
    """Write the outcome of each call's newest evaluation into the call, where it is another one than before. What was
    summed up of an ended run with this call is not true any more."""
    known = list(calls)
    newest = Evaluation.objects.filter(call=OuterRef("pk")).order_by("-number").values("outcome")[:1]
    now = Coalesce(Subquery(newest), Value(""))
    Call.objects.filter(pk__in=known).exclude(outcome=now).update(outcome=now)
    Run.objects.filter(cases__call__in=known, finished_at__isnull=False).update(summary=None)


class Evaluation(models.Model):
    """All verdicts and figures of one call, made in one go. The newest one counts."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="evaluations")
    # 1 for the one made at the call's end; the unique pair makes "once" a matter of the database.
    number = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    outcome = models.CharField(max_length=16, choices=OUTCOMES, blank=True)
    # The share of weight that passed, of criteria with a pass or a fail; null: there are none.
    score = models.FloatField(null=True)
    # Of a call that failed or could not be judged: a `causes.Cause`, with the reason for naming it.
    cause = models.CharField(max_length=20, blank=True, db_index=True)
    cause_reason = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # A claim: who works on it and until when; a claim that ran out may be taken over.
    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=("call", "number"), name="evaluation_number")]
        indexes = [
            models.Index(fields=("-created_at", "-id")),
            models.Index(fields=("outcome", "-created_at", "-id")),
            models.Index(fields=("state", "-created_at", "-id")),
            models.Index(fields=("finished_at",)),
        ]

    def __str__(self) -> str:
        return f"Evaluation {self.number} of {self.call_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(using=kwargs.get("using")):
            super().save(*args, **kwargs)
            tell_outcomes([self.call_id])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        call_id = self.call_id
        with transaction.atomic(using=kwargs.get("using")):
            deleted = super().delete(*args, **kwargs)
            tell_outcomes([call_id])
        return deleted


class Measurement(models.Model):
    """One figure of an evaluation, with the version of the metric that made it."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="measurements")
    metric = models.CharField(max_length=40)
    metric_version = models.PositiveSmallIntegerField()
    unit = models.CharField(max_length=12)
    # The headline number; null where the call gives none, with the reason in `note`.
    value = models.FloatField(null=True)
    n = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    # {"p50": …, "p95": …, "max": …} and whatever else the metric gives by name.
    parts = models.JSONField(default=dict, blank=True)
    # [{"start_ms", "end_ms", "value", "side", "note"}]: where in the call.
    occurrences = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=("evaluation", "metric"), name="one_measurement_a_metric")]

    def __str__(self) -> str:
        return self.metric


class Verdict(models.Model):
    """The outcome of one criterion on one call, with evidence."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="verdicts")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="verdicts", db_index=False)
    # The criterion as it was: a later edit does not change what was judged.
    criterion_name = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)
    kind_version = models.PositiveSmallIntegerField()
    config = models.JSONField(default=dict, blank=True)
    is_critical = models.BooleanField(default=True)
    weight = models.FloatField(default=1)
    outcome = models.CharField(max_length=16, choices=OUTCOMES)
    # What people say it should be: the newest label's outcome, "" without labels. It overrides `outcome`.
    said = models.CharField(max_length=16, choices=OUTCOMES, blank=True, editable=False)
    reason = models.TextField(blank=True)
    # [{"turn": turn public id or null, "quote", "start_ms", "end_ms"}]
    evidence = models.JSONField(default=list, blank=True)
    decided_by = models.CharField(max_length=80, help_text="metric, rule, judge model, or person.")
    prompt_hash = models.CharField(max_length=64, blank=True)
    votes = models.JSONField(default=list, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=("evaluation", "criterion"), name="one_verdict_a_criterion")]
        indexes = [models.Index(fields=(name, "-id")) for name in ("outcome", "kind", "criterion")]

    def __str__(self) -> str:
        return f"{self.criterion_name}: {self.outcome}"

    @property
    def counted(self) -> Outcome:
        """The outcome that counts: people's, else its own."""
        return Outcome(self.said or self.outcome)

    @property
    def is_judged(self) -> bool:
        """By a judge, whom people's labels measure."""
        return self.kind.startswith(JUDGED)


class Label(models.Model):
    """What a person says of a verdict: one a person and verdict, and the newest of all counts.

    Of a judge's verdict it holds for the call: a judge that is asked again about the call does not undo it.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    verdict = models.ForeignKey(Verdict, on_delete=models.CASCADE, related_name="labels")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="labels")
    # What the outcome should be; the verdict's own where the person agrees.
    outcome = models.CharField(max_length=16, choices=OUTCOMES)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-updated_at", "-id")
        constraints = [models.UniqueConstraint(fields=("verdict", "person"), name="one_label_a_person")]

    def __str__(self) -> str:
        return f"{self.outcome} for {self.verdict_id}"

    @property
    def agrees(self) -> bool:
        return self.outcome == self.verdict.outcome
