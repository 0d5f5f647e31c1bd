"""Each call keeps the outcome of its newest evaluation, and each ended run what its calls told, however they change."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from calls.models import Call
from calls.selectors import CallFilter, call_page
from evaluations.labelling import label_verdict, remove_label
from evaluations.models import Evaluation, Measurement
from evaluations.run_models import Run
from evaluations.run_pages import run_rows
from evaluations.runs.starting import retry_errors
from evaluations.runs.summaries import keep_summaries, summaries, summary_of
from evaluations.services import give_up
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.factories import finished_call
from tests.people import operator, viewer

pytestmark = pytest.mark.django_db


def outcome(call: Call) -> str:
    call.refresh_from_db()
    newest = call.evaluations.order_by("-number").first()
    assert newest is None or newest.outcome == call.outcome
    return call.outcome


# --- Calls ------------------------------------------------------------------------------------------------------------
def test_an_evaluation_that_is_made_changed_or_deleted_is_told_to_its_call() -> None:
    call = finished_call()
    assert outcome(call) == "fail"
    second = Evaluation.objects.create(call=call, number=2)
    assert outcome(call) == ""
    Evaluation.objects.filter(pk=second.pk).update(state="done", outcome="pass")
    assert outcome(call) == "pass"
    Evaluation.objects.filter(call=call, number=1).update(outcome="error")
    assert outcome(call) == "pass"
    second.delete()
    assert outcome(call) == "error"
    Evaluation.objects.bulk_create([Evaluation(call=call, number=3, outcome="unsure")])
    assert outcome(call) == "unsure"


def test_what_a_person_says_of_a_verdict_moves_the_call_to_another_tab() -> None:
    call, ada = finished_call(), operator()
    for verdict in call.evaluations.get().verdicts.filter(outcome="fail"):
        label_verdict(verdict, ada, "pass")
    assert outcome(call) == "pass"
    assert [row.call for row in call_page(CallFilter(show="passed")).rows] == [call]
    assert call_page(CallFilter(show="failed")).rows == []
    remove_label(call.evaluations.get().verdicts.filter(outcome="fail")[0], ada)
    assert outcome(call) == "fail"


def test_an_evaluation_that_is_given_up_makes_its_call_an_error() -> None:
    call = finished_call()
    Evaluation.objects.create(call=call, number=2, attempts=3)
    assert give_up() == 1
    assert outcome(call) == "error"
    assert [row.call for row in call_page(CallFilter(show="errors")).rows] == [call]


def test_who_polls_for_changed_calls_hears_of_an_outcome() -> None:
    call = finished_call()
    before = Call.objects.get().updated_at
    call.evaluations.update(outcome="pass")
    assert Call.objects.get().updated_at > before


# --- Runs -------------------------------------------------------------------------------------------------------------
def a_run(**changes: Any) -> Run:
    return finished_run(["pass", "error"], make_suite(2), make_agent(), [[0.5, 1.0], [3.0]])


def test_a_summary_tells_what_the_calls_of_the_run_tell() -> None:
    run = a_run()
    told = summaries([run])[run.pk]
    assert (told.n, told.p50, told.slowest, told.interruptions) == (3, 1.0, 3.0, None)
    assert told.bins[2] == told.bins[4] == told.bins[12] == 1
    assert keep_summaries() == 1
    run.refresh_from_db()
    with CaptureQueriesContext(connection) as seen:
        assert summaries([run])[run.pk] == told
    assert len(seen) == 0
    assert keep_summaries() == 0


def test_a_summary_of_nothing_is_empty() -> None:
    told = summary_of([], [])
    assert (told.n, told.p50, told.slowest, told.interruptions, sum(told.bins)) == (0, None, None, None, 0)


def test_a_call_that_is_evaluated_again_makes_the_summary_of_its_run_anew() -> None:
    run = a_run()
    keep_summaries()
    call = run.cases.order_by("index")[0].call
    assert call
    again = Evaluation.objects.create(call=call, number=2)
    Measurement.objects.create(
        evaluation=again, metric="reply_time", metric_version=1, unit="s", occurrences=[{"value": 9.0}]
    )
    Evaluation.objects.filter(pk=again.pk).update(state="done", outcome="pass")
    run.refresh_from_db()
    assert run.summary is None
    assert run_rows([run])[0].slowest_s == 9.0


def test_a_run_that_is_taken_up_again_has_no_summary() -> None:
    run = a_run()
    keep_summaries()
    assert retry_errors(run) == 1
    run.refresh_from_db()
    assert run.summary is None
    assert keep_summaries() == 0


def test_trends_ask_the_same_whatever_the_number_of_runs_and_nothing_of_their_calls(client: Client) -> None:
    client.force_login(viewer())
    suite, agent = make_suite(1), make_agent()
    finished_run(["pass"], suite, agent, [[1.0]])

    def queries() -> int:
        keep_summaries()
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/trends/?period=all").status_code == 200
        assert not any("occurrences" in query["sql"] for query in seen.captured_queries)
        return len(seen)

    queries()
    before = queries()
    for _ in range(4):
        finished_run(["pass"], suite, agent, [[1.0]])
    assert queries() == before <= 12
