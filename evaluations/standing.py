"""How agents and scenarios stand, from the last calls: for the overview and the list of agents."""

from dataclasses import dataclass, field

from django.db.models import Prefetch, prefetch_related_objects

from agents.models import Agent, Scenario
from calls.badges import Badge, badge_of, cause
from calls.models import Call, Turn
from calls.rows import CallRow, call_row
from evaluations.models import Evaluation, Measurement
from evaluations.runs.selectors import Rate
from evaluations.statistics import percentile

LAST = 300  # calls, over all agents
SPARKS = 20
REPLY = "reply_time"


@dataclass(slots=True)
class AgentStanding:
    """Of one agent's calls among the last; the newest first."""

    agent: Agent
    passed: int = 0
    told: int = 0
    replies: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)  # one a call
    last: Call | None = None
    badge: Badge | None = None
    error: str = ""  # why the last call reached nobody

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
    scenario: Scenario
    failed: int = 0
    told: int = 0
    last_failed: Call | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    agents: dict[int, AgentStanding]
    failing: list[ScenarioStanding]
    rows: list[CallRow]  # the newest calls


def standing(rows: int = 0) -> Standing:
    """Three queries, whatever the number of calls, and two more for `rows` of them."""
    calls = _last_calls()
    agents: dict[int, AgentStanding] = {}
    scenarios: dict[int, ScenarioStanding] = {}
    for call in calls:
        evaluation = next(iter(call.evaluations.all()), None)
        agent = agents.setdefault(call.agent_id, AgentStanding(call.agent))
        _add(agent, call, evaluation)
        if call.scenario and evaluation and evaluation.outcome in ("pass", "fail"):
            scenario = scenarios.setdefault(call.scenario.pk, ScenarioStanding(call.scenario))
            scenario.told += 1
            if evaluation.outcome == "fail":
                scenario.failed += 1
                scenario.last_failed = scenario.last_failed or call
    failing = [each for each in scenarios.values() if each.failed]
    failing.sort(key=lambda each: (-each.failed / each.told, -each.failed))
    return Standing(agents, failing, _rows(calls[:rows]))


def _rows(calls: list[Call]) -> list[CallRow]:
    """Their evaluations with the reply times are there already."""
    turns = Prefetch(
        "turns", Turn.objects.only("call", "index", "side", "text", "start_ms", "end_ms").order_by("index")
    )
    prefetch_related_objects(calls, turns, "evaluations__verdicts")
    return [call_row(call) for call in calls]


def _last_calls() -> list[Call]:
    measured = Prefetch("measurements", Measurement.objects.filter(metric=REPLY))
    newest = Prefetch("evaluations", Evaluation.objects.order_by("-number").prefetch_related(measured))
    calls = Call.objects.select_related("agent", "agent_version", "persona", "scenario").order_by("-created_at", "-id")
    return list(calls.prefetch_related(newest)[:LAST])


def _add(agent: AgentStanding, call: Call, evaluation: Evaluation | None) -> None:
    if agent.last is None:
        agent.last = call
        agent.error = cause(call.status, call.ending, call.error_message)
        agent.badge = badge_of(call, evaluation)
    if evaluation is None:
        return
    if evaluation.outcome in ("pass", "fail"):
        agent.told += 1
        agent.passed += evaluation.outcome == "pass"
    for measurement in evaluation.measurements.all():
        agent.replies += [float(each["value"]) for each in measurement.occurrences if each["value"] is not None]
        if measurement.value is not None:
            agent.medians.append(measurement.value)
