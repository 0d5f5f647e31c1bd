"""The pages of runs: what they show, in few queries, and what they do."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from evaluations.csv_cells import cell
from evaluations.models import Verdict
from evaluations.run_models import Run, RunCase, Suite
from evaluations.run_pages import in_words, run_head, run_rows, runs_for_heads
from evaluations.run_rows import cases, rows, segments
from tests.run_factories import finished_runs, live_run, make_agent, make_run, make_suite

pytestmark = pytest.mark.django_db
MAX_QUERIES = 12


@pytest.fixture
def ada(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


def test_a_run_shows_what_needs_a_look_first(ada: Client, django_assert_max_num_queries: Any) -> None:
    run = live_run()
    with django_assert_max_num_queries(MAX_QUERIES):
        html = ada.get(f"/runs/{run.public_id}/").content.decode()
    shown = [row.badge.word for row in rows(cases(run))]
    assert shown == ["Live", "Live", "Dialling", "Failed", "Failed", "Not judged", "Passed", "Passed", *["Queued"] * 4]
    assert "5 of 12 done" in html
    assert "Stop run" in html


def test_a_row_names_the_failed_criteria_that_decided(ada: Client) -> None:
    run = live_run()
    run.cases.filter(outcome="fail").update(reason="Repeats the order")
    (row, *_) = rows(cases(run, "failed"))
    assert row.row is not None
    assert (row.row.line, row.row.line_is_bad) == ("Repeats the order", True)


def test_a_row_shows_the_verdicts_of_the_criteria_that_the_suite_chose(ada: Client) -> None:
    run = live_run()
    (row, *_) = rows(cases(run, "failed"))
    assert row.row is not None
    assert len(row.row.dots) > 1
    name = Verdict.objects.filter(evaluation__call=row.row.call, outcome="fail").values_list("criterion_name")[0][0]
    run.suite_snapshot["criteria"] = [name]
    (row, *_) = rows(cases(run, "failed"))
    assert row.row is not None
    assert (row.row.dots, row.row.passed) == (["fail"], "0 of 1")


def test_the_head_counts_every_case_once() -> None:
    head = run_head(runs_for_heads().get(pk=live_run().pk))
    assert [(part.word, part.count) for part in head.segments] == [
        ("passed", 2),
        ("failed", 2),
        ("could not be told", 1),
        ("in progress", 3),
        ("queued", 4),
    ]
    assert [(name, count) for name, _, count in head.tabs] == [
        ("all", 12),
        ("live", 3),
        ("failed", 2),
        ("errors", 1),
        ("passed", 2),
        ("queued", 4),
    ]
    assert head.left == "about 3 minutes left"


def test_what_was_not_called_is_not_done() -> None:
    run = live_run()
    run.cases.filter(state=RunCase.State.WAITING).update(state=RunCase.State.STOPPED)
    head = run_head(runs_for_heads().get(pk=run.pk))
    assert (head.done, head.total) == (5, 12)


@pytest.mark.parametrize(("show", "count"), [("live", 3), ("failed", 2), ("passed", 2), ("queued", 4)])
def test_a_tab_shows_its_own_calls(show: str, count: int) -> None:
    assert len(rows(cases(live_run(), show))) == count


def test_a_tab_that_is_none_is_not_found(ada: Client) -> None:
    assert ada.get(f"/runs/{live_run().public_id}/?show=bogus").status_code == 404


def test_twice_as_many_calls_cost_no_more_queries(ada: Client, django_assert_num_queries: Any) -> None:
    small, large = (make_run(make_suite(repeats=repeats), make_agent()) for repeats in (1, 3))
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ada.get(f"/runs/{small.public_id}/")
    with CaptureQueriesContext(connection) as queries:
        ada.get(f"/runs/{small.public_id}/")
    with django_assert_num_queries(len(queries)):
        ada.get(f"/runs/{large.public_id}/")


def test_the_list_tells_rate_interval_and_replies_of_each_run(ada: Client, django_assert_max_num_queries: Any) -> None:
    finished_runs(3)
    with django_assert_max_num_queries(MAX_QUERIES):
        html = ada.get("/runs/").content.decode()
    assert html.count('name="run"') == 3
    row = run_rows(Run.objects.select_related("agent_version__agent").order_by("-pk")[:1])[0]
    assert (row.rate.passed, row.rate.n, row.slowest_s) == (3, 4, 3.12)


def test_two_chosen_runs_are_compared_the_older_as_baseline(ada: Client) -> None:
    first, *_, last = finished_runs(3)
    html = ada.get(f"/runs/compare/?run={last.public_id}&run={first.public_id}").content.decode()
    assert f"?old={last.public_id}&amp;new={first.public_id}" in html  # to swap them
    assert "Not enough calls" in html
    for change in ("Regressed", "Fixed", "Same"):
        assert f">{change} <small>" in html
    grouped = ada.get(f"/runs/compare/?old={first.public_id}&new={last.public_id}&group=persona").content.decode()
    assert "Dana, in a hurry" in grouped


def test_a_scenario_that_was_changed_between_two_runs_is_said(ada: Client) -> None:
    first, last = finished_runs(2)
    last.suite_snapshot["scenarios"][str(last.cases.all()[0].scenario_id)]["goal"] = "Another table."
    last.save()
    html = ada.get(f"/runs/compare/?old={first.public_id}&new={last.public_id}").content.decode()
    assert "changed between the runs" in html


def test_comparing_takes_two_different_runs(ada: Client) -> None:
    run = live_run()
    response = ada.get(f"/runs/compare/?run={run.public_id}&run={run.public_id}")
    assert response.headers["Location"] == "/runs/"


# --- Starting and stopping --------------------------------------------------------------------------------------------
def test_a_run_is_started_from_a_suite_once_however_often_it_is_sent(ada: Client) -> None:
    suite, agent = make_suite(), make_agent()
    data = {"agent": agent.pk, "suite": suite.pk, "key": "one"}
    response = ada.post("/runs/new/", data)
    run = Run.objects.get()
    assert response.headers["Location"] == f"/runs/{run.public_id}/"
    assert run.cases.count() == 12
    ada.post("/runs/new/", data)
    assert Run.objects.count() == 1


def test_a_grid_becomes_a_suite_of_its_own_and_the_choice_is_remembered(ada: Client) -> None:
    other, agent = make_suite(), make_agent()
    scenarios, personas = list(other.scenarios.all()[:2]), list(other.personas.all()[:2])
    data = {
        "agent": agent.pk,
        "scenarios": [each.pk for each in scenarios],
        "personas": [each.pk for each in personas],
        "repeats": 3,
        "name": "Two by two",
        "key": "grid",
    }
    assert ada.post("/runs/new/", data).status_code == 302
    assert Suite.objects.get(name="Two by two").repeats == 3
    assert Run.objects.get().cases.count() == 12
    html = ada.get("/runs/new/").content.decode()
    assert html.count(" checked") == 4


def test_what_is_missing_is_said_beside_its_field(ada: Client) -> None:
    html = ada.post("/runs/new/", {"agent": make_agent().pk}).content.decode()
    assert "Choose a suite, or at least one scenario." in html


def test_a_run_that_may_spend_its_budget_wants_a_confirmation(ada: Client) -> None:
    data = {"agent": make_agent().pk, "suite": make_suite().pk, "max_minutes": 2, "key": "b"}
    html = ada.post("/runs/new/", data).content.decode()
    assert "These calls may take 18 minutes on the phone, more than the budget." in html
    assert not Run.objects.exists()
    assert ada.post("/runs/new/", data | {"confirm": "on"}).status_code == 302
    assert Run.objects.get().max_minutes == 2


def test_the_estimate_follows_the_choice(ada: Client) -> None:
    html = ada.post("/runs/estimate/", {"suite": make_suite(repeats=2).pk}).content.decode()
    assert "<dd>24</dd>" in html
    assert "36 minutes" in html


def test_a_run_is_stopped_and_its_errors_are_called_again(ada: Client) -> None:
    run = live_run()
    ada.post(f"/runs/{run.public_id}/stop/")
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == ("stopping", "Stopped by ada.")
    ada.post(f"/runs/{run.public_id}/retry/")
    run.refresh_from_db()
    assert run.state == "running"
    assert run.cases.filter(state="waiting").count() == 5


def test_a_viewer_may_look_and_not_start(client: Client) -> None:
    client.force_login(User.objects.create_user("eve"))
    run = live_run()
    assert client.get(f"/runs/{run.public_id}/").status_code == 200
    assert client.get("/runs/new/").status_code == 403
    assert client.post(f"/runs/{run.public_id}/stop/").status_code == 403


# --- Cells and words --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_a_cell_never_begins_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_number_stays_one() -> None:
    assert (cell(-1.5), cell(None), cell(3)) == ("-1.500", "", "3")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(10, "less than a minute"), (61, "1 minute"), (360, "6 minutes"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_time_is_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_the_bar_is_filled_from_end_to_end() -> None:
    parts = segments([("pass", "passed", 3), ("fail", "failed", 0), ("wait", "queued", 1)])
    assert [(part.kind, part.x, part.width) for part in parts] == [
        ("pass", "0.00%", "74.65%"),
        ("wait", "75.00%", "25.00%"),
    ]


# --- Trends -----------------------------------------------------------------------------------------------------------
def test_trends_show_a_line_from_five_runs_on_and_a_link_for_each(
    ada: Client, django_assert_max_num_queries: Any
) -> None:
    runs = finished_runs(6)
    with django_assert_max_num_queries(MAX_QUERIES):
        html = ada.get("/trends/?period=all").content.decode()
    assert html.count("<polyline") == 3
    assert html.count("<polygon") == 1
    assert html.count(">v1</text>") == html.count(">v2</text>") == 3
    assert f"/runs/{runs[0].public_id}/" in html


def test_below_five_runs_there_are_dots_and_no_line(ada: Client) -> None:
    finished_runs(3)
    html = ada.get("/trends/").content.decode()
    assert "<polyline" not in html
    assert "too few for a line" in html
    assert html.count('class="tdot"') == 9
