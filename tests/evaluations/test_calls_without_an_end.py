"""A call that the line lost or an operator ended reads as an error wherever it is shown, whatever its criteria say."""

from importlib import import_module
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from agents.providers.scripted import ScriptedActivity
from calls.badges import NO_END, call_badge
from calls.heading import heading
from calls.models import Call
from calls.selectors import CallFilter, call_page, row_of
from calls.states import Ending, Status
from evaluations.causes import Cause, cause_of_end, counted_outcome
from evaluations.labelling import label_verdict
from evaluations.models import Criterion, Evaluation
from evaluations.outcomes import Outcome
from evaluations.results import last_results
from evaluations.run_comparison import _badge as compared_badge
from evaluations.run_rows import cases, rows
from evaluations.runs.outcomes import result_of
from evaluations.selectors import calls_without_evaluation
from evaluations.services import evaluate, request_evaluation
from evaluations.standing import standing
from tests.evaluations.recorded_calls import make_call, requested
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.people import operator

BROKEN = [ending for ending in NO_END if ending != Ending.PROVIDER_FAILED]


def passing_call(recordings: Path, ending: str) -> Call:
    call = make_call(recordings, ending=ending)
    Criterion.objects.create(name="words", kind="phrase", config={"phrase": "words of agent"})
    assert evaluate(requested(call).pk, activity=ScriptedActivity())
    call.refresh_from_db()
    return call


@pytest.mark.django_db
def test_a_call_that_the_line_lost_is_an_error_everywhere_and_its_verdicts_stay(recordings: Path) -> None:
    call = passing_call(recordings, Ending.CONNECTION_LOST)
    evaluation = call.evaluations.get()
    assert evaluation.verdicts.get().outcome == "pass"
    assert (call.outcome, evaluation.cause, evaluation.cause_reason) == ("error", "line", NO_END[call.ending].why)
    head, row, result = heading(call), row_of(call), result_of(call, None)
    assert (head.badge.word, head.cause) == ("Connection lost", evaluation.cause_reason)
    assert (row.badge, row.line, row.dots) == (head.badge, head.cause, ["pass"])
    assert result
    assert (result.outcome, result.cause, result.reason) == (call.outcome, evaluation.cause, evaluation.cause_reason)
    assert [call_page(CallFilter(show=show)).rows for show in ("passed", "failed")] == [[], []]
    assert [each.call for each in call_page(CallFilter(show="errors")).rows] == [call]
    (agent,) = standing().agents.values()
    assert (agent.badge, agent.told) == (head.badge, 0)


@pytest.mark.django_db
def test_what_people_say_of_its_verdicts_does_not_make_it_pass(recordings: Path) -> None:
    call = passing_call(recordings, Ending.OPERATOR_HUNG_UP)
    label_verdict(call.evaluations.get().verdicts.get(), operator(), "pass")
    call.refresh_from_db()
    assert call.outcome == "error"


@pytest.mark.django_db
@pytest.mark.parametrize("ending", NO_END)
def test_what_ended_a_call_before_anything_was_said_makes_it_an_error(ending: str) -> None:
    call = Call.objects.create(agent=make_agent(), direction="outbound", status=Status.COMPLETED, ending=ending)
    assert request_evaluation(call) is None
    call.refresh_from_db()
    assert call.outcome == "error"
    known = NO_END[ending]
    assert [(row.badge, row.line) for row in call_page(CallFilter(show="errors")).rows] == [(known.badge, known.why)]


@pytest.mark.django_db
def test_rows_of_runs_comparisons_and_last_results_say_how_it_ended() -> None:
    run = finished_run(["error"], make_suite(1), make_agent())
    case = run.cases.get()
    assert case.call
    Call.objects.filter(pk=case.call.pk).update(ending=Ending.ABANDONED)
    run.cases.update(cause=Cause.LINE)
    case.call.evaluations.update(outcome="error", cause=Cause.LINE)
    (row,) = rows(cases(run, "errors"))
    assert row.badge.word == "Cut off"
    assert [each.badge for each in last_results([case.scenario], "scenario")[case.scenario.pk]] == [row.badge]
    assert compared_badge(run.cases.get()) == row.badge


@pytest.mark.django_db
def test_an_answering_machine_is_no_conversation_and_no_failure_of_the_line_to_look_into(recordings: Path) -> None:
    call = make_call(recordings, ending=Ending.VOICEMAIL)
    assert request_evaluation(call) is None
    assert not calls_without_evaluation().exists()  # or the sweep would ask for ever
    result = result_of(call, None)
    assert result
    assert (result.outcome, result.is_spoiled) == ("error", False)  # it is not called again by itself
    assert result.reason == "An answering machine took the call: there was no conversation."
    assert heading(call).badge.word == row_of(call).badge.word == "Voicemail"
    assert row_of(call).line == "An answering machine took the call."
    run = finished_run(["error"], make_suite(1), make_agent())
    run.cases.update(call=call)
    (row,) = rows(cases(run, "errors"))
    assert row.badge.word == "Voicemail"


@pytest.mark.parametrize("ending", BROKEN)
def test_no_outcome_of_verdicts_lets_such_a_call_pass(ending: str) -> None:
    for outcome in Outcome:
        assert counted_outcome(outcome, "", Status.COMPLETED, ending) is Outcome.ERROR
        assert call_badge("completed", "done", outcome, ending) == NO_END[ending].badge
    found = cause_of_end(Status.COMPLETED, ending)
    assert found
    assert (found.cause, found.reason) == (Cause.LINE, NO_END[ending].why)


@pytest.mark.django_db
def test_calls_that_were_kept_as_passed_are_told_by_the_migration(recordings: Path) -> None:
    lost, ended = passing_call(recordings, Ending.CONNECTION_LOST), make_call(ending=Ending.AGENT_HUNG_UP)
    Evaluation.objects.create(call=ended, state="done", outcome="pass")
    unsaid = Call.objects.create(agent=lost.agent, status=Status.COMPLETED, ending=Ending.ABANDONED)
    scoring = make_call(ending=Ending.ABANDONED)
    Evaluation.objects.create(call=scoring)
    lost.evaluations.update(outcome="pass", cause="", cause_reason="")
    name = "0010_calls_that_came_to_no_end"
    before = MigrationExecutor(connection).loader.project_state([("evaluations", name)]).apps
    migration = import_module(f"evaluations.migrations.{name}")
    migration.call_them_errors(before, connection.schema_editor())
    known = dict(Call.objects.values_list("pk", "outcome"))
    assert [known[call.pk] for call in (lost, ended, unsaid, scoring)] == ["error", "pass", "error", ""]
    evaluation = lost.evaluations.get()
    assert (evaluation.outcome, evaluation.cause) == ("error", "line")
    assert {ending: NO_END[Ending(ending)].why for ending in migration.WHY} == migration.WHY
