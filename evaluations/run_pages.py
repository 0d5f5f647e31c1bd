"""What the page of a run and the list of runs show, put together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from calls.models import Call
from calls.states import LIVE
from evaluations.outcomes import Outcome
from evaluations.run_models import Run, RunCase
from evaluations.run_rows import UNCLEAR, UNDERWAY, Segment, segments, tabs
from evaluations.runs.selectors import Rate, time_left_s
from evaluations.runs.summaries import Summary, summaries

State = RunCase.State
Counts = dict[tuple[str, str], int]  # (state, outcome) → cases


@dataclass(frozen=True, slots=True)
class RunHead:
    """How a run stands."""

    run: Run
    total: int
    done: int
    segments: list[Segment]
    tabs: list[tuple[str, str, int]]
    rate: Rate
    left: str  # "about 6 minutes left"; "" where that is not known, or nothing is left
    lines_in_use: int
    lines: int
    scenarios: int
    errors: int

    @property
    def word(self) -> str:
        return {"running": "Live", "stopping": "Stopping", "stopped": "Stopped"}.get(self.run.state, "Finished")

    @property
    def title(self) -> str:
        if self.run.is_open:
            return f"{self.done} of {self.total} done"
        return f"{self.rate.passed} of {self.rate.n} passed"

    @property
    def told(self) -> str:
        """The bar in words, for those who do not see it."""
        return ", ".join(f"{each.count} {each.word}" for each in self.segments)


def runs_for_heads() -> QuerySet[Run]:
    """Runs with what a head tells of them: one query."""
    live = Call.objects.filter(status__in=LIVE).order_by().values(one=Value(1)).annotate(n=Count("pk")).values("n")
    return Run.objects.select_related("suite", "agent_version__agent").annotate(
        lines_in_use=Coalesce(Subquery(live), 0)
    )


def run_head(run: Run, counts: Counts | None = None) -> RunHead:
    """One query, none with `counts`. `run` as `runs_for_heads` gives it."""
    counts = counts_of([run.pk])[run.pk] if counts is None else counts
    total = sum(counts.values())
    return RunHead(
        run=run,
        total=total,
        done=_done(counts),
        segments=segments(kinds(counts)),
        tabs=tabs(counts),
        rate=rate(counts),
        left=_left(run, counts) if run.is_open else "",
        lines_in_use=run.lines_in_use,  # type: ignore[attr-defined]  # annotated
        lines=settings.RUN_LINES,
        scenarios=len(run.suite_snapshot.get("scenarios", {})),
        errors=sum(n for (state, outcome), n in counts.items() if state == State.STOPPED or outcome == Outcome.ERROR),
    )


def counts_of(runs: Sequence[int]) -> dict[int, Counts]:
    found: dict[int, Counts] = {pk: {} for pk in runs}
    rows = (
        RunCase.objects.filter(run__in=runs).order_by().values_list("run", "state", "outcome").annotate(n=Count("pk"))
    )
    for run, state, outcome, count in rows:
        _add(found[run], state, outcome, count)
    return found


def counts_by_kind(cases: Iterable[RunCase]) -> Counts:
    counts: Counts = {}
    for case in cases:
        _add(counts, case.state, case.outcome, 1)
    return counts


def _add(counts: Counts, state: str, outcome: str, count: int) -> None:
    kind = state, outcome if state == State.DONE else ""
    counts[kind] = counts.get(kind, 0) + count


def kinds(counts: Counts) -> list[tuple[str, str, int]]:
    """(kind, word, count), in the order of the bar."""

    def of(*states: str, outcomes: Iterable[str] = ("",)) -> int:
        return sum(counts.get((state, outcome), 0) for state in states for outcome in outcomes)

    return [
        ("pass", "passed", of(State.DONE, outcomes=[Outcome.PASS])),
        ("fail", "failed", of(State.DONE, outcomes=[Outcome.FAIL])),
        ("error", "could not be told", of(State.DONE, outcomes=[*UNCLEAR, ""])),
        ("live", "in progress", of(*UNDERWAY)),
        ("wait", "queued", of(State.WAITING)),
        ("na", "not called", of(State.STOPPED)),
    ]


def _done(counts: Counts) -> int:
    """Those that were called; what was stopped before is not done."""
    return sum(count for (state, _), count in counts.items() if state == State.DONE)


def rate(counts: Counts) -> Rate:
    passed, failed = (counts.get((State.DONE, outcome), 0) for outcome in (Outcome.PASS, Outcome.FAIL))
    return Rate(passed, passed + failed)


def _left(run: Run, counts: Counts) -> str:
    """ "" before the first call is done, and where none is left."""
    by_state = dict.fromkeys(State, 0)
    for (state, _), count in counts.items():
        by_state[State(state)] += count
    waiting, calling = by_state[State.WAITING], by_state[State.PLACING] + by_state[State.CALLING]
    left_s = time_left_s(run, waiting, calling, by_state[State.DONE], timezone.now())
    return f"about {in_words(left_s)} left" if left_s else ""


def dialling_s() -> float:
    """Seconds between two calls at the site's pace; 0 where it has none."""
    return 1 / settings.CALLS_PER_SECOND if settings.CALLS_PER_SECOND > 0 else 0.0


def in_words(seconds: float) -> str:
    """Less than a minute, 6 minutes, 2 h 5 min."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


# --- The list ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class RunRow:
    run: Run
    segments: list[Segment]
    total: int
    done: int
    rate: Rate
    median_s: float | None
    slowest_s: float | None
    length_ms: float | None

    @property
    def told(self) -> str:
        return ", ".join(f"{each.count} {each.word}" for each in self.segments)


def run_rows(runs: Iterable[Run], *, with_replies: bool = True) -> list[RunRow]:
    """Four queries at most, whatever the number of runs. Each run with its agent version and agent."""
    shown = list(runs)
    counts = counts_of([run.pk for run in shown])
    known = summaries(shown) if with_replies else {}
    return [_run_row(run, counts[run.pk], known.get(run.pk)) for run in shown]


def _run_row(run: Run, counts: Counts, known: Summary | None) -> RunRow:
    return RunRow(
        run=run,
        segments=segments(kinds(counts)),
        total=sum(counts.values()),
        done=_done(counts),
        rate=rate(counts),
        median_s=known.p50 if known else None,
        slowest_s=known.slowest if known else None,
        length_ms=1000 * (run.finished_at - run.created_at).total_seconds() if run.finished_at else None,
    )
