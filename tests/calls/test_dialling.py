"""Calls are dialled at the pace and on the lines that there are, each once; the others wait, over every restart."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.services import create_agent
from calls import answering, dialling, operating, services
from calls.models import Call, DialGate
from calls.states import Ending, Status
from calls.tasks import dial_waiting_calls, sweep_calls
from klix_site.tokens import make_token
from tests.calls.exchange_double import ExchangeDouble
from tests.people import operator

pytestmark = pytest.mark.django_db(transaction=True)


# Slow enough that no machine reaches the next call's turn during a test.
SLOW = 0.001


def place(version: AgentVersion, number: str = "+14155550123", **more: Any) -> Call:
    return services.place_call(agent_version=version, to_number=number, **more)


def its_turn_later() -> None:
    for gate in DialGate.objects.all():
        gate.next_at -= timedelta(seconds=1 / SLOW)
        gate.save()


# --- The queue --------------------------------------------------------------------------------------------------------
@override_settings(CALLS_PER_SECOND=SLOW)
def test_of_three_calls_placed_at_once_one_is_dialled_and_then_one_at_each_turn(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    calls = [place(version, f"+1415555010{n}") for n in range(3)]
    assert exchange.dialled == [calls[0].to_number]
    assert [dialling.is_waiting(call) for call in calls] == [False, True, True]
    assert dial_waiting_calls() == 0
    for expected in (2, 3):
        its_turn_later()
        assert dial_waiting_calls() == 1
        assert exchange.dialled == [call.to_number for call in calls[:expected]]
    assert dial_waiting_calls() == 0


@override_settings(LINES=2)
def test_a_call_waits_until_a_line_is_free(exchange: ExchangeDouble, version: AgentVersion) -> None:
    calls = [place(version, f"+1415555010{n}") for n in range(3)]
    assert len(exchange.dialled) == 2
    assert "all 2 lines are busy" in dialling.waiting_reason(calls[2])
    leg = calls[0].legs.get()
    services.follow(leg, services.StatusReport(Status.BUSY))
    assert dial_waiting_calls() == 1
    assert exchange.dialled[2] == calls[2].to_number


@override_settings(CALLS_PER_SECOND=SLOW)
def test_nobody_overtakes_in_the_queue(exchange: ExchangeDouble, version: AgentVersion) -> None:
    place(version)
    place(version, "+14155550124")
    its_turn_later()
    late = place(version, "+14155550125")
    assert dialling.is_waiting(late)
    assert dial_waiting_calls() == 1
    assert exchange.dialled[-1] == "+14155550124"


def test_without_limits_all_are_dialled_at_once(exchange: ExchangeDouble, version: AgentVersion) -> None:
    for n in range(5):
        place(version, f"+1415555010{n}")
    assert len(exchange.dialled) == 5


@override_settings(CALLS_PER_SECOND=SLOW)
def test_the_sweep_leaves_waiting_calls_alone(exchange: ExchangeDouble, version: AgentVersion) -> None:
    place(version)
    waiting = place(version, "+14155550124")
    Call.objects.update(created_at=timezone.now() - timedelta(hours=1))
    sweep_calls()
    waiting.refresh_from_db()
    assert waiting.status == Status.QUEUED


@override_settings(CALLS_PER_SECOND=SLOW)
def test_a_waiting_call_can_be_taken_out_of_the_queue(exchange: ExchangeDouble, version: AgentVersion) -> None:
    place(version)
    waiting = place(version, "+14155550124")
    services.hang_up(waiting)
    its_turn_later()
    assert dial_waiting_calls() == 0
    waiting.refresh_from_db()
    assert (waiting.status, waiting.concluded_at is None) == (Status.CANCELED, False)
    assert exchange.dialled == ["+14155550123"]


def test_a_call_can_be_claimed_once(exchange: ExchangeDouble, version: AgentVersion) -> None:
    with override_settings(CALLS_PER_SECOND=SLOW):
        place(version)
        waiting = place(version, "+14155550124")
    its_turn_later()
    first, second = dialling.claim_next(), dialling.claim_next()
    assert first is not None
    assert first.pk == waiting.pk
    assert second is None


def test_an_exchange_without_room_gets_the_call_again_later(
    exchange: ExchangeDouble, version: AgentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "PAUSE_S", 1 / SLOW)
    exchange.refusal = (429, 20429, "Too many requests")
    call = place(version)
    assert dialling.is_waiting(call)
    assert dial_waiting_calls() == 0  # not before the pause is over
    exchange.refusal = None
    its_turn_later()
    assert dial_waiting_calls() == 1
    call.refresh_from_db()
    assert call.legs.get().call_sid


# --- The API ----------------------------------------------------------------------------------------------------------
@override_settings(CALLS_PER_SECOND=SLOW)
def test_post_call_says_that_a_call_waits_and_later_how_it_is_called(exchange: ExchangeDouble) -> None:
    headers = {"Authorization": f"Bearer {make_token('tests', operator('ada'))}"}

    def post(number: str, key: str) -> Any:
        body = {"name": "Reminder", "prompt": "Remind.", "phone_number": number}
        headers["Idempotency-Key"] = key
        return Client().post("/call", body, content_type="application/json", headers=headers)

    assert post("+14155550123", "a").status_code == 201
    queued = post("+14155550124", "b")
    assert queued.status_code == 202
    assert queued.json()["call_sid"] is None
    assert "at 0.001 a second" in queued.json()["detail"]
    assert queued["Location"].startswith("/api/v1/calls/")
    its_turn_later()
    dial_waiting_calls()
    again = post("+14155550124", "b")
    assert again.status_code == 200
    assert again.json()["call_sid"].startswith("CA")
    assert len(exchange.dialled) == 2


# --- Hanging up -------------------------------------------------------------------------------------------------------
def test_a_hang_up_by_who_saw_the_call_ringing_ends_the_call_that_was_answered_since(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    seen = place(version)
    answering.stream_started(seen.legs.get())
    assert seen.answered_at is None
    services.hang_up(seen)
    assert [form for _, form in exchange.updates] == [{"Status": "completed"}]


def test_a_call_that_is_answered_while_it_is_being_cancelled_is_ended(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    call = place(version)
    exchange.calls[0]["status"] = "in-progress"
    services.hang_up(call)
    assert [form for _, form in exchange.updates] == [{"Status": "canceled"}, {"Status": "completed"}]


# --- What is asked of the exchange ------------------------------------------------------------------------------------
def persona_calls(agent: Agent, **scenario: Any) -> Call:
    version = agent.current_version or AgentVersion.objects.create(agent=agent, number=1)
    persona, _ = Persona.objects.get_or_create(name="Dana")
    made = Scenario.objects.create(name=f"Scenario {Scenario.objects.count()}", **scenario)
    return services.place_call(agent_version=version, persona=persona, scenario=made)


def test_the_line_goes_to_the_sandbox_with_the_call(exchange: ExchangeDouble) -> None:
    agent = create_agent("Hosted", phone_number="+15550100123")
    persona_calls(agent, line={"preset": "street at 10 dB", "seed": 5})
    (form,) = exchange.forms
    assert json.loads(form["SandboxLine"])["caller"] == [{"condition": "noise", "scene": "street", "snr_db": 10}]
    assert json.loads(form["SandboxLine"])["seed"] == 5
    assert form["SandboxSide"] == "caller"


def test_a_good_line_asks_for_nothing(exchange: ExchangeDouble) -> None:
    persona_calls(create_agent("Hosted", phone_number="+15550100123"), line={"preset": "good line"})
    assert not [name for name in exchange.forms[0] if name.startswith("Sandbox")]


@override_settings(TELEPHONY="twilio")
def test_with_twilio_a_line_is_refused_before_anything_is_dialled(exchange: ExchangeDouble) -> None:
    agent = create_agent("Hosted", phone_number="+15550100123")
    with pytest.raises(services.CallRefused) as refused:
        persona_calls(agent, line={"preset": "bad mobile"})
    assert refused.value.field == "scenario"
    assert not Call.objects.exists()


def external(**address: Any) -> Agent:
    return Agent.objects.create(name="Theirs", kind=Agent.Kind.EXTERNAL, **address)


def test_an_agent_with_a_voice_url_is_called_through_the_sandbox(
    exchange: ExchangeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_AUTH_TOKEN", "secret-of-theirs")
    url, sid = "http://127.0.0.1:5000/voice", "AC" + "1" * 32
    agent = external(address_kind="voice_url", address=url, auth_token_env="THEIR_AUTH_TOKEN", account_sid=sid)
    agent.send_digits = "ww1#"
    call = persona_calls(agent)
    (form,) = exchange.forms
    assert form["SandboxVoiceUrl"] == url
    assert (form["SandboxAuthToken"], form["SandboxAccountSid"]) == ("secret-of-theirs", sid)
    assert form["SendDigits"] == "ww1#"
    leg = call.legs.get()
    assert (leg.side, leg.is_primary) == ("caller", True)


def test_an_agent_with_a_media_stream_is_called_at_it(exchange: ExchangeDouble) -> None:
    agent = external(address_kind="stream_url", address="ws://127.0.0.1:5000/ws", stream_parameters={"tenant": "7"})
    persona_calls(agent)
    document = exchange.forms[0]["SandboxVoiceTwiml"]
    assert 'url="ws://127.0.0.1:5000/ws"' in document
    assert 'name="tenant" value="7"' in document


def test_a_token_that_is_not_set_is_said_by_name(exchange: ExchangeDouble) -> None:
    agent = external(address_kind="voice_url", address="http://127.0.0.1:5000/", auth_token_env="MISSING_AUTH_TOKEN")
    with pytest.raises(services.CallRefused, match="MISSING_AUTH_TOKEN, which is not set"):
        persona_calls(agent)
    assert exchange.forms == []


@override_settings(TELEPHONY="twilio")
def test_with_twilio_an_agent_is_not_reached_by_its_url(exchange: ExchangeDouble) -> None:
    agent = external(address_kind="voice_url", address="https://example.com/voice")
    with pytest.raises(services.CallRefused, match="Twilio cannot"):
        persona_calls(agent)


def test_klix_does_not_play_an_external_agent(exchange: ExchangeDouble) -> None:
    call = persona_calls(external(phone_number="+15550100123"))
    incoming = answering.Incoming("CA" + "7" * 32, call.from_number, call.to_number, call.legs.get().call_sid or "")
    assert answering.answer_incoming(incoming) is None


# --- Answering machines -----------------------------------------------------------------------------------------------
def answered(exchange: ExchangeDouble, version: AgentVersion, **scenario: str) -> Call:
    made = Scenario.objects.create(name="Reminder", **scenario)
    call = services.place_call(agent_version=version, to_number="+14155550123", scenario=made)
    answering.stream_started(call.legs.get())
    return call


def test_a_machine_is_asked_for_where_the_scenario_says_what_to_do(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    call = answered(exchange, version, on_voicemail="hang_up")
    form = exchange.forms[0]
    assert (form["MachineDetection"], form["AsyncAmd"]) == ("DetectMessageEnd", "true")
    assert form["AsyncAmdStatusCallback"].endswith(f"/twilio/amd/{call.legs.get().public_id}")


def test_a_message_is_left_once_after_the_tone(exchange: ExchangeDouble, version: AgentVersion) -> None:
    call = answered(exchange, version, on_voicemail="message", voicemail_message="Tomorrow at nine & sharp.")
    leg = call.legs.get()
    for _ in range(2):
        services.machine_detected(leg, "machine_end_beep")
    ((sid, form),) = exchange.updates
    assert sid == leg.call_sid
    assert ">Tomorrow at nine &amp; sharp.</Say><Hangup" in form["Twiml"]
    call.refresh_from_db()
    assert (call.ending, call.answered_by) == (Ending.VOICEMAIL, "machine_end_beep")


def test_a_machine_is_hung_up_on(exchange: ExchangeDouble, version: AgentVersion) -> None:
    call = answered(exchange, version, on_voicemail="hang_up")
    services.machine_detected(call.legs.get(), "machine_end_silence")
    assert [form for _, form in exchange.updates] == [{"Status": "completed"}]


@pytest.mark.parametrize("answered_by", ["human", "unknown"])
def test_a_person_is_talked_to(exchange: ExchangeDouble, version: AgentVersion, answered_by: str) -> None:
    call = answered(exchange, version, on_voicemail="hang_up")
    services.machine_detected(call.legs.get(), answered_by)
    assert exchange.updates == []
    call.refresh_from_db()
    assert (call.ending, call.answered_by) == ("", answered_by)


def test_a_voicemail_is_not_judged_as_a_conversation(exchange: ExchangeDouble, version: AgentVersion) -> None:
    from evaluations.models import Evaluation

    call = answered(exchange, version, on_voicemail="hang_up")
    leg = call.legs.get()
    services.machine_detected(leg, "machine_end_beep")
    call.turns.create(index=0, side="caller", text="Please leave a message.", start_ms=0, end_ms=900)
    services.stream_ended(leg, Ending.CALLER_HUNG_UP)
    services.follow(leg, services.StatusReport(Status.COMPLETED))
    call.refresh_from_db()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.VOICEMAIL)
    assert not Evaluation.objects.filter(call=call).exists()


def test_a_live_call_is_taken_over_by_a_person(exchange: ExchangeDouble, version: AgentVersion) -> None:
    call = answered(exchange, version)
    call.refresh_from_db()
    operating.take_over(call, "+14155550999")
    ((_, form),) = exchange.updates
    assert ">+14155550999</Dial>" in form["Twiml"]
