"""How runs stand: progress, pass rates, figures, what they cost."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from calls.models import Call
from evaluations.metrics.registry import get_metric
from evaluations.models import Measurement, Verdict
from evaluations.outcomes import Outcome
from evaluations.run_models import Baseline, Run, RunCase, Suite
from evaluations.runs.newest import newest_evaluations
from evaluations.runs.validation import LeftOut, counted, deciding, gate_outcomes, is_strict, left_out, verdicts_of
from evaluations.statistics import Interval, pass_hat, percentile, required_rate, wilson

TOLD: Final = (Outcome.PASS, Outcome.FAIL)


def calls_of(run: Run) -> QuerySet[Call]:
    """Every call that the run placed, those of spoiled attempts too."""
    return Call.objects.filter(idempotency_key__startswith=f"run:{run.public_id}:")


def cases_of(run: Run) -> QuerySet[RunCase]:
    return run.cases.select_related("scenario", "persona", "call").order_by("index")


def chosen_runs(text: str = "", agent: str = "") -> QuerySet[Run]:
    """Newest first. `text`: a part of the suite's or agent's name; `agent`: its public id; another text chooses all."""
    runs = Run.objects.select_related("suite", "agent_version__agent").order_by("-created_at", "-id")
    if wanted := text.strip().replace("\x00", "")[:100]:
        runs = runs.filter(Q(suite__name__icontains=wanted) | Q(agent_version__agent__name__icontains=wanted))
    try:
        return runs.filter(agent_version__agent__public_id=UUID(agent)) if agent else runs
    except ValueError:
        return runs


def suites() -> QuerySet[Suite]:
    return Suite.objects.filter(archived_at=None).prefetch_related("scenarios", "personas", "criteria")


# --- Budget -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Spent:
    minutes: float
    cost: Decimal


def spent(run: Run, now: datetime | None = None) -> Spent:
    """Minutes on the phone, and what judges and providers cost, over every call of the run so far."""
    now = now or timezone.now()
    calls = calls_of(run)
    times = calls.exclude(answered_at=None).values_list("answered_at", "ended_at")
    seconds = sum(((ended or now) - answered).total_seconds() for answered, ended in times if answered)
    judged = Verdict.objects.filter(evaluation__call__in=calls).aggregate(total=Sum("cost"))["total"] or Decimal(0)
    newest = newest_evaluations(calls.values_list("pk", flat=True))
    metered = Measurement.objects.filter(evaluation__in=newest, metric="cost").aggregate(total=Sum("value"))["total"]
    return Spent(seconds / 60, judged + Decimal(str(metered or 0)))


def budget_spent(run: Run) -> str:
    """Why the run must stop; "" as long as its budget lasts."""
    if run.max_cost is None and run.max_minutes is None:
        return ""
    so_far = spent(run)
    if run.max_minutes is not None and so_far.minutes >= run.max_minutes:
        return f"The budget of {run.max_minutes} minute{'' if run.max_minutes == 1 else 's'} is spent."
    if run.max_cost is not None and so_far.cost >= run.max_cost:
        return f"The budget of {run.max_cost:g} is spent."
    return ""


# --- Progress ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Progress:
    """`left_s`: an estimate from the calls so far; None before the first is done."""

    total: int
    waiting: int
    calling: int
    done: int
    stopped: int
    outcomes: Mapping[str, int]
    repeated: int
    left_s: float | None

    @property
    def share(self) -> float:
        return (self.done + self.stopped) / self.total if self.total else 1.0


def progress(run: Run, now: datetime | None = None) -> Progress:
    return progress_of([run], now)[run.pk]


def progress_of(runs: Sequence[Run], now: datetime | None = None) -> dict[int, Progress]:
    """By run. One query whatever their number."""
    cases = RunCase.objects.filter(run__in=runs).order_by()
    rows = cases.values_list("run", "state", "outcome").annotate(
        n=Count("pk"), repeated=Count("pk", filter=~Q(history=[]))
    )
    by_run: dict[int, list[Any]] = {run.pk: [] for run in runs}
    for run_id, *row in rows:
        by_run[run_id].append(row)
    return {run.pk: _progress(run, by_run[run.pk], now or timezone.now()) for run in runs}


def _progress(run: Run, rows: Iterable[tuple[str, str, int, int]], now: datetime) -> Progress:
    """`rows`: (state, outcome, cases, how many of them were repeated)."""
    states: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    repeated = 0
    for state, outcome, count, again in rows:
        states[state] += count
        repeated += again
        if state == RunCase.State.DONE:
            outcomes[outcome] += count
    waiting, calling = states[RunCase.State.WAITING], states[RunCase.State.PLACING] + states[RunCase.State.CALLING]
    done = states[RunCase.State.DONE]
    return Progress(
        total=states.total(),
        waiting=waiting,
        calling=calling,
        done=done,
        stopped=states[RunCase.State.STOPPED],
        outcomes=dict(sorted(outcomes.items())),
        repeated=repeated,
        left_s=time_left_s(run, waiting, calling, done, now) if run.is_open else 0.0,
    )


def time_left_s(run: Run, waiting: int, calling: int, done: int, now: datetime) -> float | None:
    """The pace so far, but no faster than calls may be placed. Calls under way are taken to be half done: else the
    first ones to end would make a run on many lines look slower by as many times."""
    if not done:
        return None
    elapsed_s = (now - run.created_at).total_seconds()
    pace_s = elapsed_s * (waiting + calling / 2) / (done + calling / 2)
    per_s = float(settings.CALLS_PER_SECOND)
    return max(pace_s, waiting / per_s) if per_s else pace_s


# --- Results ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rate:
    passed: int
    n: int

    @property
    def value(self) -> float | None:
        return self.passed / self.n if self.n else None

    @property
    def interval(self) -> Interval:
        return wilson(self.passed, self.n)


@dataclass(frozen=True, slots=True)
class FigureOfRun:
    """One figure over the calls of a run: percentiles of its occurrences' values where it has such (reply times), else
    of the calls' headline values. `n` values of `calls` calls."""

    metric: str
    label: str
    unit: str
    n: int
    calls: int
    p50: float | None
    p95: float | None
    mean: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class Results:
    rate: Rate
    # k → pass^k, averaged over the cases' groups that have k repeats; only k up to the suite's repeats.
    pass_hat: Mapping[int, float]
    criteria: Mapping[str, Rate]
    figures: Sequence[FigureOfRun]
    required_pass_rate: float | None
    gate: "GateView"
    causes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateView:
    """What a gate sees of a run: its cases without the verdicts of judges that are not validated."""

    rate: Rate
    outcomes: Mapping[str, int]
    left_out: Sequence[LeftOut]
    # Whether the required pass rate is kept; None: not required, or not enough calls.
    is_required_rate_kept: bool | None


def results(run: Run) -> Results:
    cases = list(run.cases.filter(state=RunCase.State.DONE))
    told = [case for case in cases if case.outcome in TOLD]
    rate = Rate(sum(case.outcome == Outcome.PASS for case in told), len(told))
    causes: dict[str, int] = defaultdict(int)
    for case in cases:
        if case.cause:
            causes[case.cause] += 1
    verdicts = verdicts_of(cases)
    return Results(
        rate=rate,
        pass_hat=_pass_hat(told, int(run.suite_snapshot.get("repeats", 1))),
        criteria=_criteria(told, verdicts),
        figures=figures_of(told),
        required_pass_rate=run.suite_snapshot.get("required_pass_rate"),
        gate=gate_view(run, cases, verdicts),
        causes=dict(causes),
    )


def gate_view(run: Run, cases: Sequence[RunCase] | None = None, verdicts: Sequence[Verdict] | None = None) -> GateView:
    """`cases`: those that are done, and `verdicts`: theirs, where they are at hand. Else a query for each, and one for
    labels; for verdicts and labels none where the judges' verdicts count anyway."""
    cases = list(run.cases.filter(state=RunCase.State.DONE)) if cases is None else cases
    if is_strict(run):
        verdicts = []
    elif verdicts is None:
        verdicts = verdicts_of(cases)
    names = deciding(run, verdicts)  # a judge whose verdict decides no case is not missed
    without = left_out(each for each in verdicts if each.is_critical and each.criterion_name in names)
    outcomes = counted(gate_outcomes(cases, verdicts, run, without))
    passed = outcomes.get(Outcome.PASS, 0)
    rate = Rate(passed, passed + outcomes.get(Outcome.FAIL, 0))
    required = run.suite_snapshot.get("required_pass_rate")
    kept = None if required is None else required_rate(rate.passed, rate.n, required)
    return GateView(rate, outcomes, without, kept)


def _pass_hat(cases: Iterable[RunCase], most: int) -> dict[int, float]:
    groups: dict[tuple[int, int, str], list[bool]] = defaultdict(list)
    for case in cases:
        groups[case.identity[:3]].append(case.outcome == Outcome.PASS)
    found = {}
    for k in range(1, most + 1):
        values = [pass_hat(sum(group), len(group), k) for group in groups.values()]
        known = [value for value in values if value is not None]
        if known:
            found[k] = sum(known) / len(known)
    return found


def _criteria(cases: Iterable[RunCase], verdicts: Iterable[Verdict]) -> dict[str, Rate]:
    return {
        name: Rate(sum(outcomes.values()), len(outcomes))
        for name, outcomes in criterion_outcomes(cases, verdicts).items()
    }


def criterion_outcomes(cases: Iterable[RunCase], verdicts: Iterable[Verdict]) -> dict[str, dict[int, bool]]:
    """Criterion name → case id → passed, over the verdicts of these cases that say pass or fail. No query."""
    by_call = {case.call_id: case.pk for case in cases if case.call_id}
    found: dict[str, dict[int, bool]] = defaultdict(dict)
    for verdict in verdicts:
        case = by_call.get(verdict.evaluation.call_id)
        if case is not None and verdict.counted in TOLD:
            found[verdict.criterion_name][case] = verdict.counted is Outcome.PASS
    return dict(found)


def figures_of(cases: Sequence[RunCase]) -> list[FigureOfRun]:
    values, units = values_by_figure(cases)
    return [_figure(name, list(by_case.values()), units[name]) for name, by_case in sorted(values.items())]


def values_by_figure(cases: Sequence[RunCase]) -> tuple[dict[str, dict[int, list[float]]], dict[str, str]]:
    """Figure → case id → its values on that call, and figure → unit."""
    by_call = {case.call_id: case.pk for case in cases if case.call_id}
    values: dict[str, dict[int, list[float]]] = defaultdict(dict)
    units: dict[str, str] = {}
    measurements = Measurement.objects.filter(evaluation__in=newest_evaluations(by_call)).select_related("evaluation")
    for each in measurements:
        if found := _values(each):
            values[each.metric][by_call[each.evaluation.call_id]] = found
            units[each.metric] = each.unit
    return dict(values), units


def _values(measurement: Measurement) -> list[float]:
    """A figure whose headline is a percentile of its occurrences is told by all of them."""
    if measurement.value is None:
        return []
    if "p50" in measurement.parts:
        each = [occurrence["value"] for occurrence in measurement.occurrences]
        if known := [float(value) for value in each if value is not None]:
            return known
    return [float(measurement.value)]


def _figure(name: str, by_call: list[list[float]], unit: str) -> FigureOfRun:
    values = [value for call in by_call for value in call]
    metric = get_metric(name)
    return FigureOfRun(
        metric=name,
        label=metric.label if metric else name,
        unit=unit,
        n=len(values),
        calls=len(by_call),
        p50=percentile(values, 50),
        p95=percentile(values, 95),
        mean=sum(values) / len(values) if values else None,
        maximum=max(values, default=None),
    )


def baseline_run(suite: Suite, name: str) -> Run | None:
    baseline = Baseline.objects.select_related("run").filter(suite=suite, name=name).first()
    return baseline.run if baseline else None


def earlier_runs(run: Run, count: int) -> list[Run]:
    """The last finished runs of the same suite and agent up to this one, oldest first."""
    same = Q(suite=run.suite_id, agent_version__agent=run.agent_version.agent_id, state=Run.State.FINISHED)
    found = Run.objects.filter(same, created_at__lte=run.created_at).order_by("-created_at", "-id")[:count]
    return list(reversed(found))
