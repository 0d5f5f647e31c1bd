"""The sweep: what looks alive and is not is closed, once; what lives is left alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from calls import abandoned, answering, recording_files, services, tasks
from calls.models import Call, Leg, Recording, Transcription, Turn
from calls.signals import call_ended
from calls.states import Ending, Side, Status
from tests.calls.exchange import NO_ANSWER, SILENT, STRANGER, Telephone, db, scripted_agent

pytestmark = pytest.mark.django_db
PAST = timedelta(minutes=1)


def a_call(direction: str = "inbound", **values: Any) -> Leg:
    version = scripted_agent()
    values = {
        "dial_claimed_at": timezone.now() - 2 * PAST,
        "status": Status.IN_PROGRESS,
        "lease_until": timezone.now() - PAST,
        **values,
    }
    call = Call.objects.create(agent=version.agent, agent_version=version, direction=direction, **values)
    return Leg.objects.create(
        call=call, side=Side.AGENT, is_primary=True, is_outbound=direction == "outbound", call_sid="CA" + "1" * 32
    )


def streaming(leg: Leg, seconds: int = 2) -> None:
    """Its stream began, and its process died after so many seconds."""
    Leg.objects.filter(pk=leg.pk).update(stream_started_at=timezone.now() - PAST)
    raw = recording_files.raw_path(leg.call.public_id)
    Recording.objects.create(call=leg.call, file=raw.name)
    recording_files.append(raw, b"\xff" * 8000 * seconds, b"\x80" * 8000 * seconds)


def transcript_made(call: Call) -> None:
    """As whoever makes it does at its end."""
    made = Transcription.objects.filter(call=call, state=Transcription.State.WAITING)
    assert made.update(state=Transcription.State.DONE) == 1
    services.conclude_if_over(call.pk)


@pytest.mark.django_db(transaction=True)
def test_an_abandoned_call_is_closed_once_with_what_was_recorded() -> None:
    leg = a_call(answered_at=timezone.now() - PAST)
    streaming(leg)
    concluded: list[Call] = []

    def receiver(call: Call, **_: Any) -> None:
        concluded.append(call)

    call_ended.connect(receiver)
    assert [tasks.sweep_calls() for _ in range(3)] == [1, 0, 0]
    call = Call.objects.get()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.ABANDONED)
    assert "what was said by then is kept" in call.error_message
    recording = Recording.objects.get()
    assert (recording.state, recording.duration_ms) == (Recording.State.READY, 2000)
    assert concluded == []  # who spoke when its process died is not transcribed yet
    transcript_made(call)
    assert [each.pk for each in concluded] == [call.pk]


def test_a_call_whose_process_renews_its_lease_is_left_alone() -> None:
    leg = a_call()
    streaming(leg)
    answering.renew_leases([leg.call_id])
    assert tasks.sweep_calls() == 0
    assert Call.objects.get().status == Status.IN_PROGRESS


def test_a_lease_renewed_while_the_sweep_was_looking_keeps_the_call() -> None:
    leg = a_call()
    stale = Call.objects.get()
    answering.renew_leases([leg.call_id])
    assert tasks._close_if_still_lost(stale) is False
    assert Call.objects.get().status == Status.IN_PROGRESS


def test_a_call_that_rang_here_and_never_connected_was_not_answered() -> None:
    a_call(status=Status.RINGING)
    tasks.sweep_calls()
    call = Call.objects.get()
    assert (call.status, call.ending) == (Status.NO_ANSWER, Ending.NOT_CONNECTED)
    assert call.ended_at


async def test_a_call_that_the_exchange_never_confirmed_has_failed(phone: Telephone) -> None:
    leg = await db(a_call, "outbound", status=Status.QUEUED, to_number=STRANGER, from_number=settings.TWILIO_NUMBER)
    await db(Leg.objects.filter(pk=leg.pk).update, call_sid=None)
    await db(tasks.sweep_calls)
    call = await db(Call.objects.get)
    assert call.status == Status.FAILED
    assert call.error_message.startswith("The exchange never confirmed this call")


def test_while_the_exchange_is_away_a_call_waits_and_others_are_closed() -> None:
    waiting = a_call("outbound").call
    version = waiting.agent_version
    other = Call.objects.create(
        agent=waiting.agent, agent_version=version, direction="inbound", status=Status.RINGING, from_number=STRANGER
    )
    with override_settings(TWILIO_API_BASE_URL="http://127.0.0.1:9"):
        assert tasks.sweep_calls() == 2
    waiting.refresh_from_db()
    other.refresh_from_db()
    assert (waiting.status, other.status) == (Status.IN_PROGRESS, Status.NO_ANSWER)


async def test_what_the_exchange_still_holds_is_hung_up(phone: Telephone) -> None:
    call = await phone.place(agent_version=await db(scripted_agent), to_number=SILENT)
    await phone.streaming(1)
    await db(Call.objects.filter(pk=call.pk).update, lease_until=timezone.now() - PAST)
    await db(tasks.sweep_calls)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists())
    await db(call.refresh_from_db)
    assert call.status == Status.COMPLETED
    assert all(remote.is_over for remote in phone.exchange.calls())


async def test_a_call_that_rings_for_ever_is_cancelled(phone: Telephone) -> None:
    call = await phone.place(agent_version=await db(scripted_agent), to_number=NO_ANSWER)
    await db(Call.objects.filter(pk=call.pk).update, lease_until=timezone.now() - PAST)
    await db(tasks.sweep_calls)
    await db(call.refresh_from_db)
    assert (call.status, call.ending) == (Status.CANCELED, Ending.NOT_CONNECTED)


def test_a_terminal_call_with_a_stream_nobody_holds_is_concluded_after_a_while() -> None:
    leg = a_call("outbound", status=Status.COMPLETED, ended_at=timezone.now() - PAST)
    streaming(leg)
    tasks.sweep_calls()
    transcript_made(leg.call)
    assert Call.objects.get().concluded_at


def test_a_terminal_call_whose_stream_is_still_being_stored_is_given_time() -> None:
    just_now = timezone.now() - timedelta(seconds=settings.CALL_LEASE_S / 2)
    streaming(a_call("outbound", status=Status.COMPLETED, ended_at=just_now))
    assert tasks.sweep_calls() == 0


def test_a_reply_that_was_being_spoken_is_kept_as_a_turn_up_to_the_last_second() -> None:
    leg = a_call()
    streaming(leg, seconds=5)
    Turn.objects.create(call=leg.call, index=0, side="agent", text="I was", start_ms=3000, end_ms=3000, is_final=False)
    tasks.sweep_calls()
    turn = Turn.objects.get()
    assert (turn.is_final, turn.text, turn.end_ms) == (True, "I was", 5000)


def test_a_call_that_cannot_be_closed_says_so_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = a_call(status=Status.RINGING).call
    other = Call.objects.create(
        agent=broken.agent, agent_version=broken.agent_version, direction="inbound", status=Status.RINGING
    )
    close = abandoned.close_abandoned

    def fails_for_one(call: Call) -> None:
        if call.pk == broken.pk:
            raise ZeroDivisionError
        close(call)

    monkeypatch.setattr(abandoned, "close_abandoned", fails_for_one)
    assert tasks.sweep_calls() == 2
    broken.refresh_from_db()
    other.refresh_from_db()
    assert (broken.concluded_at, broken.error_message) == (None, tasks.NOT_CLOSED)
    assert other.concluded_at is not None
