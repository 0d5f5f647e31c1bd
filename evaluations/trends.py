"""How an agent's runs came out over time."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from evaluations import trend_charts as draw
from evaluations.run_models import Run
from evaluations.run_pages import Counts, counts_of, rate
from evaluations.runs.selectors import Rate
from evaluations.runs.summaries import Summary, summaries

PERIODS = {"day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=31), "all": None}
MOST = 200


@dataclass(frozen=True, slots=True)
class Point:
    run: Run
    rate: Rate
    p50: float | None
    p95: float | None
    interruptions: float | None  # a call

    @property
    def url(self) -> str:
        return reverse("runs:run", args=[self.run.public_id])


@dataclass(frozen=True, slots=True)
class Trends:
    points: list[Point]
    passing: draw.Chart
    replies: draw.Chart
    interruptions: draw.Chart
    histogram: list[draw.Column]
    versions: list[draw.Mark]
    replies_n: int


def agents_with_runs() -> QuerySet[Agent]:
    return Agent.objects.filter(versions__runs__isnull=False).distinct().order_by("name")


def trends(agent: Agent, period: str) -> Trends:
    """Of the last runs that ended within the period, oldest first. Two queries, and three where summaries are not kept
    yet."""
    runs = _runs(agent, period)
    counts, known = counts_of([run.pk for run in runs]), summaries(runs)
    points = [_point(run, counts[run.pk], known[run.pk]) for run in runs]
    xs = draw.positions([run.created_at.timestamp() for run in runs])
    passing = [draw.Value(p.rate.value, p.rate.interval.low, p.rate.interval.high, p.url) for p in points]
    cuts_top = draw.round_top([p.interruptions for p in points])
    spreads = [draw.Value(p.p50, p.p50, p.p95, p.url) for p in points]
    return Trends(
        points=points,
        passing=draw.chart(xs, passing, top=1.0, unit="%"),
        replies=draw.chart(xs, spreads, top=draw.round_top([each.high for each in spreads]), unit="s", band=True),
        interruptions=draw.chart(xs, [draw.Value(p.interruptions, url=p.url) for p in points], top=cuts_top),
        histogram=draw.histogram([sum(column) for column in zip(*(each.bins for each in known.values()), strict=True)]),
        versions=draw.version_marks(xs, [run.agent_version.number for run in runs]),
        replies_n=sum(each.n for each in known.values()),
    )


def _runs(agent: Agent, period: str) -> list[Run]:
    found = Run.objects.filter(agent_version__agent=agent, state__in=(Run.State.FINISHED, Run.State.STOPPED))
    if length := PERIODS[period]:
        found = found.filter(created_at__gte=timezone.now() - length)
    newest = found.select_related("agent_version").order_by("-created_at", "-id")[:MOST]
    return list(reversed(newest))


def _point(run: Run, counts: Counts, known: Summary) -> Point:
    return Point(run, rate(counts), known.p50, known.p95, known.interruptions)
