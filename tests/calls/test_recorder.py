"""Events become rows and audio becomes the stereo recording, whatever the database does meanwhile."""

import asyncio
import sqlite3
import wave
from contextlib import closing
from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from agents.errors import Unreachable
from agents.ports import Word
from calls import events, recording_files
from calls.answering import renew_leases
from calls.media_session import failure
from calls.models import Call, CallEvent, Leg, Recording, Turn
from calls.recorder import Recorder
from calls.references import LINE_SPOKEN, align_references
from calls.states import Side, Status
from tests.calls.exchange import db, scripted_agent, scripted_persona

pytestmark = pytest.mark.django_db(transaction=True)


def a_leg(side: Side = Side.AGENT, *, is_primary: bool = True, call: Call | None = None) -> Leg:
    if call is None:
        version = scripted_agent()
        call = Call.objects.create(
            agent=version.agent, agent_version=version, persona=scripted_persona(), status=Status.IN_PROGRESS
        )
    leg = Leg.objects.create(call=call, side=side, is_primary=is_primary, is_outbound=False)
    return Leg.objects.select_related("call__agent").get(pk=leg.pk)


def heard(turn: int, text: str, start_ms: int = 1000) -> events.TurnTranscribed:
    return events.TurnTranscribed(
        at_ms=start_ms + 900,
        side=Side.CALLER,
        turn=turn,
        text=text,
        start_ms=start_ms,
        end_ms=start_ms + 800,
        words=(Word("hi", start_ms, start_ms + 100),),
    )


async def recorded(leg: Leg, *happened: events.CallEvent, audio: tuple[bytes, bytes] = (b"", b"")) -> None:
    recorder = Recorder(leg, recording_files.raw_path(leg.call.public_id), renew_leases)
    running = asyncio.create_task(recorder.run())
    for event in happened:
        recorder.event(event)
    if audio[0]:
        recorder.audio(*audio)
    recorder.close()
    await running


async def test_both_sides_turns_become_rows_that_later_events_change() -> None:
    leg = await db(a_leg)
    await recorded(
        leg,
        events.ReplyStarted(at_ms=20, side=Side.AGENT, turn=0, text="Hello."),
        events.ReplyExtended(at_ms=500, side=Side.AGENT, turn=0, text="Hello. How are you?"),
        heard(1, "fine"),
        events.ReplyCut(
            at_ms=900, side=Side.AGENT, turn=0, text="Hello. How are you?", heard="Hello.", start_ms=20, end_ms=900
        ),
    )
    turns = await db(lambda: list(Turn.objects.order_by("index")))
    assert [(t.side, t.text, t.heard, t.start_ms, t.end_ms, t.is_final) for t in turns] == [
        ("agent", "Hello. How are you?", "Hello.", 20, 900, True),
        ("caller", "fine", None, 1000, 1800, True),
    ]
    assert turns[1].words == [{"text": "hi", "start_ms": 1000, "end_ms": 1100}]


async def test_speech_without_words_is_an_event_and_no_turn() -> None:
    await recorded(await db(a_leg), heard(0, ""))
    assert await db(Turn.objects.count) == 0
    event = await db(CallEvent.objects.get)
    assert (event.name, event.side, event.at_ms, event.data) == ("NoWords", "caller", 1000, {"end_ms": 1800})


async def test_what_a_brain_notes_and_what_failed_is_kept() -> None:
    error = Unreachable("No answer.", provider="ears")
    await recorded(
        await db(a_leg),
        events.Noted(at_ms=5, side=Side.AGENT, name="order", data={"burgers": 2}),
        failure(9, Side.AGENT, "ears", error, "turn lost"),
    )
    rows = await db(lambda: list(CallEvent.objects.order_by("id").values_list("name", "side", "at_ms", "data")))
    assert rows[0] == ("order", "agent", 5, {"burgers": 2})
    assert rows[1][3] == {
        "capability": "ears",
        "provider": "ears",
        "message": "No answer.",
        "outcome": "turn lost",
    }


async def test_an_event_that_cannot_be_stored_takes_no_other_one_along() -> None:
    bad = events.Noted(at_ms=5, side=Side.AGENT, name="odd", data={"not JSON": object()})
    await recorded(await db(a_leg), heard(0, "before"), bad, heard(1, "after"))
    assert await db(lambda: list(Turn.objects.values_list("text", flat=True))) == ["before", "after"]
    assert (await db(CallEvent.objects.get, name="QueueOverflowed")).data["dropped"] == 1


@pytest.mark.parametrize(("side", "caller_is"), [(Side.AGENT, "far"), (Side.CALLER, "own")])
async def test_the_caller_is_left_and_the_agent_right_whoever_of_them_we_are(side: Side, caller_is: str) -> None:
    leg = await db(a_leg, side)
    await db(Recording.objects.create, call=leg.call, file=recording_files.raw_path(leg.call.public_id).name)
    far, own = b"\x00" * 800 + b"\xff" * 800, b"\xff" * 1600  # 0x00 is the loudest μ-law, 0xFF silence
    await recorded(leg, audio=(far, own))
    await db(recording_files.finish, leg.call_id)
    recording = await db(Recording.objects.get)
    with wave.open(str(settings.RECORDINGS_DIR / recording.file)) as file:
        frames = np.frombuffer(file.readframes(1600), np.int16).reshape(-1, 2)
    loud = frames[:, 0 if caller_is == "far" else 1]
    assert np.abs(loud[:800]).min() > 30_000
    assert not loud[800:].any()
    assert not frames[:, 1 if caller_is == "far" else 0].any()
    assert (recording.state, recording.duration_ms) == (Recording.State.READY, 200)


async def test_the_other_leg_keeps_its_lines_and_makes_neither_turns_nor_recording() -> None:
    leg = await db(a_leg, Side.CALLER, is_primary=False)
    spoken = events.ReplyFinished(at_ms=900, side=Side.CALLER, turn=0, text="Two, please.", start_ms=100, end_ms=900)
    await recorded(leg, spoken, heard(1, "not ours to tell"), audio=(b"\xff" * 160, b"\xff" * 160))
    assert await db(Turn.objects.count) == 0
    event = await db(CallEvent.objects.get)
    assert (event.name, event.data["heard"]) == (LINE_SPOKEN, "Two, please.")
    assert not recording_files.raw_path(leg.call.public_id).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="locks the file of SQLite")
async def test_what_happens_while_the_database_is_locked_is_stored_when_it_is_free() -> None:
    leg = await db(a_leg)
    recorder = Recorder(leg, recording_files.raw_path(leg.call.public_id), renew_leases)
    with closing(sqlite3.connect(settings.DATABASES["default"]["TEST"]["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        running = asyncio.create_task(recorder.run())
        for turn in range(50):
            recorder.event(heard(turn, f"turn {turn}", 1000 * turn))
        recorder.close()
        await asyncio.sleep(0)
        assert await db(Turn.objects.count) == 0
        assert not running.done()
        other.execute("ROLLBACK")
    await running
    assert await db(Turn.objects.count) == 50


# --- References -------------------------------------------------------------------------------------------------------
def test_each_heard_turn_gets_the_lines_that_sounded_during_it() -> None:
    """The other leg's clock began 400 ms after the primary one's."""
    primary = a_leg()
    other = a_leg(Side.CALLER, is_primary=False, call=primary.call)
    began = timezone.now()
    Leg.objects.filter(pk=primary.pk).update(stream_started_at=began)
    Leg.objects.filter(pk=other.pk).update(stream_started_at=began + timedelta(milliseconds=400))
    for index, (start_ms, end_ms) in enumerate([(1000, 2000), (3000, 6000)]):
        Turn.objects.create(
            call=primary.call, index=index, side=Side.CALLER, text="?", start_ms=start_ms, end_ms=end_ms
        )
    for text, start_ms, end_ms in [("One.", 600, 1600), ("Two.", 2600, 3900), ("Three.", 4100, 5600), ("", 2600, 2700)]:
        data = {"text": text, "heard": text, "start_ms": start_ms, "end_ms": end_ms}
        CallEvent.objects.create(call=primary.call, side=Side.CALLER, name=LINE_SPOKEN, data=data)
    for _ in range(2):
        align_references(primary.call_id)
        assert list(Turn.objects.order_by("index").values_list("reference", flat=True)) == ["One.", "Two. Three."]


def test_without_the_other_legs_words_there_is_no_reference() -> None:
    leg = a_leg()
    Turn.objects.create(call=leg.call, index=0, side=Side.CALLER, text="?", start_ms=0, end_ms=9)
    align_references(leg.call_id)
    assert Turn.objects.get().reference == ""
