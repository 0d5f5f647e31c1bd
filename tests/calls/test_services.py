"""Placing, joining, following and ending calls, through a real exchange on a scripted clock."""

import asyncio
import wave
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from agents.providers.scripted import ScriptedActivity
from calls import answering, services
from calls.answering import Incoming
from calls.media_consumer import live_sessions
from calls.models import Call, CallEvent, Leg, Recording, Turn
from calls.services import CallRefused, StatusReport, TelephonyFailed
from calls.signals import call_ended
from calls.states import Ending, Side, Status
from calls.tokens import token_hash
from tests.calls.exchange import (
    AGENT,
    BUSY,
    PERSONA,
    SILENT,
    STRANGER,
    Telephone,
    db,
    external_agent,
    scripted_agent,
    scripted_persona,
)

pytestmark = pytest.mark.django_db


def placed_leg(call: Call) -> Leg:
    return call.legs.get(is_outbound=True)


# --- A whole call -----------------------------------------------------------------------------------------------------
async def test_a_persona_calls_an_agent_and_both_are_heard_recorded_and_concluded(phone: Telephone) -> None:
    version, persona = await db(scripted_agent), await db(scripted_persona)
    concluded: list[Call] = []

    def receiver(call: Call, **_: Any) -> None:
        concluded.append(call)

    call_ended.connect(receiver)
    call = await phone.place(agent_version=version, persona=persona)
    await phone.streaming(2)
    final = Turn.objects.filter(call=call, is_final=True)
    await phone.until(lambda: final.count() >= 5)
    await db(call.refresh_from_db)
    await db(services.hang_up, call)
    await phone.until(lambda: concluded)
    await db(call.refresh_from_db)

    assert (call.status, call.ending) == (Status.COMPLETED, Ending.OPERATOR_HUNG_UP)
    turns = await db(lambda: [(turn.side, turn.text) for turn in final.order_by("index")[:5]])
    assert turns == [
        ("agent", "Hello."),
        ("caller", "a table please"),
        ("agent", "Yes."),
        ("caller", "for two"),
        ("agent", "Good."),
    ]
    # What the caller's leg spoke is set beside what the agent's leg heard of it.
    references = await db(lambda: [turn.reference for turn in final.filter(side="caller").order_by("index")[:2]])
    assert references == ["A table please.", "For two."]
    assert [ended.pk for ended in concluded] == [call.pk]
    assert not live_sessions
    await db(_assert_recording_fits, call)


def _assert_recording_fits(call: Call) -> None:
    """Each turn's speech is on its own channel, where the turn says, and not on the other one."""
    recording = Recording.objects.get(call=call)
    assert recording.state == Recording.State.READY
    with wave.open(str(settings.RECORDINGS_DIR / recording.file)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    assert len(frames) // 8 == pytest.approx(recording.duration_ms, abs=1)
    activity = ScriptedActivity(window_samples=80)
    for turn in Turn.objects.filter(call=call, is_final=True).order_by("index")[:5]:
        middle = frames[8 * (turn.start_ms + 60) : 8 * (turn.end_ms - 60)]
        own, other = (0, 1) if turn.side == Side.CALLER else (1, 0)
        assert activity.probabilities(np.ascontiguousarray(middle[:, own])).mean() == 1.0, turn
        assert activity.probabilities(np.ascontiguousarray(middle[:, other])).mean() == 0.0, turn


# --- Placing ----------------------------------------------------------------------------------------------------------
async def test_an_idempotency_key_dials_once_even_at_once(phone: Telephone) -> None:
    version = await db(scripted_agent)
    wanted = {"agent_version": version, "to_number": SILENT, "idempotency_key": "order 7"}
    first, second = await asyncio.gather(phone.place(**wanted), phone.place(**wanted))
    third = await phone.place(**wanted)
    assert first.pk == second.pk == third.pk
    assert len([call for call in phone.exchange.calls() if call.direction == "outbound-api"]) == 1


@pytest.mark.parametrize("both", [True, False])
async def test_a_call_without_one_clear_far_end_is_refused(phone: Telephone, both: bool) -> None:
    version, persona = await db(scripted_agent), await db(scripted_persona)
    with pytest.raises(CallRefused) as refused:
        await phone.place(agent_version=version, to_number=SILENT * both, persona=persona if both else None)
    assert refused.value.field == "to"
    assert await db(Call.objects.count) == 0


async def test_an_external_agent_cannot_be_made_to_call(phone: Telephone) -> None:
    version = await db(external_agent, STRANGER)
    with pytest.raises(CallRefused, match="cannot make it call"):
        await phone.place(agent_version=version, to_number=SILENT)


async def test_a_refused_call_is_kept_with_the_exchanges_code_and_what_to_do(phone: Telephone) -> None:
    version = await db(scripted_agent)
    with pytest.raises(TelephonyFailed, match=r"E\.164") as failed:
        await phone.place(agent_version=version, to_number="+0")
    call = await db(Call.objects.get)
    assert failed.value.call.pk == call.pk
    assert (call.status, call.ending, call.error_code) == (Status.FAILED, Ending.NOT_CONNECTED, "21211")
    assert call.concluded_at


async def test_an_exchange_that_is_down_fails_the_call_with_its_reason(phone: Telephone) -> None:
    version = await db(scripted_agent)
    with override_settings(TWILIO_API_BASE_URL="http://127.0.0.1:9"), pytest.raises(TelephonyFailed):
        await phone.place(agent_version=version, to_number=SILENT)
    call = await db(Call.objects.get)
    assert (call.status, call.error_code) == (Status.FAILED, "unreachable")
    assert call.error_message == "The exchange cannot be reached."


async def test_a_call_that_may_have_been_placed_waits_for_its_first_webhook(phone: Telephone) -> None:
    """An exchange that takes the request and never answers: the call may ring."""
    version = await db(scripted_agent)
    taken = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        taken.set()
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as mute:
        port = mute.sockets[0].getsockname()[1]
        with override_settings(TWILIO_API_BASE_URL=f"http://127.0.0.1:{port}"):
            call = await phone.place(agent_version=version, to_number=SILENT)
    assert taken.is_set()
    assert call.status == Status.QUEUED
    leg = await db(placed_leg, call)
    assert leg.call_sid is None
    await db(services.adopt_call_sid, leg, "CA" + "1" * 32)
    await db(services.adopt_call_sid, leg, "CA" + "2" * 32)
    assert leg.call_sid == "CA" + "1" * 32


async def test_a_busy_number_ends_the_call_as_busy(phone: Telephone) -> None:
    call = await phone.place(agent_version=await db(scripted_agent), to_number=BUSY)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists())
    await db(call.refresh_from_db)
    assert (call.status, call.ending, call.answered_at) == (Status.BUSY, Ending.NOT_CONNECTED, None)


# --- Joining ----------------------------------------------------------------------------------------------------------
async def test_the_second_leg_joins_by_its_parents_call_sid(phone: Telephone) -> None:
    version, persona = await db(scripted_agent), await db(scripted_persona)
    older = await phone.place(agent_version=version, persona=persona)
    newer = await phone.place(agent_version=version, persona=persona)
    await phone.until(lambda: Leg.objects.filter(call__in=[older, newer]).count() == 4)
    for call in (older, newer):
        legs = await db(lambda call=call: list(call.legs.all()))
        assert {leg.side for leg in legs} == {"agent", "caller"}
        placed, joined = sorted(legs, key=lambda leg: not leg.is_outbound)
        record = phone.exchange.call(joined.call_sid or "")
        assert record is not None
        assert record.parent_sid == placed.call_sid


def test_the_second_leg_joins_by_number_where_no_parent_is_told() -> None:
    version, persona = scripted_agent(), scripted_persona()
    calls = [
        Call.objects.create(
            agent=version.agent,
            agent_version=version,
            persona=persona,
            direction="outbound",
            status=Status.RINGING,
            from_number=settings.TWILIO_NUMBER,
            to_number=AGENT,
        )
        for _ in range(2)
    ]
    for call in calls:
        Leg.objects.create(call=call, side=Side.CALLER, is_outbound=True)
    joined = [answering.answer_incoming(Incoming(f"CA{n:032}", settings.TWILIO_NUMBER, AGENT)) for n in range(2)]
    assert [leg and leg.call_id for leg in joined] == [calls[0].pk, calls[1].pk]
    again = answering.answer_incoming(Incoming(f"CA{0:032}", settings.TWILIO_NUMBER, AGENT))
    assert again == joined[0]
    assert Leg.objects.count() == 4


def test_a_call_from_outside_is_answered_by_the_agent_of_its_number_alone() -> None:
    version = scripted_agent()
    leg = answering.answer_incoming(Incoming("CA" + "1" * 32, STRANGER, AGENT))
    assert leg is not None
    assert (leg.side, leg.is_primary, leg.call.agent_version, leg.call.direction) == ("agent", True, version, "inbound")
    assert answering.answer_incoming(Incoming("CA" + "2" * 32, STRANGER, "+15550100301")) is None


async def test_an_agent_calls_a_personas_number_and_the_persona_answers(phone: Telephone) -> None:
    version, persona = await db(scripted_agent), await db(scripted_persona)
    call = await phone.place(agent_version=version, to_number=PERSONA)
    await phone.until(lambda: call.legs.filter(is_outbound=False, stream_started_at__isnull=False).exists())
    await db(call.refresh_from_db)
    assert call.persona_id == persona.pk
    assert (await db(placed_leg, call)).is_primary


# --- Following --------------------------------------------------------------------------------------------------------
@pytest.fixture
def ringing() -> Leg:
    version = scripted_agent()
    call = Call.objects.create(
        agent=version.agent,
        agent_version=version,
        direction="outbound",
        to_number=STRANGER,
        dial_claimed_at=timezone.now(),
    )
    return Leg.objects.create(call=call, side=Side.AGENT, is_primary=True, is_outbound=True, call_sid="CA" + "1" * 32)


def statuses(leg: Leg, *reports: tuple[Status, int]) -> str:
    for status, sequence in reports:
        services.follow(leg, StatusReport(status, sequence))
    leg.call.refresh_from_db()
    return leg.call.status


def test_reports_that_come_late_twice_or_out_of_order_never_move_a_call_back(ringing: Leg) -> None:
    assert statuses(ringing, (Status.IN_PROGRESS, 2), (Status.RINGING, 1)) == Status.IN_PROGRESS
    assert statuses(ringing, (Status.COMPLETED, 3)) == Status.COMPLETED
    ended_at, concluded_at = ringing.call.ended_at, ringing.call.concluded_at
    late = statuses(ringing, (Status.COMPLETED, 3), (Status.INITIATED, 0), (Status.FAILED, 4))
    assert late == Status.COMPLETED
    assert (ringing.call.ended_at, ringing.call.concluded_at) == (ended_at, concluded_at)
    assert concluded_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_call_is_concluded_once_and_only_when_its_streams_are_over(ringing: Leg) -> None:
    concluded: list[Call] = []

    def receiver(call: Call, **_: Any) -> None:
        concluded.append(call)

    call_ended.connect(receiver)
    token = answering.new_stream_token(ringing)
    leg = answering.claim_stream(ringing.call_sid or "", "MZ1", token)
    assert leg is not None
    statuses(ringing, (Status.COMPLETED, 3))
    assert concluded == []
    Recording.objects.update(state=Recording.State.EMPTY)
    for _ in range(2):
        services.stream_ended(leg, Ending.CALLER_HUNG_UP)
        services.conclude_if_over(ringing.call_id)
    assert len(concluded) == 1


@pytest.mark.django_db(transaction=True)
def test_a_webhook_amid_the_end_of_a_stream_finds_how_the_call_ended(ringing: Leg) -> None:
    concluded: list[str] = []

    def receiver(call: Call, **_: Any) -> None:
        concluded.append(call.ending)

    call_ended.connect(receiver)
    leg = answering.claim_stream(ringing.call_sid or "", "MZ1", answering.new_stream_token(ringing))
    assert leg is not None
    statuses(ringing, (Status.COMPLETED, 3))
    Recording.objects.update(state=Recording.State.EMPTY)

    def meanwhile(execute: Any, sql: str, *more: Any) -> Any:
        done = execute(sql, *more)
        if sql.startswith('UPDATE "calls_leg"'):
            services.conclude_if_over(ringing.call_id)
        return done

    with connection.execute_wrapper(meanwhile):
        services.stream_ended(leg, Ending.CALLER_HUNG_UP)
    assert concluded == [Ending.CALLER_HUNG_UP]


# --- Streams ----------------------------------------------------------------------------------------------------------
def test_a_stream_token_admits_once_and_only_its_own_call(ringing: Leg) -> None:
    sid, token = ringing.call_sid or "", answering.new_stream_token(ringing)
    assert answering.claim_stream("CA" + "9" * 32, "MZ1", token) is None
    assert answering.claim_stream(sid, "MZ1", token + "x") is None
    assert answering.claim_stream(sid, "MZ1", "") is None
    assert answering.claim_stream(sid, "MZ1", token) is not None
    assert answering.claim_stream(sid, "MZ2", token) is None
    ringing.refresh_from_db()
    assert (ringing.stream_sid, ringing.stream_token_hash) == ("MZ1", "")


def test_a_new_token_makes_the_old_one_void(ringing: Leg) -> None:
    old, new = answering.new_stream_token(ringing), answering.new_stream_token(ringing)
    assert answering.claim_stream(ringing.call_sid or "", "MZ1", old) is None
    assert answering.claim_stream(ringing.call_sid or "", "MZ1", new) is not None
    assert token_hash(new) != new


def test_a_call_that_is_over_takes_no_stream(ringing: Leg) -> None:
    token = answering.new_stream_token(ringing)
    statuses(ringing, (Status.COMPLETED, 0))
    assert answering.claim_stream(ringing.call_sid or "", "MZ1", token) is None
    assert not Recording.objects.exists()


def test_hanging_up_before_the_exchange_knows_the_call_is_refused() -> None:
    version = scripted_agent()
    call = Call.objects.create(
        agent=version.agent, agent_version=version, direction="outbound", dial_claimed_at=timezone.now()
    )
    Leg.objects.create(call=call, side=Side.AGENT, is_primary=True, is_outbound=True)
    with pytest.raises(CallRefused, match="not reached the exchange"):
        services.hang_up(call)


async def test_a_call_that_ended_by_itself_a_moment_ago_is_hung_up_without_an_error(phone: Telephone) -> None:
    call = await phone.place(agent_version=await db(scripted_agent), to_number=SILENT)
    await phone.streaming(1)
    for remote in list(phone.exchange.calls()):
        phone.exchange.hang_up(remote)
    await db(services.hang_up, call)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists())
    await db(call.refresh_from_db)
    assert call.status == Status.COMPLETED


def test_a_hang_up_that_failed_does_not_name_the_calls_ending(ringing: Leg) -> None:
    with override_settings(TWILIO_API_BASE_URL="http://127.0.0.1:9"), pytest.raises(TelephonyFailed):
        services.hang_up(ringing.call)
    ringing.call.refresh_from_db()
    assert ringing.call.ending == ""
    assert not CallEvent.objects.exists()
    assert ringing.call.created_at > timezone.now() - timedelta(minutes=1)
