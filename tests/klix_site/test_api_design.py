"""Agents, personas, scenarios, criteria and suites over the REST API: by name, by id, and only by those who may."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.secrets import MASK, masked, unmasked
from agents.services import create_agent
from evaluations.models import Criterion
from evaluations.run_models import Suite
from klix_site.models import AuditEntry
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.klix_site.asking import client_of
from tests.people import viewer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]
JSON: Any = {"content_type": "application/json"}
BOT = {"name": "burger_bot", "prompt": "Take the order.", "brain": "script", "brain_options": {"script": "listener"}}


def post(api: Client, path: str, body: Any, **headers: str) -> Any:
    return api.post(f"/api/v1/{path}", body, headers=headers, **JSON)


# --- Agents -----------------------------------------------------------------------------------------------------------
def test_an_agent_is_made_with_its_first_version_and_told_where_it_is(api: Client) -> None:
    made = post(api, "agents/", {**BOT, "phone_number": "+14155550199"})
    assert made.status_code == 201, made.json()
    agent = Agent.objects.get()
    assert made["Location"] == f"/api/v1/agents/{agent.public_id}/"
    assert (made.json()["version"], made.json()["prompt"]) == (1, "Take the order.")
    assert AuditEntry.objects.filter(action="agent created", object_id=str(agent.public_id)).count() == 1


def test_a_change_of_what_an_agent_says_is_a_new_version_and_any_other_is_none(api: Client) -> None:
    where = post(api, "agents/", BOT)["Location"]
    changed = api.patch(where, {"prompt": "Take the order, and ask for a name."}, **JSON).json()
    assert (changed["version"], changed["brain"]) == (2, "script")
    assert api.patch(where, {"description": "Evenings only."}, **JSON).json()["version"] == 2
    versions = api.get(f"{where}versions/").json()["results"]
    assert [(each["number"], each["prompt"]) for each in versions] == [
        (2, "Take the order, and ask for a name."),
        (1, "Take the order."),
    ]


def test_an_agent_is_written_by_name_as_often_as_one_likes(api: Client) -> None:
    assert [post(api, "agents/", BOT).status_code for _ in range(2)] == [201, 200]
    assert AgentVersion.objects.count() == 1
    assert AuditEntry.objects.filter(action="agent edited").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a", "brain": "nobody"}, "brain"),
        ({"name": "a", "kind": "external"}, "phone_number"),
        ({"name": "a", "prmpt": "x"}, "prmpt"),
        ({"name": "a", "brain_options": {"script": "\x00"}}, "brain_options"),
        ({"name": "a", "phone_number": "12"}, "phone_number"),
    ],
)
def test_an_agent_that_cannot_be_is_refused_with_its_field(api: Client, body: Any, field: str) -> None:
    answer = post(api, "agents/", {**BOT, **body})
    assert (answer.status_code, field in answer.json()["fields"]) == (400, True), answer.json()
    assert not Agent.objects.exists()


def test_two_agents_cannot_have_one_number_or_one_name(api: Client) -> None:
    create_agent("taken", phone_number="+14155550199")
    where = post(api, "agents/", BOT)["Location"]
    assert "name" in api.patch(where, {"name": "taken"}, **JSON).json()["fields"]
    assert api.patch(where, {"phone_number": "+14155550199"}, **JSON).status_code == 400


def test_a_key_that_an_agent_has_from_before_is_never_told_and_a_new_one_is_refused(api: Client) -> None:
    options = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": "sk-secret"}
    agent = create_agent("burger_bot", brain="chat", brain_options=options)
    where = f"/api/v1/agents/{agent.public_id}/"
    read = api.get(where)
    assert "sk-secret" not in read.content.decode()
    assert read.json()["brain_options"]["api_key"] == MASK
    refused = api.patch(where, {"brain_options": {**options, "api_key": "sk-other"}}, **JSON)
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["brain_options"])


def test_a_key_among_an_agents_options_is_not_on_its_page(client: Client) -> None:
    agent = create_agent("burger_bot", brain="chat", brain_options={"model": "m", "api_key": "sk-secret"})
    client.force_login(viewer())
    page = client.get(agent.get_absolute_url()).content.decode()
    assert MASK in page
    assert "sk-secret" not in page


def test_secrets_are_hidden_and_kept_at_any_depth() -> None:
    kept = {"tools": [{"headers": {"Authorization": "Bearer x"}}, {"url": "https://a"}], "password": ""}
    shown = masked(kept)
    assert shown == {"tools": [{"headers": {"Authorization": MASK}}, {"url": "https://a"}], "password": ""}
    assert unmasked(shown, kept) == kept
    assert unmasked({"api_key": MASK}, None) == {}


# --- All of them ------------------------------------------------------------------------------------------------------
def make_one(kind: str) -> Any:
    persona = Persona.objects.create(name="Dana", voice_options={"api_key": "sk-secret"})
    scenario = Scenario.objects.create(name="Order", persona=persona)
    made: dict[str, Any] = {
        "agents": lambda: create_agent("burger_bot", brain_options={"script": "listener"}),
        "personas": lambda: persona,
        "scenarios": lambda: scenario,
        "criteria": lambda: Criterion.objects.create(
            name="Goodbye", kind="phrase", config={"phrase": "bye", "match": "words", "by": "agent", "when": "any"}
        ),
        "suites": lambda: Suite.objects.create(name="Smoke"),
    }
    thing = made[kind]()
    if kind == "suites":
        thing.scenarios.add(scenario)
    return thing


KINDS = ["agents", "personas", "scenarios", "criteria", "suites"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_read_changed_archived_and_brought_back_by_its_name(api: Client, kind: str) -> None:
    thing = make_one(kind)
    where = f"/api/v1/{kind}/{thing.public_id}/"
    read = api.get(where)
    assert api.get(where, headers={"If-None-Match": read["ETag"]}).status_code == 304
    assert "sk-secret" not in read.content.decode()
    renamed = api.patch(where, {"name": "Renamed"}, **JSON)
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Renamed"), renamed.json()
    assert api.delete(where).status_code == 204
    assert api.get(f"/api/v1/{kind}/").json()["results"] == []
    assert [each["name"] for each in api.get(f"/api/v1/{kind}/?archived=true").json()["results"]] == ["Renamed"]
    refused = api.patch(where, {"name": "Other"}, **JSON)
    assert (refused.status_code, "archived" in refused.json()["message"]) == (400, True)
    body = {name: value for name, value in renamed.json().items() if name not in ("id", "version")}
    assert post(api, f"{kind}/", body).status_code == 200
    assert [each["name"] for each in api.get(f"/api/v1/{kind}/?q=renam").json()["results"]] == ["Renamed"]
    kept = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    word = {"criteria": "criterion"}.get(kind, kind.removesuffix("s"))
    assert kept == [f"{word} edited", f"{word} archived", f"{word} edited"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_viewer_reads_and_changes_nothing_and_a_stranger_sees_nothing(kind: str) -> None:
    where = f"/api/v1/{kind}/{make_one(kind).public_id}/"
    vera = client_of(viewer())
    assert vera.get(where).status_code == 200
    assert [vera.patch(where, {}, **JSON).status_code, vera.delete(where).status_code] == [403, 403]
    assert post(vera, f"{kind}/", {"name": "x"}).status_code == 403
    assert Client().get(where).status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_makes_one_thing_and_the_repeat_gets_the_first_answer(api: Client, kind: str) -> None:
    body = api.get(f"/api/v1/{kind}/{make_one(kind).public_id}/").json()
    body = {name: value for name, value in body.items() if name not in ("id", "version")} | {"name": "Another"}
    sent = [post(api, f"{kind}/", body, **{"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[1]["Idempotency-Replayed"] == "true"
    assert post(api, f"{kind}/", {**body, "name": "Third"}, **{"Idempotency-Key": "k1"}).status_code == 409


def test_a_criterion_has_a_weight_and_a_condition_that_cannot_lead_back_to_it(api: Client) -> None:
    config = {"phrase": "bye", "match": "words", "by": "agent", "when": "any"}
    first = post(api, "criteria/", {"name": "A", "kind": "phrase", "config": config, "weight": 2}).json()
    made = post(api, "criteria/", {"name": "B", "kind": "phrase", "config": config, "condition": "A"}).json()
    assert (first["weight"], made["condition"], made["condition_outcome"]) == (2.0, "A", "pass")
    refused = api.patch(f"/api/v1/criteria/{first['id']}/", {"condition": "B"}, **JSON)
    assert "condition" in refused.json()["fields"]


def test_a_part_of_a_criterion_is_changed_without_saying_the_rest(api: Client) -> None:
    criterion = make_one("criteria")
    changed = api.patch(f"/api/v1/criteria/{criterion.public_id}/", {"is_critical": False}, **JSON)
    assert (changed.status_code, changed.json()["kind"], changed.json()["is_critical"]) == (200, "phrase", False)


@pytest.mark.parametrize("kind", [*KINDS, "runs"])
def test_a_list_costs_the_same_queries_whatever_its_length(api: Client, kind: str) -> None:
    suite = make_suite(1)
    finished_run(["pass"], suite, make_agent())

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert api.get(f"/api/v1/{kind}/").status_code == 200
        return len(seen)

    queries()
    before = queries()
    for _ in range(3):
        finished_run(["pass"], make_suite(1), make_agent())
    assert queries() <= before <= 12
