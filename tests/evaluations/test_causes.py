from typing import Any

from calls.states import Side
from evaluations.causes import cause_of, cause_of_end
from evaluations.metrics.registry import measure_all
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord, EventRecord, Sound, TurnRecord

TURNS = tuple(TurnRecord(f"t{at}", at, Side.AGENT, "Hello.", 1000 * at, 1000 * at + 500) for at in range(3))


def cause(outcome: Outcome = Outcome.FAIL, *events: EventRecord, by: str = "rule", **changes: Any) -> str:
    record = CallRecord(**{"duration_ms": 5000, "turns": TURNS, "events": events, **changes})
    figures = {figure.metric.name: figure for figure in measure_all(record)}
    found = cause_of(outcome, record, figures, [(outcome, by)])
    return str(found.cause) if found else ""


def event(name: str, side: str = "", **data: object) -> EventRecord:
    return EventRecord(name, side, 100, data)


def test_a_call_that_passed_has_no_cause() -> None:
    assert cause(Outcome.PASS, event("ProviderFailed", outcome="ended")) == ""


def test_what_nothing_else_explains_is_the_agents() -> None:
    assert cause() == "agent"
    assert cause(Outcome.FAIL, event("ProviderFailed", outcome="retried")) == "agent"
    assert cause(Outcome.FAIL, event("script_left", "agent")) == "agent"


def test_a_caller_that_left_its_script_or_hung_up_early_spoils_the_call() -> None:
    assert cause(Outcome.FAIL, event("script_left", "caller")) == "simulated caller"
    assert cause(Outcome.FAIL, event("left_role", "caller")) == "simulated caller"
    assert cause(ending="caller-hung-up", turns=TURNS[:1]) == "simulated caller"
    assert cause(ending="caller-hung-up") == "agent"


def test_a_provider_that_failed_comes_before_all() -> None:
    failed = event("ProviderFailed", "agent", capability="ears", provider="moonshine", outcome="apologised")
    assert cause(Outcome.FAIL, failed, event("script_left", "caller")) == "provider"
    assert cause(ending="provider-failed") == "provider"


def test_a_bad_line_is_named() -> None:
    assert cause(ending="connection-lost") == "line"
    assert cause(Outcome.FAIL, event("LineMeasured", expected=100, lost=7)) == "line"
    assert cause(Outcome.FAIL, event("LineMeasured", expected=100, lost=2)) == "agent"
    assert cause(Outcome.FAIL, event("QueueOverflowed", queue="inbox", dropped=60)) == "line"
    assert cause(sound={Side.CALLER: Sound(-30.0, -32.0, 0.0)}) == "line"


def test_a_line_that_the_scenario_makes_bad_is_no_excuse() -> None:
    noisy = {Side.CALLER: Sound(-30.0, -32.0, 0.0)}
    assert cause(sound=noisy, is_line_part_of_test=True) == "agent"
    assert cause(Outcome.FAIL, event("LineMeasured", expected=100, lost=7), is_line_part_of_test=True) == "agent"
    assert cause(ending="connection-lost", is_line_part_of_test=True) == "line"


def test_a_call_that_came_to_no_end_of_its_own_is_nobodys_fault_on_the_phone() -> None:
    busy = cause_of_end("busy", "", "The line was busy.")
    assert busy is not None
    assert (str(busy.cause), busy.reason) == ("line", "The line was busy.")
    assert cause_of_end("completed", "agent-hung-up") is None
    assert cause(ending="operator-hung-up") == "line"


def test_a_call_that_could_not_be_judged_is_the_judges() -> None:
    assert cause(Outcome.ERROR, by="judge openai:x") == "judge"
