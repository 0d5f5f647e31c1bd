"""A placement whose answer was lost: never dialled twice, taken for another's, or failed while it may be ringing."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from agents.models import AgentVersion
from calls import abandoned, answering, dialling, lost_answers, services
from calls.lost_answers import Found, look_up
from calls.models import Call, Leg
from calls.states import Ending, Side, Status
from calls.tasks import dial_waiting_calls, sweep_calls
from tests.calls.exchange_double import ExchangeDouble

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER = "+14155550123"


def place(version: AgentVersion, **more: Any) -> Call:
    return services.place_call(agent_version=version, to_number=NUMBER, **more)


def swept(call: Call, *, placed_ago: timedelta = timedelta(minutes=2)) -> Call:
    """As it is when nothing was heard for so long, and the sweep has come by. What the exchange made is as old."""
    past = {"dial_claimed_at": timezone.now() - placed_ago, "lease_until": timezone.now() - timedelta(seconds=1)}
    Call.objects.filter(pk=call.pk).update(**past)
    sweep_calls()
    call.refresh_from_db()
    return call


def too_long() -> timedelta:
    """Longer than a call may take that was placed just now."""
    call = Call(dial_claimed_at=timezone.now())
    return lost_answers.silent_after(call) - timezone.now() + timedelta(seconds=1)


# --- Never twice ------------------------------------------------------------------------------------------------------
def test_a_call_whose_answer_was_lost_is_looked_up_not_dialled_again(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_answers = True
    call = place(version)
    assert call.legs.get().call_sid == exchange.calls[0]["sid"]
    assert dial_waiting_calls() == 0
    assert exchange.dialled == [NUMBER]


def test_an_answer_that_names_no_call_is_an_unclear_one(exchange: ExchangeDouble, version: AgentVersion) -> None:
    exchange.garbles_answers = True
    assert place(version).legs.get().call_sid == exchange.calls[0]["sid"]


# --- Whose call it is -------------------------------------------------------------------------------------------------
def test_an_older_call_to_the_same_number_is_not_mistaken_for_it(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    place(version)  # known to us
    exchange.calls.append(
        {**exchange.calls[0], "sid": "CA" + "e" * 32, "date_created": "Mon, 02 Nov 2026 10:00:00 +0000"}
    )
    exchange.swallows_requests = True
    call = place(version)
    assert call.legs.get().call_sid is None
    assert call.status == Status.QUEUED
    assert not dialling.is_waiting(call)


def test_the_far_end_of_a_call_is_not_mistaken_for_it(exchange: ExchangeDouble, version: AgentVersion) -> None:
    place(version)
    exchange.calls.append({**exchange.calls[0], "sid": "CA" + "e" * 32, "direction": "inbound"})
    exchange.swallows_requests = True
    assert place(version).legs.get().call_sid is None


def test_a_call_is_found_behind_many_others(exchange: ExchangeDouble, version: AgentVersion) -> None:
    exchange.swallows_answers, exchange.lists = True, False
    call = place(version)
    exchange.swallows_answers, exchange.lists = False, True
    for _ in range(60):
        place(version)
    assert look_up(call.legs.get()) is Found.NAMED
    assert call.legs.get().call_sid == exchange.calls[0]["sid"]


def test_of_two_unclear_placements_to_a_number_nothing_is_guessed_until_one_is_named(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_answers, exchange.lists = True, False
    first, second = place(version), place(version)
    exchange.lists = True
    for call in (first, second):
        assert (swept(call).status, call.legs.get().call_sid) == (Status.QUEUED, None)
    dialled = [call["sid"] for call in exchange.calls]
    services.adopt_call_sid(second.legs.get(), dialled[0])  # its first webhook came
    swept(first)
    assert first.legs.get().call_sid == dialled[1]


# --- Lost, or not yet known -------------------------------------------------------------------------------------------
def test_a_call_that_was_claimed_and_never_reached_the_exchange_ends_as_failed(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_requests = True
    calls = [place(version) for _ in range(3)]
    for call in calls:
        swept(call)
        assert (call.status, call.ending) == (Status.FAILED, Ending.NOT_CONNECTED)
        assert call.error_message == abandoned.WHY[Found.NONE]
        assert call.concluded_at
    assert exchange.dialled == []


def test_a_placement_that_another_process_is_still_making_is_not_taken_for_lost(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_requests = True
    call = place(version)
    assert look_up(call.legs.get()) is Found.UNKNOWN
    assert swept(call, placed_ago=timedelta(seconds=20)).status == Status.QUEUED


def test_while_the_exchange_does_not_answer_an_unclear_call_waits_but_not_for_ever(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_requests = True
    call = place(version)
    with override_settings(TWILIO_API_BASE_URL="http://127.0.0.1:9"):
        assert swept(call).status == Status.QUEUED
        swept(call, placed_ago=too_long())
    assert (call.status, call.error_message) == (Status.FAILED, abandoned.WHY[Found.UNKNOWN])


def test_a_call_that_the_exchange_did_make_is_found_by_the_sweep(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_answers, exchange.lists = True, False
    call = place(version)
    assert call.legs.get().call_sid is None
    exchange.lists = True
    swept(call)
    assert call.legs.get().call_sid == exchange.calls[0]["sid"]
    assert call.status == Status.CANCELED  # nobody was on our end: it was hung up
    assert exchange.updates == [(exchange.calls[0]["sid"], {"Status": "canceled"})]


def test_a_webhook_that_comes_while_the_exchange_is_asked_names_the_call(
    exchange: ExchangeDouble, version: AgentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.swallows_answers, exchange.lists = True, False
    call = place(version)
    exchange.lists = True
    leg = call.legs.get()
    index = exchange.index

    def webhook_first(to: str) -> Any:
        services.adopt_call_sid(Leg.objects.get(pk=leg.pk), exchange.calls[0]["sid"])
        return index(to)

    monkeypatch.setattr(exchange, "index", webhook_first)
    assert look_up(leg) is Found.NAMED
    assert leg.call_sid == exchange.calls[0]["sid"]


def test_a_call_whose_far_end_has_a_stream_is_never_failed_for_want_of_a_name(
    exchange: ExchangeDouble, version: AgentVersion
) -> None:
    exchange.swallows_requests = True
    call = place(version)
    far = Leg.objects.create(call=call, side=Side.CALLER, is_primary=True, is_outbound=False, call_sid="CA" + "7" * 32)
    Leg.objects.filter(pk=far.pk).update(stream_started_at=timezone.now())
    answering.stream_started(far)
    assert swept(call).status == Status.IN_PROGRESS
    swept(call, placed_ago=too_long())
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.ABANDONED)
