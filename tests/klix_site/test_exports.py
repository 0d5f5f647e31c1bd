"""Lists as CSV and JSON, and a call to take away."""

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from agents.exporting import safe_cell
from agents.models import Scenario
from calls.models import Call, Turn
from klix_site.exports import EXPORTS
from tests.factories import finished_call, live_call
from tests.people import viewer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    made = Client()
    made.force_login(viewer())
    return made


def fetched(path: str) -> tuple[Any, str]:
    """Streamed answers as the product serves them: asynchronously."""

    async def fetch() -> tuple[Any, str]:
        browser = AsyncClient()
        await browser.aforce_login(user)
        answer = await browser.get(path)
        if not answer.streaming:
            return answer, answer.content.decode()
        return answer, b"".join([piece async for piece in answer.streaming_content]).decode()

    user = viewer(f"v{len(path)}{hash(path) % 1000}")
    return async_to_sync(fetch)()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_what_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert [safe_cell(value) for value in (-1, -0.5, None, True, "a+b")] == ["-1", "-0.5", "", "True", "a+b"]


@pytest.mark.parametrize("kind", sorted(EXPORTS))
def test_every_list_comes_as_csv_and_as_json_with_the_same_rows(kind: str) -> None:
    finished_call()
    _, text = fetched(f"/export/{kind}.csv")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    _, other = fetched(f"/export/{kind}.json")
    assert [row["id" if "id" in row else "name"] for row in rows] == [row["id"] for row in json.loads(other)]
    assert rows or kind in ("suites", "runs")


def test_the_calls_of_the_filter_are_exported_and_no_others() -> None:
    live, done = live_call(), finished_call()
    assert {row["id"] for row in json.loads(fetched("/export/calls.json")[1])} == {
        str(live.public_id),
        str(done.public_id),
    }
    (row,) = json.loads(fetched("/export/calls.json?show=failed")[1])
    assert (row["id"], row["outcome"]) == (str(done.public_id), "fail")
    (row,) = json.loads(fetched("/export/calls.json?status=in-progress")[1])
    assert row["id"] == str(live.public_id)


def test_a_scenario_named_like_a_formula_is_text_in_the_file() -> None:
    Scenario.objects.create(name="=HYPERLINK(1)")
    answer, text = fetched("/export/scenarios.csv")
    assert "'=HYPERLINK(1)" in text
    assert answer["Content-Disposition"] == 'attachment; filename="klix-scenarios.csv"'


def test_a_list_or_filter_that_does_not_exist_is_refused() -> None:
    assert fetched("/export/secrets.csv")[0].status_code == 404
    assert fetched("/export/calls.xml")[0].status_code == 404
    answer, text = fetched("/export/calls.csv?staus=x")
    assert (answer.status_code, text) == (400, "Unknown parameter: staus.")
    assert fetched("/export/calls.csv?status=x")[0].status_code == 400


def test_the_report_of_a_call_needs_nothing_but_itself(client: Client) -> None:
    call = finished_call()
    Turn.objects.filter(call=call, index=1).update(text="<script>alert(1)</script>")
    answer = client.get(f"/calls/{call.public_id}/report.html")
    page = answer.content.decode()
    assert answer["Content-Disposition"].startswith("attachment")
    assert "data:audio/wav;base64,UklGR" in page
    assert "Confirms the corrected party size" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "data:audio" not in client.get(f"/calls/{call.public_id}/report.html?audio=none").content.decode()


def test_the_bundle_holds_report_data_and_recording(client: Client) -> None:
    call = finished_call()
    answer = client.get(f"/calls/{call.public_id}/bundle.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert sorted(packed.namelist()) == ["call.json", "recording.wav", "report.html"]
        told = json.loads(packed.read("call.json"))
        assert packed.read("recording.wav")[:4] == b"RIFF"
        assert b'src="recording.wav"' in packed.read("report.html")
    assert (told["id"], len(told["turns"]), len(told["verdicts"])) == (str(call.public_id), 13, 7)


def test_a_call_without_a_recording_or_turns_has_a_report_too(client: Client) -> None:
    call = live_call()
    assert "Nothing was said." in client.get(f"/calls/{call.public_id}/report.html").content.decode()
    assert client.get("/calls/00000000-0000-4000-8000-000000000000/bundle.zip").status_code == 404
    assert Call.objects.count() == 1
