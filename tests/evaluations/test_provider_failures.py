"""A call that a provider ended, or made fail, is an error with that cause: on pages, in lists and runs, over REST."""

from pathlib import Path

import pytest
from django.test import Client

from agents.providers.scripted import ScriptedActivity
from calls.badges import badge_of, call_badge, outcome_badge
from calls.heading import heading
from calls.models import Call
from calls.selectors import CallFilter, call_page, row_of
from calls.states import Ending, Status
from evaluations.causes import Cause, counted_outcome
from evaluations.labelling import label_verdict
from evaluations.models import Criterion
from evaluations.outcomes import Outcome
from evaluations.results import last_results
from evaluations.run_rows import cases, rows
from evaluations.runs.outcomes import result_of
from evaluations.services import evaluate
from klix_site.exports import EXPORTS
from klix_site.tokens import make_token
from tests.evaluations.recorded_calls import make_call, requested
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.people import operator

SAID = "No text within 8 s."


def apology(recordings: Path) -> Call:
    """Its one criterion passes, and a provider ended it."""
    call = make_call(recordings)
    Call.objects.filter(pk=call.pk).update(status=Status.COMPLETED, ending=Ending.PROVIDER_FAILED, error_message=SAID)
    call.refresh_from_db()
    Criterion.objects.create(name="talks", kind="judge", config={"question": "Did it talk?"}, is_critical=False)
    Criterion.objects.create(name="words", kind="phrase", config={"phrase": "words of agent"})
    assert evaluate(requested(call).pk, activity=ScriptedActivity())
    call.refresh_from_db()
    return call


@pytest.mark.django_db
def test_a_call_that_a_provider_ended_is_an_error_of_the_provider_everywhere(recordings: Path) -> None:
    call = apology(recordings)
    evaluation = call.evaluations.get()
    assert evaluation.verdicts.get(criterion_name="words").outcome == "pass"
    assert (evaluation.outcome, evaluation.cause, call.outcome) == ("error", "provider", "error")
    head, row = heading(call), row_of(call)
    assert (head.badge.word, head.badge.kind, head.cause) == ("Provider failed", "error", SAID)
    assert (row.badge, row.line, row.line_is_bad) == (head.badge, SAID, False)
    assert [each.call for each in call_page(CallFilter(show="errors")).rows] == [call]
    assert call_page(CallFilter(show="passed")).rows == []
    result = result_of(call, None)
    assert result
    assert (result.outcome, result.cause) == ("error", "provider")


@pytest.mark.django_db
def test_over_rest_and_in_exports_the_cause_is_named(recordings: Path) -> None:
    call = apology(recordings)
    api = Client(headers={"Authorization": f"Bearer {make_token('ada', operator())}"})
    told = api.get(f"/api/v1/calls/{call.public_id}/").json()
    assert (told["evaluation"]["outcome"], told["evaluation"]["cause"]) == ("error", "provider")
    assert [each["cause"] for each in api.get("/api/v1/evaluations/?outcome=error").json()["results"]] == ["provider"]
    assert "cause" in EXPORTS["evaluations"].columns


@pytest.mark.django_db
def test_what_people_say_of_its_verdicts_does_not_make_it_pass(recordings: Path) -> None:
    call = apology(recordings)
    label_verdict(call.evaluations.get().verdicts.get(criterion_name="words"), operator(), "pass")
    call.refresh_from_db()
    assert call.outcome == "error"


@pytest.mark.django_db
def test_the_rows_of_runs_and_of_scenarios_say_so_too() -> None:
    run = finished_run(["error"], make_suite(1), make_agent())
    run.cases.update(cause=Cause.PROVIDER, reason=SAID)
    case = run.cases.get()
    assert case.call
    case.call.evaluations.update(outcome="error", cause=Cause.PROVIDER, cause_reason=SAID)
    (row,) = rows(cases(run, "errors"))
    assert row.row
    assert (row.badge.word, row.row.badge, row.row.line) == ("Provider failed", row.badge, SAID)
    assert heading(case.call).cause == SAID
    results = last_results([case.scenario], "scenario")[case.scenario.pk]
    assert [each.badge for each in results] == [row.badge]


def test_a_provider_that_made_a_call_fail_spoiled_it_and_one_that_recovered_did_not() -> None:
    assert counted_outcome(Outcome.FAIL, Cause.PROVIDER, "completed", Ending.CALLER_HUNG_UP) is Outcome.ERROR
    assert counted_outcome(Outcome.FAIL, Cause.AGENT, "completed", Ending.CALLER_HUNG_UP) is Outcome.FAIL
    assert counted_outcome(Outcome.PASS, "", "completed", Ending.CALLER_HUNG_UP) is Outcome.PASS
    for outcome in Outcome:
        assert counted_outcome(outcome, "", "completed", Ending.PROVIDER_FAILED) is Outcome.ERROR


def test_no_outcome_lets_a_call_that_a_provider_ended_read_passed() -> None:
    for outcome in Outcome:
        assert call_badge("completed", "done", outcome, Ending.PROVIDER_FAILED).word == "Provider failed"
    assert outcome_badge("error", "judge").word == "Not judged"
    assert badge_of(Call(status="completed", ending=Ending.CALLER_HUNG_UP), None).word == "Ended"
