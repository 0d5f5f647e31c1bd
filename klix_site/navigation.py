"""The sidebar: where one can go, how much is there, and what is live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import CharField, Count, F, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest
from django.urls import reverse

from agents.models import Agent, Persona, Scenario
from calls.selectors import live_calls
from evaluations.models import Criterion
from evaluations.run_models import Run, RunCase

SHELVES = ("agents", "personas", "scenarios", "criteria", "live")


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    icon: str
    url: str
    is_current: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class LiveRun:
    public_id: UUID
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Navigation:
    work: list[Link]
    design: list[Link]
    live: int
    run: LiveRun | None  # the newest that is not over


def of(request: HttpRequest) -> Navigation:
    """One query for all the counts."""
    counts = _counts()

    def link(label: str, icon: str, name: str, count: int | None = None) -> Link:
        url = reverse(name)
        return Link(label, icon, url, _is_current(request.path, url), count)

    return Navigation(
        work=[
            link("Overview", "layout-dashboard", "overview"),
            link("Runs", "list-checks", "runs:list"),
            link("Calls", "phone", "calls:list"),
            link("Talk", "mic", "talk"),
            link("Trends", "chart-line", "trends"),
        ],
        design=[
            link("Agents", "bot", "agents:list", counts["agents"]),
            link("Personas", "drama", "agents:personas", counts["personas"]),
            link("Scenarios", "scroll-text", "agents:scenarios", counts["scenarios"]),
            link("Criteria", "badge-check", "evaluations:criteria", counts["criteria"]),
        ],
        live=counts["live"],
        run=_live_run(counts),
    )


def _is_current(path: str, url: str) -> bool:
    return path == url if url == "/" else path.startswith(url)


def _counts() -> dict[str, int]:
    """Counts by name, in one query."""
    newest = Run.objects.exclude(state__in=(Run.State.FINISHED, Run.State.STOPPED)).order_by("-created_at", "-id")
    cases = RunCase.objects.filter(run__in=newest.values("pk")[:1])
    agents, *others = (
        _count("agents", Agent.objects.filter(archived_at=None)),
        _count("personas", Persona.objects.filter(archived_at=None)),
        _count("scenarios", Scenario.objects.filter(archived_at=None)),
        _count("criteria", Criterion.objects.filter(archived_at=None)),
        _count("live", live_calls()),
        _count_of_run("total", cases),
        _count_of_run("done", cases.filter(state=RunCase.State.DONE)),
    )
    # A shelf with nothing on it makes no group.
    return dict.fromkeys(SHELVES, 0) | dict(agents.union(*others, all=True))


def _live_run(counts: Mapping[str, int]) -> LiveRun | None:
    name = next((shelf for shelf in counts if shelf.startswith("total ")), None)
    if name is None:
        return None
    public_id = name.removeprefix("total ")
    return LiveRun(UUID(public_id), counts.get(f"done {public_id}", 0), counts[name])


def _count_of_run(word: str, cases: QuerySet[RunCase]) -> Any:
    """The same with the run's public id behind the word; no row where there is no run."""
    shelf = Concat(Value(f"{word} "), Cast(F("run__public_id"), CharField()), output_field=CharField())
    return cases.order_by().annotate(shelf=shelf).values_list("shelf").annotate(n=Count("pk"))


def _count(shelf: str, rows: QuerySet[Any]) -> Any:
    """A query of one row, (shelf, count)."""
    return rows.order_by().annotate(shelf=Value(shelf)).values_list("shelf").annotate(n=Count("pk"))
