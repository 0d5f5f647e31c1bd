"""Sets of calls: suites, runs with their cases, baselines, schedules and alerts."""

import uuid
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.models import Agent, AgentVersion, Persona, Scenario
from calls.models import Call
from evaluations.outcomes import Outcome

OUTCOMES = [(outcome.value, outcome.value) for outcome in Outcome]
MAX_REPEATS = 50


class Suite(models.Model):
    """Scenarios × personas × line conditions × repeats. Knows no agent: a run names the one it is played against."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=300, blank=True)
    scenarios = models.ManyToManyField(Scenario, related_name="suites")
    # Empty: each scenario is played by its own persona, on its own line.
    personas = models.ManyToManyField(Persona, blank=True, related_name="suites")
    lines = models.JSONField(default=list, blank=True, help_text='[{"name": "clean", "conditions": {…}}]')
    repeats = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_REPEATS)]
    )
    # Empty: all criteria that apply to a call decide its case; else only these, and they apply to each call of it.
    criteria = models.ManyToManyField("evaluations.Criterion", blank=True, related_name="suites")
    required_pass_rate = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)], help_text="0 to 1."
    )
    margin = models.FloatField(
        default=0.10,
        validators=[MinValueValidator(0.01), MaxValueValidator(0.5)],
        help_text="Differences of the pass rate below this count as the same.",
    )
    strict_judges = models.BooleanField(
        default=False,
        help_text="Let judges with fewer than 20 labels from people decide the gate too. Otherwise they are left out.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One execution of a suite, as the suite was then, against one version of an agent."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        STOPPING = "stopping", "Stopping: calls under way end first"
        STOPPED = "stopped", "Stopped"
        FINISHED = "finished", "Finished"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    suite = models.ForeignKey(Suite, on_delete=models.PROTECT, related_name="runs")
    # {"name", "repeats", "required_pass_rate", "margin", "strict_judges", "criteria": [names] or null,
    #  "scenarios": {id: snapshot}}
    suite_snapshot = models.JSONField(default=dict)
    agent_version = models.ForeignKey(AgentVersion, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING, db_index=True)
    stop_reason = models.CharField(max_length=300, blank=True)
    # Null: no limit. Counted over every call of the run, repeats of spoiled calls too.
    max_cost = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    max_minutes = models.PositiveIntegerField(null=True, blank=True)
    seed = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True, unique=True)
    label = models.CharField(max_length=120, blank=True, help_text="A commit or a branch, for the reader.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # What evaluations/runs/summaries.py makes of an ended run; null: not made yet, or not true any more.
    summary = models.JSONField(null=True, blank=True, editable=False)
    # Alert rules have been asked about this end of the run.
    announced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [models.Index(fields=("-created_at", "-id"))]

    def __str__(self) -> str:
        return f"{self.suite_snapshot.get('name', self.suite_id)} against {self.agent_version}"

    @property
    def is_open(self) -> bool:
        return self.state in (Run.State.RUNNING, Run.State.STOPPING)


class RunCase(models.Model):
    """One call to make: a scenario, a persona, a line condition, a repeat. Done once, perhaps after spoiled attempts.

    waiting → placing (claimed) → calling → done; a spoiled call goes back to waiting with the next attempt's number.
    Every move is a conditional update on (state, attempt), so that each happens once, whoever tries it how often.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        PLACING = "placing", "Being placed"
        CALLING = "calling", "On the phone, or being evaluated"
        DONE = "done", "Done"
        STOPPED = "stopped", "Not called: the run was stopped"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="cases")
    index = models.PositiveIntegerField()
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="run_cases")
    persona = models.ForeignKey(Persona, on_delete=models.PROTECT, related_name="run_cases")
    line_name = models.CharField(max_length=60, blank=True)
    line = models.JSONField(default=dict, blank=True)
    repeat = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING, db_index=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField(null=True, blank=True, help_text="Not before this; null: at once.")
    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    call = models.ForeignKey(Call, null=True, blank=True, on_delete=models.SET_NULL, related_name="run_cases")
    outcome = models.CharField(max_length=16, choices=OUTCOMES, blank=True)
    # Whose doing it was that the case did not pass: agent, simulated caller, line, provider, judge.
    cause = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    # [{"attempt", "call", "outcome", "cause", "reason"}]: the earlier attempts, oldest first.
    history = models.JSONField(default=list, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("run", "index")
        constraints = [models.UniqueConstraint(fields=("run", "index"), name="case_of_run")]
        indexes = [models.Index(fields=("state", "due_at"))]

    def __str__(self) -> str:
        return f"Case {self.index} of run {self.run_id}"

    @property
    def call_key(self) -> str:
        """The idempotency key of this attempt's call. A key that a client sent begins with the user's number."""
        return f"run:{self.run.public_id}:{self.index}:{self.attempt}"

    @property
    def identity(self) -> tuple[int, int, str, int]:
        """What makes it the same case in another run."""
        return self.scenario_id, self.persona_id, self.line_name, self.repeat


class Dispatcher(models.Model):
    """The one row whose claim admits one dispatcher at a time."""

    claim = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return "Dispatcher"


class Baseline(models.Model):
    """A name for the run that others are held against."""

    name = models.CharField(max_length=60)
    suite = models.ForeignKey(Suite, on_delete=models.CASCADE, related_name="baselines")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="baselines")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("suite", "name")
        constraints = [models.UniqueConstraint(fields=("suite", "name"), name="baseline_name")]

    def __str__(self) -> str:
        return self.name


class Schedule(models.Model):
    """When a suite is run by itself: five cron fields, in the time zone of the site."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    suite = models.ForeignKey(Suite, on_delete=models.CASCADE, related_name="schedules")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="schedules")
    cron = models.CharField(max_length=80, help_text="Minute, hour, day of month, month, day of week: 0 6 * * 1-5")
    max_cost = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    max_minutes = models.PositiveIntegerField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True, db_index=True)
    # What kept the last one from starting; "" if it started.
    problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("suite", "id")

    def __str__(self) -> str:
        return f"{self.suite} against {self.agent} at {self.cron}"

    def clean(self) -> None:
        from evaluations.runs.cron import check

        check(self.cron)


class AlertRule(models.Model):
    """When somebody is told about runs, and where."""

    class Channel(models.TextChoices):
        WEBHOOK = "webhook", "Webhook (JSON)"
        SLACK = "slack", "Slack or compatible"
        EMAIL = "email", "E-mail"

    class Condition(models.TextChoices):
        PASS_RATE = "pass rate", "Pass rate below the threshold"
        FIGURE = "figure", "A figure above the threshold"
        WORSE = "worse", "Worse than a baseline"
        TREND = "trend", "Pass rate falls over the last runs"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120, unique=True)
    # Null: every suite, every agent.
    suite = models.ForeignKey(Suite, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules")
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_rules")
    condition = models.CharField(max_length=10, choices=Condition.choices)
    threshold = models.FloatField(default=0.9, help_text="A rate from 0 to 1, or a figure's limit in its unit.")
    figure = models.CharField(max_length=40, blank=True, help_text="For a figure: reply_time, dead_air, …")
    part = models.CharField(max_length=20, default="p95", blank=True, help_text="p50, p95, mean or max, over calls.")
    baseline = models.CharField(max_length=60, blank=True, default="main")
    occurrences = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="So many runs in a row must meet the condition."
    )
    window = models.PositiveSmallIntegerField(
        default=6, validators=[MinValueValidator(5), MaxValueValidator(50)], help_text="Runs that a trend looks at."
    )
    cool_down_minutes = models.PositiveIntegerField(default=60, help_text="Quiet for so long after an alert.")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    target = models.CharField(max_length=500, help_text="A URL, or e-mail addresses separated by commas.")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        from evaluations.runs.alert_rules import check

        check(self)


class Alert(models.Model):
    """One message of a rule about one run: made once, sent once, or kept with the reason why not."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Could not be sent"

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="alerts")
    text = models.CharField(max_length=500)
    data: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=("rule", "run"), name="one_alert_a_rule_and_run")]

    def __str__(self) -> str:
        return self.text
