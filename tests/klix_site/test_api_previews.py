"""What the REST API tells before anything is made: criteria tried, scenarios drafted, runs estimated. And trends."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from agents.models import Scenario
from agents.services import create_agent
from evaluations.models import Criterion, Evaluation, Verdict
from evaluations.run_models import Run, Suite
from evaluations.runs.summaries import BINS
from klix_site.models import AuditEntry
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble
from tests.evaluations.runs.building import finished_run, judge, make_agent, make_suite
from tests.factories import finished_call
from tests.klix_site.asking import client_of
from tests.people import viewer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]
GOODBYE = {"name": "Says goodbye", "kind": "phrase", "config": {"phrase": "goodbye", "match": "words", "by": "agent"}}


def post(api: Client, path: str, body: Any) -> Any:
    return api.post(f"/api/v1/{path}", body, content_type="application/json")


def test_a_viewer_asks_for_no_previews() -> None:
    agent = make_agent()
    client = client_of(viewer())
    for path in ("criteria/try", "runs/estimate", f"agents/{agent.public_id}/drafts"):
        assert post(client, path, {}).status_code == 403
    assert client.get(f"/api/v1/agents/{agent.public_id}/trends/").status_code == 200


# --- A criterion tried ------------------------------------------------------------------------------------------------
def test_a_criterion_is_tried_with_evidence_and_nothing_is_kept(api: Client) -> None:
    call = finished_call(recorded=False, scored=False)
    (tried,) = post(api, "criteria/try", {"criterion": GOODBYE}).json()
    assert (tried["call"], tried["outcome"], tried["decided_by"]) == (str(call.public_id), "pass", "rule")
    assert "goodbye" in tried["evidence"][0]["quote"].casefold()
    assert (Criterion.objects.count(), Verdict.objects.count(), Evaluation.objects.count()) == (0, 0, 0)
    assert not AuditEntry.objects.filter(via="api").exists()


def test_a_criterion_that_is_there_stays_as_it_is_when_a_change_is_tried(api: Client) -> None:
    finished_call(recorded=False, scored=False)
    kept = Criterion.objects.create(name="Says goodbye", kind="phrase", config={"phrase": "goodbye"})
    changed = GOODBYE | {"config": {"phrase": "auf Wiedersehen"}}
    assert [each["outcome"] for each in post(api, "criteria/try", {"criterion": changed}).json()] == ["fail"]
    kept.refresh_from_db()
    assert kept.config == {"phrase": "goodbye"}


def test_a_criterion_is_tried_on_the_calls_that_are_named(api: Client) -> None:
    older, _ = (finished_call(recorded=False, scored=False) for _ in range(2))
    found = post(api, "criteria/try", {"criterion": GOODBYE, "calls": [str(older.public_id)]}).json()
    assert [each["call"] for each in found] == [str(older.public_id)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "criterion"),
        ({"criterion": GOODBYE | {"kind": "taste"}}, "criterion.kind"),
        ({"criterion": GOODBYE | {"config": {}}}, "criterion.config"),
        ({"criterion": GOODBYE, "calls": ["0192f1c7-4a1c-7cc2-8f3e-1c2d3e4f5a6b"]}, "calls"),
        ({"criterion": GOODBYE, "call": []}, "call"),
    ],
)
def test_what_is_wrong_with_a_try_is_said_with_its_field(api: Client, body: Any, field: str) -> None:
    answer = post(api, "criteria/try", body)
    assert answer.status_code == 400
    assert [name for name in answer.json()["fields"] if name.startswith(field)], answer.json()


# --- Scenarios drafted ------------------------------------------------------------------------------------------------
@pytest.fixture
def openai(settings: LazySettings) -> Iterator[OpenAIDouble]:
    with OpenAIDouble() as double:
        settings.SERVED = {"chat": {**double.options, "model": "gpt-6-luna"}}
        yield double


def test_drafted_scenarios_are_told_and_can_be_saved_as_they_are(api: Client, openai: OpenAIDouble) -> None:
    written = {"name": "Changes it", "goal": "You want five.", "facts": {"party": 5}, "outcome": "Confirms five."}
    openai.script.replies.append(Reply(json.dumps({"scenarios": [written, written | {"name": "Another"}]})))
    agent = create_agent("Lucia", prompt="Take bookings.")
    drafts = post(api, f"agents/{agent.public_id}/drafts", {"n": 2}).json()
    assert drafts[0] == written
    assert not Scenario.objects.exists()
    assert not AuditEntry.objects.filter(via="api").exists()
    assert [post(api, "scenarios/", draft).status_code for draft in drafts] == [201, 201]


def test_a_model_that_writes_nonsense_is_not_our_error_and_says_what_to_do(api: Client, openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("I cannot do that."))
    agent = create_agent("Lucia", prompt="Take bookings.")
    answer = post(api, f"agents/{agent.public_id}/drafts", {})
    assert (answer.status_code, answer.json()["code"]) == (502, "provider_failed")
    assert "Try again" in answer.json()["message"]


def test_an_agent_without_a_prompt_gives_no_drafts(api: Client, openai: OpenAIDouble) -> None:
    answer = post(api, f"agents/{create_agent('Mute').public_id}/drafts", {})
    assert (answer.status_code, "no prompt" in answer.json()["message"]) == (400, True)
    assert post(api, f"agents/{create_agent('Mute 2').public_id}/drafts", {"n": 99}).status_code == 400


# --- A run estimated --------------------------------------------------------------------------------------------------
def test_a_run_is_estimated_and_none_begins(api: Client, settings: LazySettings) -> None:
    settings.RUN_LINES, settings.CALLS_PER_SECOND = 2, 0
    suite = make_suite(3, repeats=2)
    told = post(api, "runs/estimate", {"suite": suite.name}).json()
    assert told == {"calls": 6, "phone_s": 540.0, "took_s": 270.0, "lines": 2, "cost": None}
    assert not Run.objects.exists()
    assert not AuditEntry.objects.filter(via="api").exists()


def test_a_grid_is_estimated_from_its_scenarios_last_calls(api: Client) -> None:
    suite, agent = make_suite(2), make_agent()
    run = finished_run(["pass", "pass"], suite, agent)
    first = run.cases.get(index=0).call
    assert first is not None
    judge(first, "pass", number=2, criterion="Is kind")
    Verdict.objects.filter(criterion_name="Is kind").update(cost=Decimal("0.5"))
    names = list(suite.scenarios.values_list("name", flat=True))
    told = post(api, "runs/estimate", {"scenarios": names, "lines": ["bad mobile"], "repeats": 3}).json()
    assert (told["calls"], told["phone_s"], Decimal(told["cost"])) == (6, 360.0, Decimal("1.5"))
    assert Suite.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scenarios"),
        ({"suite": "none"}, "suite"),
        ({"lines": ["wet string"]}, "lines"),
        ({"repeats": 0}, "repeats"),
    ],
)
def test_what_cannot_be_estimated_is_said_with_its_field(api: Client, body: Any, field: str) -> None:
    answer = post(api, "runs/estimate", body)
    assert answer.status_code == 400
    assert [name for name in answer.json()["fields"] if name.startswith(field)], answer.json()


# --- Trends -----------------------------------------------------------------------------------------------------------
def test_an_agents_runs_are_told_over_time(api: Client) -> None:
    suite, agent = make_suite(2), make_agent()
    runs = [finished_run(outcomes, suite, agent, [[1.0], [3.1]]) for outcomes in (["pass", "fail"], ["pass", "pass"])]
    where = f"/api/v1/agents/{agent.public_id}/trends/"
    told = api.get(where)
    points = told.json()["points"]
    assert [point["run"] for point in points] == [str(run.public_id) for run in runs]
    assert [(point["pass_rate"]["passed"], point["pass_rate"]["n"]) for point in points] == [(1, 2), (2, 2)]
    assert (points[0]["agent_version"], points[0]["reply_p50"]) == (1, pytest.approx(2.05))
    bins = told.json()["replies"]
    assert (len(bins), told.json()["replies_n"]) == (BINS, 4)
    assert [each["from_s"] for each in bins if each["count"]] == [1.0, 3.0]
    assert api.get(where, headers={"If-None-Match": told["ETag"]}).status_code == 304
    assert list(api.get(f"{where}?period=year").json()["fields"]) == ["period"]
    assert api.get(f"/api/v1/agents/{make_agent().public_id}/trends/?period=day").json()["points"] == []
