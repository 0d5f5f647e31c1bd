"""What one leg plays the other hears."""

import asyncio
import json
import random

import pytest
from twilio.request_validator import RequestValidator

from calls.audio import dtmf, mulaw
from calls.sandbox.leg import LineFilter
from calls.sandbox.record import CallRecord
from calls.telephony import protocol
from tests.calls.sandbox.application import TOKEN, World, until, world


def noise(frames: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(160 * frames)


async def test_audio_crosses_bit_exactly_both_ways(telephone: World) -> None:
    _, caller, agent = await telephone.two_streams()
    said, replied = noise(50, 1), noise(50, 2)
    await caller.play(said)
    await agent.play(replied[:1000])
    await agent.play(replied[1000:])
    await until(lambda: all(leg.playout.buffered_bytes == 8000 for leg in telephone.exchange._legs.values()))
    await telephone.play_out(1.2)
    await until(lambda: len(agent.audio) >= 9600 and len(caller.audio) >= 9600)
    assert said in agent.audio
    assert replied in caller.audio
    assert set(agent.audio.replace(said, b"")) == {0xFF}


async def test_messages_are_those_of_media_streams(telephone: World) -> None:
    call, caller, _ = await telephone.two_streams()
    await telephone.play_out(0.1)
    await until(lambda: len(caller.of("media")) >= 5)
    parsed = [protocol.parse(json.dumps(message)) for message in caller.messages]
    assert parsed[0] == protocol.Connected("Call", "1.0.0")
    assert parsed[1] == protocol.Start(caller.sid, call.account_sid, call.sid, {"token": "secret"})
    assert [message["sequenceNumber"] for message in caller.messages[1:7]] == [str(n) for n in range(1, 7)]
    media = [message["media"] for message in caller.of("media")]
    assert [part["chunk"] for part in media] == [str(n) for n in range(1, len(media) + 1)]
    assert [part["timestamp"] for part in media] == [str(20 * n) for n in range(len(media))]
    assert {part["track"] for part in media} == {"inbound"}


async def test_the_handshake_is_signed_over_the_exact_url(telephone: World) -> None:
    await telephone.two_streams()
    stream = telephone.application.streams["/ws/caller"]
    url = telephone.application.stream_url("/ws/caller")
    assert stream.headers["x-twilio-signature"] == RequestValidator(TOKEN).compute_signature(url, {})


async def test_a_mark_comes_back_when_what_precedes_it_has_been_played(telephone: World) -> None:
    _, caller, agent = await telephone.two_streams()
    await caller.play(noise(10, 3))
    await caller.mark("after")
    leg = next(leg for leg in telephone.exchange._legs.values() if leg.stream and leg.stream.sid == caller.sid)
    await until(lambda: leg.playout._marks)
    heard = len(agent.of("media"))
    await telephone.play_out(0.2)
    await until(lambda: len(agent.of("media")) >= heard + 10)
    assert caller.marks == []
    await telephone.play_out(0.02)
    await until(lambda: caller.marks)
    assert caller.marks == ["after"]


async def test_a_mark_behind_nothing_comes_back_at_once(telephone: World) -> None:
    _, caller, _ = await telephone.two_streams()
    await caller.mark("now")
    await until(lambda: caller.marks == ["now"])


async def test_clear_drops_what_was_not_played_and_returns_its_marks(telephone: World) -> None:
    _, caller, agent = await telephone.two_streams()
    await caller.play(noise(500, 4))
    await caller.mark("one")
    await caller.mark("two")
    await caller.clear()
    await until(lambda: caller.marks == ["one", "two"])
    await telephone.play_out(0.2)
    await until(lambda: len(agent.of("media")) >= 8)
    assert set(agent.audio[-800:]) == {0xFF}


@pytest.mark.parametrize("digits", ["159", "*0#"])
async def test_tones_arrive_as_digits(telephone: World, digits: str) -> None:
    _, caller, agent = await telephone.two_streams()
    await caller.play(mulaw.encode(dtmf.tones(digits)))
    legs = telephone.exchange._legs.values()
    await until(lambda: any(leg.playout.buffered_bytes for leg in legs))
    await telephone.play_out(1.0)
    await until(lambda: len(agent.digits) >= 3)
    assert agent.digits == digits
    assert caller.digits == ""


async def test_broken_messages_are_noted_and_survived(telephone: World) -> None:
    call, caller, agent = await telephone.two_streams()
    await caller.socket.send_str("not JSON")
    await caller.socket.send_bytes(b"\x00")
    await caller.send(event="dance")
    await caller.socket.send_json({"event": "clear", "streamSid": "MZwrong"})
    await caller.play(b"\x01" * 160)
    await until(lambda: any(leg.playout.buffered_bytes for leg in telephone.exchange._legs.values()))
    await telephone.play_out(0.1)
    await until(lambda: b"\x01" * 160 in agent.audio)
    record = telephone.exchange.call(call.sid)
    assert record is not None
    assert [problem.code for problem in record.problems] == [31950, 31950, 31951, 31951]


async def test_an_application_that_goes_on_breaking_the_protocol_loses_its_stream(telephone: World) -> None:
    call, caller, _ = await telephone.two_streams()
    for _ in range(100):
        await caller.send(event="dance")
    assert await telephone.ended(call.sid) == "completed"
    await caller.closed.wait()
    assert caller.socket.close_code == 1008


async def test_an_application_that_does_not_read_loses_frames_and_stops_nobody(telephone: World) -> None:
    telephone.application.deaf.add("/ws/agent")
    telephone.application.streams_at("/caller", "/ws/caller")
    telephone.application.streams_at("/voice", "/ws/agent")
    call = await telephone.place()
    caller = await telephone.stream("/ws/caller")
    far = next(leg for leg in telephone.exchange._legs.values() if leg.call.sid != call.sid)
    stream = far.stream
    assert stream is not None
    async with asyncio.timeout(30):
        while not stream.dropped_frames:
            await telephone.play_out(10)
    await until(lambda: len(caller.of("media")) == telephone.exchange.ticker.ticks)
    assert [problem.code for problem in far.call.problems] == [31930]
    telephone.application.streams["/ws/agent"].closed.set()


async def test_a_message_over_the_limit_closes_the_stream(telephone: World) -> None:
    call, caller, _ = await telephone.two_streams()
    await caller.socket.send_str("x" * (protocol.MAX_MESSAGE_CHARS + 1))
    assert await telephone.ended(call.sid) == "completed"


async def test_a_line_filter_changes_one_direction_only() -> None:
    def invert(frame: bytes, heard: bytes) -> bytes:
        return bytes(0xFF - byte for byte in frame)

    def line(call: CallRecord) -> LineFilter | None:
        return invert if call.direction == "inbound" else None

    async with world(line=line) as telephone:
        _, caller, agent = await telephone.two_streams()
        await telephone.play_out(0.1)
        await until(lambda: len(caller.audio) >= 800 and len(agent.audio) >= 800)
        assert set(caller.audio) == {0x00}
        assert set(agent.audio) == {0xFF}
