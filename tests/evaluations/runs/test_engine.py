"""The life of a run's cases: claimed, called, settled, each once, whatever dies in between."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from agents.models import Persona
from calls.models import Call, Leg
from calls.states import Ending, Status
from evaluations.models import Criterion, Evaluation, Verdict
from evaluations.run_models import Dispatcher, Run, RunCase
from evaluations.runs import engine
from evaluations.runs.engine import Ticket, place, settle, tick
from evaluations.runs.selectors import progress, results
from evaluations.runs.starting import RunRefused, start_run
from evaluations.selectors import criteria_for
from tests.evaluations.runs.building import (
    end_call,
    finish,
    forget_waits,
    judge,
    make_agent,
    make_run,
    make_suite,
    place_all,
)
from tests.klix_site.exchange import Exchange

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


def test_a_run_calls_each_case_once_and_ends(exchange: Exchange) -> None:
    run = make_run(make_suite(3, repeats=2))
    for case in place_all():
        finish(case)
    assert tick() == []
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED
    assert run.finished_at is not None
    assert len(exchange.dialled) == 6
    assert results(run).rate.passed == 6
    assert Counter(run.cases.values_list("repeat", flat=True)) == {1: 3, 2: 3}


def test_repeats_come_round_by_round_so_that_a_stopped_run_is_balanced() -> None:
    run = make_run(make_suite(2, repeats=3))
    assert list(run.cases.order_by("index").values_list("repeat", flat=True)) == [1, 1, 2, 2, 3, 3]


def test_every_persona_plays_every_scenario_on_every_line() -> None:
    suite = make_suite(2, lines=[{"name": "clean"}, {"name": "street", "conditions": {"preset": "street at 10 dB"}}])
    suite.personas.set(Persona.objects.filter(scenarios__in=[*suite.scenarios.all(), *make_suite(1).scenarios.all()]))
    run = make_run(suite)
    assert run.cases.count() == 2 * 2 * 2
    (case, *_) = [case for case in place_all() if case.line_name == "street"]
    assert case.call
    line = case.call.scenario_snapshot["line"]
    assert line["preset"] == "street at 10 dB"
    assert isinstance(line["seed"], int)
    seeds = {call.scenario_snapshot["line"].get("seed") for call in Call.objects.all()}
    assert len(seeds) > 2, "each case has noise of its own"


def test_a_scenario_edited_during_a_run_is_played_as_it_was() -> None:
    suite = make_suite(1)
    run = make_run(suite)
    suite.scenarios.update(goal="Something else")
    (case,) = place_all()
    assert case.call
    assert case.call.scenario_snapshot["goal"] == "A table"
    assert run.suite_snapshot["name"] == suite.name


def test_no_more_calls_are_placed_than_lines_are_free(settings: Any) -> None:
    settings.RUN_LINES = 3
    make_run(make_suite(8))
    first = place_all()
    assert len(first) == 3
    assert tick() == []
    finish(first[0])
    assert len(tick()) == 1


def test_two_dispatchers_never_claim_at_once() -> None:
    make_run()
    later = timezone.now() + timedelta(seconds=5)
    Dispatcher.objects.create(pk=1, claim=uuid4(), claimed_until=later)
    assert tick() == []
    Dispatcher.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert len(tick()) == 2


# --- Dying in between -------------------------------------------------------------------------------------------------
def test_a_case_claimed_by_a_worker_that_died_is_claimed_again_and_called_once(exchange: Exchange) -> None:
    make_run(make_suite(1))
    (dead,) = tick()
    assert tick() == []
    RunCase.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    (heir,) = tick()
    assert not place(dead), "the late worker has lost its case"
    assert place(heir)
    assert not place(heir)
    assert len(exchange.dialled) == 1


def test_a_worker_that_died_after_dialling_leaves_a_call_that_the_next_one_finds(exchange: Exchange) -> None:
    make_run(make_suite(1))
    (ticket,) = tick()
    assert place(ticket)
    placed = Call.objects.get()
    # As if it had died before it could say so.
    RunCase.objects.update(state="placing", claim=ticket.claim, call=None, claimed_until=timezone.now())
    (heir,) = tick()
    assert place(heir)
    assert RunCase.objects.get().call == placed
    assert len(exchange.dialled) == 1


def test_a_call_that_ended_before_anybody_heard_is_settled_by_the_next_tick() -> None:
    run = make_run(make_suite(1))
    (case,) = place_all()
    assert case.call
    end_call(case.call)
    judge(case.call, "fail")
    tick()
    case.refresh_from_db()
    assert (case.state, case.outcome, case.cause) == ("done", "fail", "agent")
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


def test_of_two_who_settle_a_case_one_does() -> None:
    make_run(make_suite(1))
    (case,) = place_all()
    assert case.call
    end_call(case.call)
    judge(case.call, "pass")
    assert settle(case.pk)
    assert not settle(case.pk)


def test_a_case_waits_for_its_evaluation() -> None:
    make_run(make_suite(1))
    (case,) = place_all()
    assert case.call
    end_call(case.call)
    assert not settle(case.pk)
    Evaluation.objects.update_or_create(call=case.call, defaults={"state": "failed", "error": "no detector"})
    assert settle(case.pk)
    case.refresh_from_db()
    assert (case.outcome, case.cause) == ("error", "judge")
    assert "no detector" in case.reason


# --- Spoiled calls ----------------------------------------------------------------------------------------------------
def test_a_spoiled_call_is_repeated_twice_and_each_attempt_is_shown(exchange: Exchange) -> None:
    run = make_run(make_suite(1))
    for _ in range(3):
        forget_waits()
        (case,) = place_all()
        assert case.call
        end_call(case.call, Status.NO_ANSWER, Ending.NOT_CONNECTED)
        settle(case.pk)
    forget_waits()
    assert tick() == []
    case.refresh_from_db()
    assert (case.state, case.outcome, case.cause, case.attempt) == ("done", "error", "line", 3)
    assert [told["attempt"] for told in case.history] == [1, 2]
    assert all(told["call"] for told in case.history)
    assert len(exchange.dialled) == 3
    assert results(run).rate.n == 0, "what the line spoiled does not count against the agent"


def test_a_repeat_waits_a_moment() -> None:
    make_run(make_suite(1))
    (case,) = place_all()
    assert case.call
    end_call(case.call, Status.BUSY, Ending.NOT_CONNECTED)
    settle(case.pk)
    assert tick() == []
    forget_waits()
    assert len(tick()) == 1


def test_a_caller_that_left_its_script_spoils_a_failed_call_and_not_a_passed_one() -> None:
    make_run(make_suite(2))
    failed, passed = place_all()
    for case, outcome in ((failed, "fail"), (passed, "pass")):
        assert case.call
        cause = "simulated caller" if outcome == "fail" else ""
        Evaluation.objects.create(call=case.call, cause=cause, cause_reason="It left its script.")
        finish(case, outcome)
        case.refresh_from_db()
    assert (failed.state, failed.attempt) == ("waiting", 2)
    assert failed.history[0]["cause"] == "simulated caller"
    assert (passed.state, passed.outcome) == ("done", "pass")


def test_a_refused_call_fails_its_case_with_the_reason(exchange: Exchange) -> None:
    exchange.refusal = {"status": 400, "code": 21211, "message": "The number is not valid."}
    make_run(make_suite(1))
    (case,) = place_all()
    case.refresh_from_db()
    assert case.state == "waiting"
    assert "not valid" in case.history[0]["reason"]


def test_an_agent_that_lost_its_number_is_an_error_and_not_repeated() -> None:
    run = make_run(make_suite(1))
    type(run.agent_version.agent).objects.update(phone_number="")
    (case,) = place_all()
    assert (case.state, case.outcome) == ("done", "error")
    assert "no phone number" in case.reason


# --- Beginning --------------------------------------------------------------------------------------------------------
def test_the_same_key_starts_one_run() -> None:
    suite, version = make_suite(), make_agent().current_version
    assert version
    first, is_new = start_run(suite, version, idempotency_key="1:abc")
    second, is_new_too = start_run(suite, version, idempotency_key="1:abc")
    assert (first, is_new, is_new_too) == (second, True, False)


def test_a_run_that_cannot_be_played_is_refused_with_what_to_change() -> None:
    suite, agent = make_suite(), make_agent()
    version = agent.current_version
    assert version
    suite.scenarios.update(persona=None)
    with pytest.raises(RunRefused, match="a persona"):
        start_run(suite, version)
    with pytest.raises(RunRefused, match="no scenarios"):
        start_run(make_suite(0), version)
    agent.phone_number = ""
    agent.save()
    with pytest.raises(RunRefused, match="no phone number"):
        start_run(make_suite(), agent.current_version or version)


def test_the_criteria_of_a_suite_apply_to_its_calls_and_alone_decide() -> None:
    suite = make_suite(1)
    other = make_agent()
    chosen = Criterion.objects.create(name="Says goodbye", kind="phrase")
    chosen.agents.add(other)
    suite.criteria.add(chosen)
    make_run(suite)
    (case,) = place_all()
    assert case.call
    assert chosen in criteria_for(case.call)
    end_call(case.call)
    judge(case.call, "fail", criterion="Something else")
    judge_again = Evaluation.objects.get(call=case.call)
    Verdict.objects.create(
        evaluation=judge_again,
        criterion=chosen,
        criterion_name="Says goodbye",
        kind="phrase",
        kind_version=1,
        outcome="pass",
        decided_by="rule",
    )
    settle(case.pk)
    case.refresh_from_db()
    assert case.outcome == "pass"


def test_progress_tells_what_is_left(settings: Any) -> None:
    settings.RUN_LINES = 2
    run = make_run(make_suite(4))
    assert progress(run).left_s is None
    first, _ = place_all()
    finish(first)
    now = run.created_at + timedelta(seconds=30)
    told = progress(run, now)
    assert (told.total, told.waiting, told.calling, told.done) == (4, 2, 1, 1)
    assert told.share == 0.25
    assert told.left_s == pytest.approx(50), "the call under way is taken to be half done"
    assert told.outcomes == {"pass": 1}


def test_a_ticket_for_a_case_that_moved_on_does_nothing() -> None:
    assert not place(Ticket(0, uuid4()))
    assert not settle(0)
    assert engine.close_runs() == 0
    assert Leg.objects.count() == 0
