"""The form that places a call. What placing does is tested with the service; here it is what the form asks of it."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Scenario
from calls import services
from calls.models import Call
from tests.factories import finished_call, live_call, make_call
from tests.people import operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(operator("ada"))
    return client


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the service was asked for; it answers with the call of `made`."""
    orders: list[dict[str, Any]] = []

    def place(**order: Any) -> Call:
        orders.append(order)
        return Call.objects.earliest("pk")

    monkeypatch.setattr(services, "place_call", place)
    return orders


def test_a_scenario_brings_its_caller(signed_in: Client, asked: list[dict[str, Any]]) -> None:
    call = make_call()
    assert call.scenario
    data = {"agent": call.agent.public_id, "scenario": call.scenario.public_id, "idempotency_key": "k"}
    response = signed_in.post("/calls/new/", data)
    assert response.headers["Location"] == call.get_absolute_url()
    assert asked == [
        {
            "agent_version": call.agent_version,
            "to_number": "",
            "persona": call.persona,
            "scenario": call.scenario,
            "idempotency_key": "k",
        }
    ]


def test_a_number_can_be_called_instead(signed_in: Client, asked: list[dict[str, Any]]) -> None:
    call = make_call()
    signed_in.post("/calls/new/", {"agent": call.agent.public_id, "to_number": "+14155550123"})
    assert (asked[0]["to_number"], asked[0]["persona"]) == ("+14155550123", None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"to_number": "555"}, "Write the number in E.164 form"),
        ({}, "Say who is on the line"),
        ({"to_number": "+14155550123", "persona": "persona"}, "not both"),
        ({"agent": ""}, "This field is required"),
        ({"scenario": "nobody"}, "names no caller: choose one"),
    ],
)
def test_what_does_not_fit_is_said_beside_the_field(
    changes: dict[str, str], message: str, signed_in: Client, asked: list[dict[str, Any]]
) -> None:
    call = make_call()
    assert call.persona
    nobody = Scenario.objects.create(name="Nobody calls")
    known = {"persona": str(call.persona.public_id), "nobody": str(nobody.public_id)}
    data = {"agent": str(call.agent.public_id)} | {name: known.get(value, value) for name, value in changes.items()}
    response = signed_in.post("/calls/new/", data)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert asked == []


def test_a_refusal_stands_beside_what_must_change(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Call:
        raise services.CallRefused("It has no phone number.", "agent")

    monkeypatch.setattr(services, "place_call", refuse)
    call = make_call()
    assert call.persona
    data = {"agent": call.agent.public_id, "persona": call.persona.public_id}
    html = signed_in.post("/calls/new/", data).content.decode()
    assert 'id="id_agent-error"' in html
    assert "It has no phone number." in html


def test_a_call_that_the_exchange_did_not_take_is_shown(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    call = make_call()
    assert call.persona

    def fail(**_: Any) -> Call:
        raise services.TelephonyFailed("The exchange cannot be reached.", "", call)

    monkeypatch.setattr(services, "place_call", fail)
    data = {"agent": call.agent.public_id, "persona": call.persona.public_id}
    assert signed_in.post("/calls/new/", data).headers["Location"] == call.get_absolute_url()


def test_a_link_fills_the_form_and_each_form_has_its_key(signed_in: Client) -> None:
    call = make_call()
    assert call.persona
    url = f"/calls/new/?agent={call.agent.public_id}&persona={call.persona.public_id}"
    first, second = (signed_in.get(url) for _ in range(2))
    assert f'<option value="{call.agent.public_id}" selected>' in first.content.decode()
    keys = [response.context["form"]["idempotency_key"].value() for response in (first, second)]
    assert len(set(keys)) == 2


def test_hanging_up_asks_the_service(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Call] = []
    monkeypatch.setattr(services, "hang_up", ended.append)
    call = live_call()
    url = f"/calls/{call.public_id}/hang-up/"
    assert signed_in.post(url, headers={"HX-Request": "true"}).status_code == 204
    assert signed_in.post(url).headers["Location"] == call.get_absolute_url()
    assert ended == [call, call]
    assert signed_in.get(url).status_code == 405


def test_a_finished_call_can_be_scored_again(signed_in: Client, django_capture_on_commit_callbacks: Any) -> None:
    call = finished_call(recorded=False)
    url = f"/calls/{call.public_id}/rescore/"
    with django_capture_on_commit_callbacks(execute=False):
        signed_in.post(url)
        signed_in.post(url)  # it is queued already
    assert list(call.evaluations.values_list("number", "state")) == [(2, "queued"), (1, "done")]
    silent = make_call(status="no-answer")
    html = signed_in.post(f"/calls/{silent.public_id}/rescore/", follow=True).content.decode()
    assert "there is nothing to score" in html
