"""What a call does by its TwiML document: say, play, stream, redirect, dial."""

import asyncio
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.ports import Audio
from calls.audio import mulaw
from calls.sandbox.directory import Directory, Number
from calls.telephony import twiml
from tests.calls.sandbox.application import (
    BUSY,
    FAILED,
    NO_ANSWER,
    SILENT,
    World,
    until,
    world,
)


# --- TwiML ------------------------------------------------------------------------------------------------------------
async def test_the_document_goes_on_after_the_application_closed_its_stream(telephone: World) -> None:
    telephone.application.streams_at("/voice", "/ws/agent")
    telephone.application.streams_at("/caller", "/ws/caller", twiml.Redirect("/again"))
    telephone.application.streams_at("/again", "/ws/second")
    await telephone.place()
    first = await telephone.stream("/ws/caller")
    await first.socket.close()
    second = await telephone.stream("/ws/second")
    assert second.sid != first.sid


async def test_a_live_call_is_redirected_by_rest(telephone: World) -> None:
    call, caller, agent = await telephone.two_streams()
    telephone.application.streams_at("/operator", "/ws/operator")
    await telephone.update(call.sid, url=telephone.application.at("/operator"))
    await caller.closed.wait()
    operator = await telephone.stream("/ws/operator")
    await operator.play(b"\x05" * 160)
    await until(lambda: any(leg.playout.buffered_bytes for leg in telephone.exchange._legs.values()))
    await telephone.play_out(0.1)
    await until(lambda: b"\x05" * 160 in agent.audio)
    assert caller.messages[-1]["event"] == "stop"


async def test_a_live_call_is_redirected_to_given_twiml(telephone: World) -> None:
    call, _, agent = await telephone.two_streams()
    await telephone.update(call.sid, twiml="<Response><Play digits='5'/></Response>")
    async with asyncio.timeout(10):
        while not agent.closed.is_set():
            await telephone.play_out(0.1)
    assert agent.digits == "5"


async def test_send_digits_are_heard_by_the_far_end(telephone: World) -> None:
    telephone.application.streams_at("/voice", "/ws/agent")
    telephone.application.streams_at("/caller", "/ws/caller")
    await telephone.place(send_digits="w42#")
    agent = await telephone.stream("/ws/agent")
    await telephone.play_out(2)
    await until(lambda: agent.digits == "42#")
    await telephone.stream("/ws/caller")


async def test_a_wav_is_played_and_the_call_ends_after_it(telephone: World) -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full(4000, 5000, "<i2").tobytes())
    telephone.application.contents["/hello.wav"] = sound.getvalue()
    telephone.application.answers("/caller", twiml.Play("/hello.wav"))
    telephone.application.streams_at("/voice", "/ws/agent")
    call = await telephone.place()
    agent = await telephone.stream("/ws/agent")
    record = telephone.exchange.call(call.sid)
    assert record is not None
    async with asyncio.timeout(10):
        while not record.is_over:
            await telephone.play_out(0.02)
    await agent.closed.wait()
    tone = mulaw.encode(np.full(1, 5000, np.int16))
    assert agent.audio.count(tone) == 4000


async def test_text_is_spoken_with_the_given_voice() -> None:
    asked: list[tuple[str, str, str]] = []

    async def speak(text: str, voice: str, language: str) -> Audio:
        asked.append((text, voice, language))
        return Audio(np.full(1600, 1000, np.int16), 16000)

    async with world(speak=speak) as telephone:
        telephone.application.answers("/caller", twiml.Say("Good day.", "hibari:heart", "en-US"))
        call = await telephone.place(to=SILENT)
        record = telephone.exchange.call(call.sid)
        assert record is not None
        async with asyncio.timeout(10):
            while not record.is_over:
                await telephone.play_out(0.02)
        assert record.status == "completed"
    assert asked == [("Good day.", "hibari:heart", "en-US")]


async def test_without_a_voice_saying_fails_with_a_reason(telephone: World) -> None:
    telephone.application.answers("/caller", twiml.Say("Good day."))
    call = await telephone.place(to=SILENT)
    assert await telephone.ended(call.sid) == "failed"
    record = telephone.exchange.call(call.sid)
    assert record is not None
    assert record.problems[0].code == 13520


async def test_a_stream_tells_its_status_callback_of_start_and_end(telephone: World) -> None:
    told = telephone.application.at("/stream-status")
    stream = twiml.ConnectStream(telephone.application.stream_url("/ws/caller"), status_callback=told)
    telephone.application.answers("/caller", stream)
    await telephone.place(to=SILENT)
    caller = await telephone.stream("/ws/caller")
    await caller.socket.close()
    await until(lambda: len(telephone.application.asked("/stream-status")) == 2)
    forms = [request.form for request in telephone.application.asked("/stream-status")]
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
    assert {form["StreamSid"] for form in forms} == {caller.sid}


# --- Dial -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "directory.json")


async def test_dialling_bridges_a_new_leg_and_gives_the_line_back(directory: Directory) -> None:
    async with world(directory) as telephone:
        application = telephone.application
        directory.save(Number("+15550100555", application.at("/third")))
        application.streams_at("/caller", "/ws/caller")
        application.answers("/voice", twiml.Dial("+15550100555", action="/after"))
        application.streams_at("/third", "/ws/third")
        application.streams_at("/after", "/ws/agent")
        await telephone.place()
        caller, third = await telephone.stream("/ws/caller"), await telephone.stream("/ws/third")
        await heard(telephone, third, caller, b"\x03")
        await heard(telephone, caller, third, b"\x04")
        await third.socket.close()
        agent = await telephone.stream("/ws/agent")
        await heard(telephone, agent, caller, b"\x05")
        (after,) = application.asked("/after")
        assert after.form["DialCallStatus"] == "completed"
        assert (application.asked("/third")[0].form["ParentCallSid"]) == after.form["CallSid"]


async def heard(telephone: World, speaker: Any, listener: Any, byte: bytes) -> None:
    """What the speaker plays arrives at the listener."""
    await speaker.play(byte * 160)
    await until(lambda: any(leg.playout.buffered_bytes for leg in telephone.exchange._legs.values()))
    await telephone.play_out(0.04)
    await until(lambda: byte * 160 in listener.audio)


@pytest.mark.parametrize(("number", "status"), [(BUSY, "busy"), (FAILED, "failed"), (NO_ANSWER, "no-answer")])
async def test_dialling_tells_why_nobody_was_reached(telephone: World, number: str, status: str) -> None:
    telephone.application.answers("/caller", twiml.Dial(number, action="/after", timeout_s=2))
    telephone.application.answers("/after", twiml.Hangup())
    call = await telephone.place(to=SILENT)
    await until(lambda: telephone.application.asked("/caller"))
    async with asyncio.timeout(10):
        while not telephone.application.asked("/after"):
            await telephone.play_out(0.5)
    assert telephone.application.asked("/after")[0].form["DialCallStatus"] == status
    assert await telephone.ended(call.sid) == "completed"


async def test_hanging_up_ends_the_dialled_leg_too(directory: Directory) -> None:
    async with world(directory) as telephone:
        directory.save(Number("+15550100555", telephone.application.at("/third")))
        telephone.application.answers("/caller", twiml.Dial("+15550100555"))
        telephone.application.streams_at("/third", "/ws/third")
        call = await telephone.place(to=SILENT)
        third = await telephone.stream("/ws/third")
        await telephone.update(call.sid, status="completed")
        await third.closed.wait()
        assert telephone.exchange.live_legs == 0
