"""How agents and scenarios stand, from the last calls: for the overview and the list of agents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import FilteredRelation, Q
from django.urls import reverse

from calls.badges import Badge, call_badge, cause
from calls.models import Call
from calls.rows import CallRow, call_row
from calls.selectors import calls_for_rows
from evaluations.models import Evaluation
from evaluations.runs.selectors import Rate
from evaluations.statistics import percentile

LAST = 300  # calls, over all agents
SPARKS = 20
REPLY = "reply_time"


class Named(NamedTuple):
    """An agent or a scenario as a list names it."""

    public_id: UUID
    name: str


class Known(NamedTuple):
    """What is asked of a call. Values, not objects: making three hundred of those would take most of a page's time."""

    pk: int
    public_id: UUID
    status: str
    ending: str
    error_message: str
    agent_id: int
    agent: Named
    scenario_id: int | None
    scenario: Named


class Result(NamedTuple):
    """Of a call's newest evaluation. `reply` is its median, in seconds; `replies` where each was measured."""

    state: str = ""
    outcome: str = ""
    reply: float | None = None
    replies: list[dict[str, Any]] | None = None


@dataclass(slots=True)
class AgentStanding:
    """Of one agent's calls among the last; the newest first."""

    agent: Named
    badge: Badge  # of the last call
    error: str  # why the last call reached nobody
    passed: int = 0
    told: int = 0
    replies: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)  # one a call

    @property
    def rate(self) -> Rate:
        return Rate(self.passed, self.told)

    @property
    def p95(self) -> float | None:
        return percentile(self.replies, 95)

    @property
    def spark(self) -> str:
        """Points of a polyline in a box of 100 × 24: the median reply of the last calls, the newest on the right."""
        shown = self.medians[:SPARKS][::-1]
        if len(shown) < 2:
            return ""
        top = max(shown) or 1.0
        step = 100 / (len(shown) - 1)
        return " ".join(f"{step * number:.1f},{22 - 20 * value / top:.1f}" for number, value in enumerate(shown))


@dataclass(slots=True)
class ScenarioStanding:
    scenario: Named
    failed: int = 0
    told: int = 0
    last_failed: UUID | None = None  # a call

    @property
    def url(self) -> str:
        return reverse("calls:detail", args=[self.last_failed])


@dataclass(frozen=True, slots=True)
class Standing:
    agents: dict[int, AgentStanding]
    failing: list[ScenarioStanding]
    rows: list[CallRow]  # the newest calls


def standing(rows: int = 0) -> Standing:
    """Two queries, whatever the number of calls, and five more for `rows` of them."""
    calls = _last_calls()
    results = _results([call.pk for call in calls])
    agents: dict[int, AgentStanding] = {}
    scenarios: dict[int, ScenarioStanding] = {}
    for call in calls:
        result = results.get(call.pk, Result())
        _add(agents.setdefault(call.agent_id, _agent(call, result)), result)
        if call.scenario_id and result.outcome in ("pass", "fail"):
            _tell(scenarios.setdefault(call.scenario_id, ScenarioStanding(call.scenario)), call, result)
    failing = [each for each in scenarios.values() if each.failed]
    failing.sort(key=lambda each: (-each.failed / each.told, -each.failed))
    return Standing(agents, failing, _rows(calls[:rows]))


def _last_calls() -> list[Known]:
    names = ("agent_id", "agent__public_id", "agent__name", "scenario_id", "scenario__public_id", "scenario__name")
    newest = Call.objects.order_by("-created_at", "-id")[:LAST]
    found = newest.values_list("pk", "public_id", "status", "ending", "error_message", *names)
    return [_known(row) for row in found]


def _known(row: Sequence[Any]) -> Known:
    pk, public_id, status, ending, error, agent, agent_id, agent_name, scenario, scenario_id, scenario_name = row
    named = Named(agent_id, agent_name), Named(scenario_id, scenario_name)
    return Known(pk, public_id, status, ending, error, agent, named[0], scenario, named[1])


def _results(calls: list[int]) -> dict[int, Result]:
    """By call. The last of a call's evaluations is kept: the newest."""
    reply = FilteredRelation("measurements", condition=Q(measurements__metric=REPLY))
    told = Evaluation.objects.filter(call__in=calls).annotate(told=reply).order_by("number")
    found = told.values_list("call_id", "state", "outcome", "told__value", "told__occurrences")
    return {call: Result(*result) for call, *result in found}


def _rows(calls: Iterable[Known]) -> list[CallRow]:
    if not (wanted := [call.pk for call in calls]):
        return []
    return [call_row(call) for call in calls_for_rows().filter(pk__in=wanted).order_by("-created_at", "-id")]


def _agent(call: Known, result: Result) -> AgentStanding:
    badge = call_badge(call.status, result.state, result.outcome)
    return AgentStanding(call.agent, badge, cause(call.status, call.ending, call.error_message))


def _add(agent: AgentStanding, result: Result) -> None:
    if result.outcome in ("pass", "fail"):
        agent.told += 1
        agent.passed += result.outcome == "pass"
    agent.replies += [float(each["value"]) for each in result.replies or () if each["value"] is not None]
    if result.reply is not None:
        agent.medians.append(result.reply)


def _tell(scenario: ScenarioStanding, call: Known, result: Result) -> None:
    scenario.told += 1
    if result.outcome == "fail":
        scenario.failed += 1
        scenario.last_failed = scenario.last_failed or call.public_id
