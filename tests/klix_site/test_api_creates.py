"""What the REST API creates and changes: calls, evaluations, webhooks, tokens; once, and only by those who may."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from agents.models import Persona, Scenario
from agents.services import create_agent
from calls.models import Call
from evaluations.models import Evaluation, Verdict
from klix_site.models import ApiToken, AuditEntry, Webhook
from tests.factories import finished_call, live_call
from tests.klix_site.asking import client_of
from tests.klix_site.exchange import Exchange, running_exchange
from tests.people import operator, viewer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]
JSON: Any = {"content_type": "application/json"}


@pytest.fixture
def exchange(settings: Any) -> Iterator[Exchange]:
    with running_exchange() as running:
        settings.TWILIO_API_BASE_URL = running.url
        yield running


def test_a_scenario_calls_an_agent_with_the_persona_it_names(api: Client, exchange: Exchange) -> None:
    create_agent("burger_bot", phone_number="+14155550199")
    dana = Persona.objects.create(name="Dana")
    scenario = Scenario.objects.create(name="Order", persona=dana)
    made = api.post("/api/v1/calls/", {"agent": "burger_bot", "scenario": str(scenario.public_id)}, **JSON)
    assert made.status_code == 201
    call = Call.objects.get()
    assert (call.persona, call.scenario, exchange.dialled) == (dana, scenario, ["+14155550199"])
    assert made["Location"] == f"/api/v1/calls/{call.public_id}/"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.via) == ("call placed", str(call.public_id), "api")


def test_the_same_key_places_one_call_and_another_call_needs_another_key(api: Client, exchange: Exchange) -> None:
    create_agent("burger_bot")
    body = {"agent": "burger_bot", "to_number": "+14155550123"}
    sent = [api.post("/api/v1/calls/", body, headers={"Idempotency-Key": "k1"}, **JSON) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [201, 200]
    assert sent[0].json()["id"] == sent[1].json()["id"]
    other = api.post("/api/v1/calls/", {**body, "to_number": "+14155550124"}, headers={"Idempotency-Key": "k1"}, **JSON)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert exchange.dialled == ["+14155550123"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to_number": "+14155550123"}, "agent"),
        ({"agent": "nobody", "to_number": "+14155550123"}, "agent"),
        ({"agent": "burger_bot"}, ""),
        ({"agent": "burger_bot", "to_number": "0123"}, "to_number"),
        ({"agent": "burger_bot", "to_number": "+14155550123", "version": 7}, "version"),
        ({"agent": "burger_bot", "to_number": "+14155550123", "nmae": "x"}, "nmae"),
        ({"agent": "burger_bot", "scenario": "Nobody calls"}, "persona"),
    ],
)
def test_a_call_that_cannot_be_is_refused_with_the_field(body: dict[str, Any], field: str, api: Client) -> None:
    create_agent("burger_bot")
    Scenario.objects.create(name="Nobody calls")
    answer = api.post("/api/v1/calls/", body, **JSON)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])


def test_viewers_and_tokens_to_read_place_nothing(exchange: Exchange) -> None:
    create_agent("burger_bot")
    body = {"agent": "burger_bot", "to_number": "+14155550123"}
    for client in (client_of(viewer()), client_of(operator(), "read", "write")):
        assert client.post("/api/v1/calls/", body, **JSON).status_code == 403
    assert exchange.dialled == []


def test_a_call_that_is_over_cannot_be_hung_up(api: Client) -> None:
    url = f"/api/v1/calls/{finished_call().public_id}/hang-up"
    assert api.post(url).json()["message"] == "The call is over."
    url = f"/api/v1/calls/{live_call().public_id}/hang-up"
    assert "has not reached the exchange" in api.post(url).json()["message"]


def test_calls_placed_are_limited_per_token(settings: Any, exchange: Exchange) -> None:
    settings.CALL_RATE = "1/minute"
    create_agent("burger_bot")
    client = client_of(operator())
    body = {"agent": "burger_bot", "to_number": "+14155550123"}
    assert client.post("/api/v1/calls/", body, **JSON).status_code == 201
    refused = client.post("/api/v1/calls/", body, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 0 < int(refused["Retry-After"]) <= 60
    assert client.get("/api/v1/calls/").status_code == 200


def test_a_poll_that_brings_nothing_new_has_no_body(api: Client) -> None:
    call = finished_call()
    url = f"/api/v1/calls/{call.public_id}/"
    first = api.get(url)
    again = api.get(url, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Call.objects.filter(pk=call.pk).update(notice="News.")
    assert api.get(url, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_every_change_that_can_be_seen_moves_updated_at_and_a_renewed_lease_does_not() -> None:
    call = live_call()
    before = call.updated_at
    Call.objects.filter(pk=call.pk).update(lease_until=None)
    call.refresh_from_db()
    assert call.updated_at == before
    Call.objects.filter(pk=call.pk).update(ending="x", lease_until=None)
    call.refresh_from_db()
    assert call.updated_at > before


def test_a_call_is_scored_again_and_the_evaluations_and_verdicts_are_listed(api: Client) -> None:
    call = finished_call()
    asked = api.post(f"/api/v1/calls/{call.public_id}/evaluate")
    assert (asked.status_code, asked.json()["number"], asked.json()["state"]) == (202, 2, "queued")
    listed = api.get(f"/api/v1/evaluations/?call={call.public_id}").json()["results"]
    assert [row["number"] for row in listed] == [2, 1]
    old = Evaluation.objects.get(number=1)
    shown = api.get(f"/api/v1/evaluations/{old.public_id}/").json()
    assert len(shown["verdicts"]) == old.verdicts.count()
    failed = api.get("/api/v1/verdicts/?outcome=fail&agent=" + str(call.agent.public_id)).json()["results"]
    assert len(failed) == Verdict.objects.filter(outcome="fail").count() == 3
    assert api.get("/api/v1/verdicts/?outcome=bad").status_code == 400


def test_the_recording_comes_in_ranges(api: Client) -> None:
    call = finished_call()
    part = api.get(f"/api/v1/calls/{call.public_id}/recording", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part["Content-Length"]) == (206, "4")


# --- Webhooks and tokens ----------------------------------------------------------------------------------------------
def test_a_webhook_is_made_once_with_its_key_and_tells_its_secret_once(api: Client) -> None:
    body = {"url": "https://example.com/klix", "events": ["run.done", "call.ended", "call.ended"]}
    key = {"Idempotency-Key": "hook"}
    made = api.post("/api/v1/webhooks/", body, headers=key, **JSON)
    assert made.status_code == 201
    again = api.post("/api/v1/webhooks/", body, headers=key, **JSON)
    assert (again.json(), again["Idempotency-Replayed"]) == (made.json(), "true")
    assert AuditEntry.objects.count() == 1
    hook = Webhook.objects.get()
    assert (made.json()["secret"], hook.events) == (hook.secret, ["call.ended", "run.done"])
    assert "secret" not in api.get(made["Location"]).json()
    changed = api.patch(made["Location"], {"is_active": False}, **JSON)
    assert changed.json()["is_active"] is False
    assert api.get(made["Location"] + "deliveries/").json()["results"] == []
    assert api.delete(made["Location"]).status_code == 204
    assert not Webhook.objects.exists()


def test_a_key_is_free_again_when_its_request_failed(api: Client) -> None:
    key = {"Idempotency-Key": "hook"}
    bad = {"url": "http://10.0.0.1/", "events": ["call.ended"]}
    assert api.post("/api/v1/webhooks/", bad, headers=key, **JSON).status_code == 400
    good = {**bad, "url": "https://example.com/"}
    assert api.post("/api/v1/webhooks/", good, headers=key, **JSON).status_code == 201
    assert api.post("/api/v1/webhooks/", bad | {"events": []}, headers=key, **JSON).status_code == 400


def test_ones_webhooks_are_nobody_elses() -> None:
    made = client_of(operator("one")).post(
        "/api/v1/webhooks/", {"url": "https://example.com/", "events": ["run.done"]}, **JSON
    )
    other = client_of(operator("other"))
    assert other.get("/api/v1/webhooks/").json()["results"] == []
    assert other.get(made["Location"]).status_code == 404


def test_a_token_makes_no_token_that_may_more_than_itself() -> None:
    olga = operator()
    client = client_of(olga, "read", "write")
    refused = client.post("/api/v1/tokens/", {"name": "more", "scopes": ["call"]}, **JSON)
    assert list(refused.json()["fields"]) == ["scopes"]
    made = client.post("/api/v1/tokens/", {"name": "less", "scopes": ["read"]}, **JSON).json()
    token = ApiToken.objects.get(name="less")
    assert (token.scopes, made["token"][:12]) == ("read", token.prefix)
    assert client_of(olga, "read").post("/api/v1/tokens/", {"name": "x", "scopes": ["read"]}, **JSON).status_code == 403
    assert client.delete(f"/api/v1/tokens/{token.public_id}/").status_code == 204
    assert not ApiToken.objects.filter(name="less").exists()


def test_the_reference_page_names_every_operation_and_runs_no_script_of_its_own(api: Client) -> None:
    client = Client()
    client.force_login(viewer())
    page = client.get("/api/v1/reference/")
    text = page.content.decode()
    assert "script-src 'self'" in page["Content-Security-Policy"]
    for operation in ("create_call", "list_verdicts", "create_webhook", "place_call"):
        assert f'id="{operation}"' in text
    assert "Dana" not in text
