"""What lists and trends tell of a run's replies: made once when the run is over, else a page of trends would read every
reply of every call again.

A summary is kept with its run by a background task, and dropped when one of its calls is evaluated again or the run is
taken up again. Whoever finds none makes it for itself and keeps nothing: a page that is read writes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Final

from django.db import transaction
from django.db.models import Max, QuerySet

from evaluations.models import Evaluation, Measurement
from evaluations.run_models import Run
from evaluations.statistics import percentile

BIN_S: Final = 0.25
BINS: Final = 16  # the last one holds all that is slower
AT_ONCE: Final = 50
REPLY, INTERRUPTIONS = "reply_time", "agent_interruptions"
ENDED: Final = (Run.State.FINISHED, Run.State.STOPPED)


@dataclass(frozen=True, slots=True)
class Summary:
    """Reply times in seconds over the calls that decided the run's cases; `bins`: how many took so many quarters of a
    second. `interruptions`: by the agent, a call; None where nothing was measured."""

    n: int
    p50: float | None
    p95: float | None
    slowest: float | None
    bins: list[int]
    interruptions: float | None


def summaries(runs: Sequence[Run]) -> dict[int, Summary]:
    """By run. No query where all are kept, else three."""
    kept = {run.pk: Summary(**run.summary) for run in runs if run.summary is not None}
    return kept | _made([run.pk for run in runs if run.pk not in kept])


def keep_summaries() -> int:
    """Of some of the ended runs that have none; how many."""
    with transaction.atomic():
        # The lock: a call that is evaluated again meanwhile drops the summary after it was written, not before.
        lacking = Run.objects.select_for_update().filter(state__in=ENDED, summary__isnull=True)
        runs = list(lacking.order_by("-created_at", "-id")[:AT_ONCE])
        made = _made([run.pk for run in runs])
        for run in runs:
            Run.objects.filter(pk=run.pk).update(summary=asdict(made[run.pk]))
    return len(runs)


def summary_of(replies: Sequence[float], interruptions: Sequence[float]) -> Summary:
    bins = [0] * BINS
    for reply in replies:
        bins[min(BINS - 1, max(0, int(reply / BIN_S)))] += 1
    return Summary(
        n=len(replies),
        p50=percentile(replies, 50),
        p95=percentile(replies, 95),
        slowest=max(replies, default=None),
        bins=bins,
        interruptions=fmean(interruptions) if interruptions else None,
    )


def _made(runs: Sequence[int]) -> dict[int, Summary]:
    if not runs:
        return {}
    replies: dict[int, list[float]] = defaultdict(list)
    for run, occurrences in _measured(runs, REPLY).values_list("evaluation__call__run_cases__run", "occurrences"):
        replies[run] += _values(occurrences)
    cuts: dict[int, list[float]] = defaultdict(list)
    counted = _measured(runs, INTERRUPTIONS).filter(value__isnull=False)
    for run, value in counted.values_list("evaluation__call__run_cases__run", "value"):
        cuts[run].append(float(value or 0))
    return {run: summary_of(replies[run], cuts[run]) for run in runs}


def _measured(runs: Sequence[int], metric: str) -> QuerySet[Measurement]:
    newest = (
        Evaluation.objects.filter(call__run_cases__run__in=runs, state=Evaluation.State.DONE)
        .order_by()
        .values("call")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    return Measurement.objects.filter(
        evaluation__in=newest, metric=metric, evaluation__call__run_cases__run__in=runs
    ).order_by()


def _values(occurrences: Iterable[dict[str, float | None]]) -> list[float]:
    return [float(value) for each in occurrences if (value := each["value"]) is not None]
