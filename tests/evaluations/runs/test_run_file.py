"""The calls of a run as CSV and JSON, sent as they are read."""

import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from evaluations import run_file, run_rows
from evaluations.run_models import Run
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.people import viewer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    return finished_run(["pass", "fail", "pass", "error", "fail"], make_suite(5), make_agent(), [[1.25, 3.0]] * 5)


def fetched(path: str) -> tuple[Any, list[bytes]]:
    user = viewer()

    async def fetch() -> tuple[Any, list[bytes]]:
        browser = AsyncClient()
        await browser.aforce_login(user)
        answer: Any = await browser.get(path)
        return answer, [piece async for piece in answer.streaming_content] if answer.streaming else []

    return async_to_sync(fetch)()


def test_the_csv_holds_what_the_tab_shows_and_no_formula(run: Run) -> None:
    run.cases.filter(outcome="fail").update(reason='=HYPERLINK("http://evil")')
    answer, pieces = fetched(f"/runs/{run.public_id}/calls.csv?show=failed")
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.public_id}.csv"'
    assert len(pieces) == 3  # the head, and each row by itself
    rows = list(csv.DictReader(io.StringIO(b"".join(pieces).decode("utf-8-sig"))))
    assert [row["outcome"] for row in rows] == ["fail", "fail"]
    assert {row["reason"] for row in rows} == {'\'=HYPERLINK("http://evil")'}
    assert {row["median reply s"] for row in rows} == {"1.25"}


def test_the_json_holds_every_case_in_the_order_of_the_page(run: Run) -> None:
    rows = json.loads(b"".join(fetched(f"/runs/{run.public_id}/calls.json")[1]))
    assert [row["outcome"] for row in rows] == ["fail", "fail", "error", "pass", "pass"]
    assert {row["scenario"] for row in rows} == set(run.suite.scenarios.values_list("name", flat=True))


def test_a_tab_that_there_is_not_has_no_file(run: Run) -> None:
    assert fetched(f"/runs/{run.public_id}/calls.csv?show=nothing")[0].status_code == 404


def test_a_few_cases_are_held_at_a_time_and_each_comes_once(run: Run) -> None:
    async def read(chunk: int) -> list[Any]:
        return [row["scenario"] async for row in run_file.calls(run_rows.cases(run), chunk)]

    whole = async_to_sync(read)(5)
    with CaptureQueriesContext(connection) as seen:
        assert async_to_sync(read)(2) == whole
    assert len(whole) == 5
    # What rows show beside their case is asked for each two: turns, evaluations, verdicts.
    assert sum('FROM "calls_turn"' in query["sql"] for query in seen.captured_queries) == 3
