"""The REST API of calls."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from agents.models import Agent, AgentVersion
from agents.services import create_agent
from calls.models import Call, Leg, Recording, Turn
from calls.states import Side, Status
from evaluations.models import Criterion, Evaluation, Measurement, Verdict
from tests.people import operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Client:
    client = Client()
    client.force_login(operator("ada"))
    return client


@pytest.fixture
def version() -> AgentVersion:
    return create_agent("burger_bot", prompt="Take orders.").versions.get()


def call_of(version: AgentVersion, number: int = 0, **more: Any) -> Call:
    call = Call.objects.create(agent=version.agent, agent_version=version, direction="outbound", **more)
    Leg.objects.create(call=call, side=Side.AGENT, is_outbound=True, call_sid=f"CA{number:032x}")
    return call


def evaluated(call: Call, number: int = 1, outcome: str = "pass") -> Evaluation:
    evaluation = Evaluation.objects.create(
        call=call, number=number, state="done", outcome=outcome, finished_at=timezone.now()
    )
    Measurement.objects.create(
        evaluation=evaluation, metric="reply_ms", metric_version=1, unit="ms", value=640, n=3, parts={"p50": 640}
    )
    criterion, _ = Criterion.objects.get_or_create(name="Says the total", kind="phrase")
    Verdict.objects.create(
        evaluation=evaluation,
        criterion=criterion,
        criterion_name=criterion.name,
        kind="phrase",
        kind_version=1,
        outcome=outcome,
        reason="Said in turn 3.",
        decided_by="rule",
    )
    return evaluation


def pages(api: Client, url: str) -> list[list[str]]:
    found = []
    while url:
        page = api.get(url).json()
        found.append([call["id"] for call in page["results"]])
        url = page["next"]
    return found


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/calls/", "/api/v1/schema"])
def test_strangers_are_answered_in_json_and_never_sent_to_a_page(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == (200 if path.endswith("schema") else 401)


def test_the_root_says_where_things_are(api: Client) -> None:
    places = api.get("/api/v1/").json()
    assert api.get(places["calls"]).status_code == 200
    assert places["place_call"].endswith("/call")


def test_calls_come_newest_first_page_by_page_and_each_once(api: Client, version: AgentVersion) -> None:
    calls = [call_of(version, number) for number in range(5)]
    same_moment = timezone.now()
    Call.objects.update(created_at=same_moment)
    found = pages(api, "/api/v1/calls/?page_size=2")
    assert [len(page) for page in found] == [2, 2, 1]
    assert [each for page in found for each in page] == [str(call.public_id) for call in reversed(calls)]


def test_a_new_call_does_not_shift_the_next_page(api: Client, version: AgentVersion) -> None:
    calls = [call_of(version, number) for number in range(4)]
    first = api.get("/api/v1/calls/?page_size=2").json()
    call_of(version, 9)
    second = api.get(first["next"]).json()
    assert [call["id"] for call in second["results"]] == [str(call.public_id) for call in (calls[1], calls[0])]


def test_the_list_asks_the_database_a_fixed_number_of_times(
    api: Client, version: AgentVersion, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        evaluated(call_of(version, number))
    with django_assert_max_num_queries(6):
        assert len(api.get("/api/v1/calls/").json()["results"]) == 20


def test_calls_are_filtered(api: Client, version: AgentVersion) -> None:
    other = create_agent("hotel bot").versions.get()
    done, live = call_of(version, 1, status=Status.COMPLETED), call_of(other, 2, status=Status.IN_PROGRESS)

    def ids(query: str) -> list[str]:
        return pages(api, f"/api/v1/calls/?{query}")[0]

    assert ids("status=completed") == [str(done.public_id)]
    assert ids("agent=hotel%20bot") == [str(live.public_id)]
    assert ids(f"agent={version.agent.public_id}") == [str(done.public_id)]
    assert ids("agent=nobody") == []


def test_a_call_evaluated_since_counts_as_updated(api: Client, version: AgentVersion) -> None:
    old, judged = call_of(version, 1), call_of(version, 2)
    moment = timezone.now() + timedelta(minutes=1)
    evaluation = evaluated(judged)
    Evaluation.objects.filter(pk=evaluation.pk).update(finished_at=moment)
    query = quote(moment.isoformat())
    assert pages(api, f"/api/v1/calls/?updated_since={query}") == [[str(judged.public_id)]]
    Call.objects.filter(pk=old.pk).update(updated_at=moment)
    assert len(pages(api, f"/api/v1/calls/?updated_since={query}")[0]) == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=ended", "status"),
        ("staus=completed", "staus"),
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2026-11-22T09:30:00", "updated_since"),
        ("updated_since=2026-13-45T09:30:00Z", "updated_since"),
        ("updated_since=2026-11-22T09:30:00+01:00", "updated_since"),
        ("agent=a%00b", "agent"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(query: str, field: str, api: Client) -> None:
    answer = api.get(f"/api/v1/calls/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_cursor_of_ones_own_making_is_refused(api: Client) -> None:
    assert api.get("/api/v1/calls/?cursor=xyz").json()["code"] == "not_found"


def test_a_call_shows_its_turns_and_its_newest_evaluation(
    api: Client, version: AgentVersion, django_assert_max_num_queries: Any
) -> None:
    call = call_of(version, 7, status=Status.COMPLETED, notice="Read this first.")
    Turn.objects.create(call=call, index=0, side=Side.AGENT, text="Hello there.", heard="Hello", start_ms=0, end_ms=900)
    evaluated(call, 1, "fail")
    evaluated(call, 2, "pass")
    with django_assert_max_num_queries(9):
        shown = api.get(f"/api/v1/calls/{call.public_id}/").json()
    assert (shown["status"], shown["call_sid"], shown["notice"]) == ("completed", f"CA{7:032x}", "Read this first.")
    assert (shown["agent"]["name"], shown["agent_version"]) == ("burger_bot", 1)
    assert [(turn["side"], turn["text"], turn["heard"]) for turn in shown["turns"]] == [
        ("agent", "Hello there.", "Hello")
    ]
    assert shown["evaluation"]["outcome"] == "pass"
    assert [(figure["metric"], figure["value"]) for figure in shown["metrics"]] == [("reply_ms", 640.0)]
    assert [(verdict["criterion_name"], verdict["outcome"]) for verdict in shown["verdicts"]] == [
        ("Says the total", "pass")
    ]
    assert shown["recording"] is None


def test_a_call_without_an_evaluation_shows_none(api: Client, version: AgentVersion) -> None:
    shown = api.get(f"/api/v1/calls/{call_of(version).public_id}/").json()
    assert (shown["evaluation"], shown["metrics"], shown["verdicts"], shown["turns"]) == (None, [], [], [])


def test_an_unknown_call_is_not_found(api: Client) -> None:
    answer = api.get("/api/v1/calls/00000000-0000-4000-8000-000000000000/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_recording_is_downloaded_when_it_is_ready(api: Client, version: AgentVersion) -> None:
    call = call_of(version)
    url = f"/api/v1/calls/{call.public_id}/recording"
    recording = Recording.objects.create(call=call, file="one.wav")
    shown = api.get(f"/api/v1/calls/{call.public_id}/").json()["recording"]
    assert (shown["state"], shown["url"]) == ("open", None)
    assert api.get(url).status_code == 404
    settings.RECORDINGS_DIR.mkdir(parents=True, exist_ok=True)
    (settings.RECORDINGS_DIR / "one.wav").write_bytes(b"RIFF")
    recording.state = Recording.State.READY
    recording.save()
    assert api.get(f"/api/v1/calls/{call.public_id}/").json()["recording"]["url"] == url
    answer = api.get(url)
    assert answer["Content-Type"] == "audio/wav"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Length"] == "4"
    assert Client().get(url).status_code == 401


def test_a_recording_whose_file_is_gone_is_not_found(api: Client, version: AgentVersion) -> None:
    call = call_of(version)
    Recording.objects.create(call=call, file="gone.wav", state=Recording.State.READY)
    assert api.get(f"/api/v1/calls/{call.public_id}/recording").status_code == 404


def test_the_api_neither_deletes_nor_changes_calls(api: Client, version: AgentVersion) -> None:
    url = f"/api/v1/calls/{call_of(version).public_id}/"
    assert api.delete(url).status_code == 405
    assert api.put("/api/v1/calls/").status_code == 405
    assert Agent.objects.count() == 1


def test_the_schema_is_openapi_and_names_every_path(api: Client) -> None:
    schema = api.get("/api/v1/schema?format=json").json()
    assert schema["openapi"].startswith("3.1")
    assert {"/call", "/api/v1/calls/", "/api/v1/calls/{public_id}/", "/api/v1/calls/{public_id}/recording"} <= set(
        schema["paths"]
    )
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    placed = schema["paths"]["/call"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert placed.endswith("/PlaceCall")
