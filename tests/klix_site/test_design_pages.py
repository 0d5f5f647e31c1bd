"""Making, changing, copying and archiving what calls are designed from."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, Persona, Scenario
from evaluations.models import Criterion
from tests.factories import finished_call, make_call
from tests.people import operator

pytestmark = pytest.mark.django_db
SPEAKER = {"brain": "script", "brain_options": "{}", "ears_options": "{}", "voice_options": "{}", "language": "en"}


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(operator("ada"))
    return client


def test_an_external_agent_is_made_and_an_edit_of_its_prompt_is_a_new_version(signed_in: Client) -> None:
    data = SPEAKER | {
        "name": "Pizza line",
        "kind": "external",
        "phone_number": "+14155550123",
        "prompt": "Take orders.",
    }
    response = signed_in.post("/agents/new/", data)
    agent = Agent.objects.get()
    assert response.headers["Location"] == f"/agents/{agent.public_id}/"
    signed_in.post(f"/agents/{agent.public_id}/edit/", data | {"prompt": "Take orders, politely."})
    assert list(agent.versions.values_list("number", "prompt")) == [(2, "Take orders, politely."), (1, "Take orders.")]


def test_what_an_agent_lacks_is_said_beside_the_field_and_what_was_written_is_kept(signed_in: Client) -> None:
    response = signed_in.post("/agents/new/", SPEAKER | {"name": "Pizza line", "kind": "external"})
    html = response.content.decode()
    assert response.status_code == 422
    assert 'id="id_phone_number-error"' in html
    assert 'value="Pizza line"' in html
    assert not Agent.objects.exists()


def test_a_persona_and_a_scenario_are_made(signed_in: Client) -> None:
    signed_in.post("/personas/new/", SPEAKER | {"name": "Dana, in a hurry"})
    persona = Persona.objects.get()
    data = {"name": "Books a table", "persona": persona.pk, "facts": "{}", "script": "{}", "line": "{}"}
    response = signed_in.post("/scenarios/new/", data)
    scenario = Scenario.objects.get()
    assert response.headers["Location"] == f"/scenarios/{scenario.public_id}/"
    assert scenario.persona == persona


def test_a_criterion_is_made_of_the_kind_that_was_chosen(signed_in: Client) -> None:
    html = signed_in.get("/criteria/new/?kind=judge").content.decode()
    assert 'name="config__question"' in html
    data = {"name": "Polite", "kind": "judge", "is_critical": "on", "config__question": "Was it polite?"}
    response = signed_in.post("/criteria/new/?kind=judge", data | {"config__passes_on": "yes", "config__votes": "3"})
    assert response.status_code == 302, response.content.decode()
    criterion = Criterion.objects.get()
    assert response.headers["Location"] == f"/criteria/{criterion.public_id}/"
    assert criterion.config["question"] == "Was it polite?"


@pytest.mark.parametrize("kind", ["agent", "persona", "scenario"])
def test_a_copy_is_made_and_opened_for_editing(kind: str, signed_in: Client) -> None:
    original: Any = getattr(make_call(), kind)
    response = signed_in.post(f"/{kind}s/{original.public_id}/duplicate/")
    copy = type(original).objects.latest("pk")
    assert copy.name == f"{original.name} (copy)"
    assert response.headers["Location"] == f"/{kind}s/{copy.public_id}/edit/"


@pytest.mark.parametrize("kind", ["agent", "persona", "scenario"])
def test_what_is_archived_leaves_the_list_and_keeps_its_page_and_calls(kind: str, signed_in: Client) -> None:
    call = make_call()
    thing: Any = getattr(call, kind)
    assert thing.name in signed_in.get(f"/{kind}s/").content.decode()
    signed_in.post(f"/{kind}s/{thing.public_id}/archive/")
    signed_in.get("/")  # shows the message
    assert thing.name not in signed_in.get(f"/{kind}s/").content.decode()
    assert "Archived" in signed_in.get(f"/{kind}s/{thing.public_id}/").content.decode()
    assert signed_in.get(f"/calls/{call.public_id}/").status_code == 200


def test_an_archived_criterion_leaves_the_list(signed_in: Client) -> None:
    criterion = Criterion.objects.create(name="Polite", kind="judge")
    signed_in.post(f"/criteria/{criterion.public_id}/archive/")
    signed_in.get("/")
    assert "Polite" not in signed_in.get("/criteria/").content.decode()


@pytest.mark.parametrize("path", ["agents", "personas", "scenarios"])
def test_what_changes_something_is_not_done_by_a_link(path: str, signed_in: Client) -> None:
    call = make_call()
    thing: Any = getattr(call, path.removesuffix("s"))
    for act in ("duplicate", "archive"):
        assert signed_in.get(f"/{path}/{thing.public_id}/{act}/").status_code == 405


def test_a_call_is_saved_as_a_scenario_after_it_was_read(signed_in: Client) -> None:
    call = finished_call(recorded=False)
    address = f"/calls/{call.public_id}/turns/5/scenario/"
    html = signed_in.get(address).content.decode()
    assert "make that five" in html
    before = Scenario.objects.count()
    data = {"name": "Party of five", "facts": "{}", "script": "{}", "line": "{}", "goal": "A table for five."}
    response = signed_in.post(address, data)
    scenario = Scenario.objects.get(name="Party of five")
    assert response.headers["Location"] == f"/scenarios/{scenario.public_id}/"
    assert Scenario.objects.count() == before + 1
