"""POST /call."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, override_settings

from agents.models import MAX_PROMPT_CHARS, Agent, AgentVersion
from agents.services import create_agent
from calls.models import Call
from klix_site.tokens import make_token
from tests.klix_site.exchange import Exchange, running_exchange
from tests.people import operator

pytestmark = pytest.mark.django_db

REMINDER = {"name": "Reminder", "prompt": "Remind of tomorrow at nine.", "phone_number": "+14155550123"}


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with running_exchange() as running, override_settings(TWILIO_API_BASE_URL=running.url):
        yield running


@pytest.fixture
def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token('tests', operator('ada'))}"}


def post(headers: dict[str, str], body: Any = None, **more: str) -> Any:
    return Client().post(
        "/call", REMINDER if body is None else body, content_type="application/json", headers=headers | more
    )


def test_a_call_is_placed_and_its_sid_answered(headers: dict[str, str], exchange: Exchange) -> None:
    answer = post(headers)
    call = Call.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {"call_sid": call.legs.get().call_sid}
    assert answer["Location"] == f"/api/v1/calls/{call.public_id}/"
    assert exchange.dialled == [call.to_number] == ["+14155550123"]


def test_nobody_calls_without_signing_in(exchange: Exchange) -> None:
    answer = post({})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "not_authenticated"
    assert exchange.dialled == []


def test_a_signed_in_person_may_call_with_the_csrf_token_only(exchange: Exchange) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator("ada"))
    assert client.post("/call", REMINDER, content_type="application/json").status_code == 403
    assert exchange.dialled == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phone_number": "4155550123"}, "phone_number"),
        ({"phone_number": "+1 415 555 0123"}, "phone_number"),
        ({"phone_number": ""}, "phone_number"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * (MAX_PROMPT_CHARS + 1)}, "prompt"),
        ({"prompt": "a\x00b"}, "prompt"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": None}, "name"),
        ({"name": ["a"]}, "name"),
        ({"voice": "heart"}, "voice"),
    ],
)
def test_bad_input_is_refused_by_field(
    change: dict[str, Any], field: str, headers: dict[str, str], exchange: Exchange
) -> None:
    answer = post(headers, REMINDER | change)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert list(answer.json()["fields"]) == [field]
    assert exchange.dialled == []
    assert not Agent.objects.exists()


@pytest.mark.parametrize("missing", ["name", "prompt", "phone_number"])
def test_each_field_is_required(missing: str, headers: dict[str, str], exchange: Exchange) -> None:
    body = {name: value for name, value in REMINDER.items() if name != missing}
    assert post(headers, body).json()["fields"] == {missing: ["This field is required."]}


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "null", "\xff"])
def test_a_body_that_is_no_object_is_refused(body: str, headers: dict[str, str], exchange: Exchange) -> None:
    answer = post(headers, body.encode("latin-1"))
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "fields"}


def test_the_call_is_not_placed_by_reading(headers: dict[str, str]) -> None:
    assert Client().get("/call", headers=headers).status_code == 405


def test_the_agent_is_found_again_and_a_changed_prompt_makes_a_version(
    headers: dict[str, str], exchange: Exchange
) -> None:
    post(headers)
    post(headers)
    assert AgentVersion.objects.count() == 1
    post(headers, REMINDER | {"prompt": "Remind of tomorrow at ten."})
    assert Agent.objects.count() == 1
    assert [call.agent_version.number for call in Call.objects.order_by("id") if call.agent_version] == [1, 1, 2]


def test_without_a_language_model_the_call_says_that_the_prompt_was_not_followed(
    headers: dict[str, str], exchange: Exchange
) -> None:
    answer = post(headers)
    call = Call.objects.select_related("agent_version").get()
    assert call.notice.startswith("No language model is configured, so the prompt was not followed")
    assert answer["Klix-Notice"] == call.notice
    assert call.agent_version is not None
    assert (call.agent_version.brain, call.agent_version.brain_options) == ("script", {"script": "listener"})


def test_with_a_language_model_the_prompt_is_followed(headers: dict[str, str], exchange: Exchange) -> None:
    post(headers)
    with override_settings(DEFAULT_BRAIN="responses"):
        answer = post(headers)
    call = Call.objects.select_related("agent_version").latest("id")
    assert call.notice == ""
    assert "Klix-Notice" not in answer
    assert call.agent_version is not None
    assert (call.agent_version.number, call.agent_version.brain) == (2, "responses")


def test_an_agent_keeps_the_brain_it_was_given(headers: dict[str, str], exchange: Exchange) -> None:
    script: dict[str, Any] = {"script": {"steps": []}}
    create_agent("Reminder", prompt="old", brain="script", brain_options=script)
    with override_settings(DEFAULT_BRAIN="responses"):
        post(headers)
    call = Call.objects.select_related("agent_version").get()
    assert call.agent_version is not None
    assert call.agent_version.brain_options == script
    assert "fixed script" in call.notice


def test_an_external_or_archived_agent_is_not_changed_by_a_call(headers: dict[str, str], exchange: Exchange) -> None:
    agent = create_agent("Reminder", kind=Agent.Kind.EXTERNAL, phone_number="+14155550199")
    answer = post(headers)
    assert answer.status_code == 400
    assert "external" in answer.json()["fields"]["name"][0]
    assert agent.versions.count() == 1
    assert exchange.dialled == []


def test_the_same_key_places_one_call(headers: dict[str, str], exchange: Exchange) -> None:
    first = post(headers, **{"Idempotency-Key": "k1"})
    second = post(headers, **{"Idempotency-Key": "k1"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert len(exchange.dialled) == 1


def test_a_key_cannot_stand_for_two_calls(headers: dict[str, str], exchange: Exchange) -> None:
    post(headers, **{"Idempotency-Key": "k1"})
    answer = post(headers, REMINDER | {"phone_number": "+14155550124"}, **{"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert len(exchange.dialled) == 1


def test_two_people_may_choose_the_same_key(headers: dict[str, str], exchange: Exchange) -> None:
    other = {"Authorization": f"Bearer {make_token('other', operator('bob'))}"}
    post(headers, **{"Idempotency-Key": "k1"})
    assert post(other, **{"Idempotency-Key": "k1"}).status_code == 201
    assert len(exchange.dialled) == 2


def test_a_key_that_is_too_long_is_refused(headers: dict[str, str], exchange: Exchange) -> None:
    assert post(headers, **{"Idempotency-Key": "k" * 81}).status_code == 400


def test_what_the_exchange_refuses_is_told_with_its_code(headers: dict[str, str], exchange: Exchange) -> None:
    exchange.refusal = {"status": 400, "code": 21211, "message": "Invalid 'To' Phone Number"}
    answer = post(headers)
    assert answer.status_code == 502
    assert answer.json()["code"] == "21211"
    assert answer.json()["message"]
