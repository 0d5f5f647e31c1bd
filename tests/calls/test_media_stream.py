"""The real consumer at `/ws`: who is admitted, and what a frame waits for: nothing."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from channels.layers import channel_layers
from django.conf import settings
from django.db import connection
from django.test import override_settings

from agents.providers import scripted
from calls.media_consumer import live_sessions
from calls.models import Call, CallEvent, Leg, Recording, Turn
from calls.session import INBOX_MESSAGES
from calls.states import Ending, Status
from calls.telephony import protocol, signature
from calls.telephony_account import stream_url
from tests.calls.exchange import db, scripted_agent
from tests.calls.media_peers import CALL, announced, call, refusal, signed
from tests.calls.peer import STREAM, Peer, connected, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("energy")]


# --- Who is admitted --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "bm90IGl0"}])
async def test_a_handshake_without_the_exchanges_signature_is_refused_before_it_is_accepted(
    headers: dict[str, str],
) -> None:
    far = Peer(headers)
    await refusal(far)
    assert [message["type"] for message in far.sent] == ["websocket.close"]  # to a client: HTTP 403


@pytest.mark.parametrize("public", ["https://klix.example.com", "https://klix.example.com:8443"])
async def test_behind_a_proxy_a_handshake_is_signed_for_the_public_address(public: str) -> None:
    with override_settings(CALLBACK_BASE_URL=public):
        right = stream_url()
        assert right == f"{public.replace('https', 'wss')}/ws"
        async with connected(CALL, {"token": await db(announced)}, headers=handshake(right)) as far:
            assert far.closed is None
        for wrong in (f"{right}/", f"{right}?a=1", right.replace("wss", "ws"), "wss://elsewhere.example/ws"):
            await refusal(Peer(handshake(wrong)))


def handshake(url: str) -> dict[str, str]:
    """Of an exchange that calls this address, by way of a proxy that names another."""
    forwarded = {"Host": "127.0.0.1:8765", "X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": "http"}
    return {signature.HEADER: signature.sign(settings.TWILIO_AUTH_TOKEN, url), **forwarded}


async def test_a_signature_alone_is_not_enough() -> None:
    far = Peer(signed())
    await db(announced)
    far.start(CALL)
    assert (await refusal(far))["code"] == 1008


async def test_a_token_opens_one_stream() -> None:
    token = await db(announced)
    async with connected(CALL, {"token": token}, headers=signed()) as far:
        await far.frames(100)
    second = Peer(signed())
    second.start(CALL, {"token": token})
    assert "was used" in (await refusal(second))["reason"]


async def test_a_token_does_not_open_another_calls_stream() -> None:
    token = await db(announced)
    far = Peer(signed())
    far.start("CA" + "2" * 32, {"token": token})
    await refusal(far)


@pytest.mark.parametrize("token", ["\ud800", "x" * 100_000, "\0", "'; --"])
async def test_a_token_that_no_call_can_have_is_refused_not_an_error(token: str) -> None:
    far = Peer(signed())
    far.text(protocol.connected_message())
    start = {"streamSid": STREAM, "accountSid": "AC1", "callSid": CALL, "customParameters": {"token": token}}
    start["mediaFormat"] = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    far.text(json.dumps({"event": "start", "start": start}))
    assert (await refusal(far))["code"] == 1008


@pytest.mark.parametrize("first", ["", "{}", "[]", '{"event":"media","media":{"payload":"","timestamp":"0"}}'])
async def test_a_stream_that_does_not_start_is_closed(first: str) -> None:
    far = Peer(signed())
    far.text(first)
    assert (await refusal(far))["code"] == 1008


# --- Without a signature ----------------------------------------------------------------------------------------------
async def test_with_the_override_a_test_tool_on_this_machine_reaches_the_agent_it_names() -> None:
    await db(scripted_agent)
    await db(scripted_agent, "Second", "")
    with override_settings(ALLOW_UNSIGNED_MEDIA=True):
        async with connected(CALL, {"agent": "Second"}) as far:
            await far.frames(200)
            await until(lambda: far.played)
    made = await db(Call.objects.select_related("agent", "agent_version").get)
    assert (made.agent.name, made.direction, made.status) == ("Second", "inbound", Status.COMPLETED)
    assert made.agent_version is not None
    assert "without signature" in made.notice
    assert made.concluded_at


async def test_without_a_name_the_first_hosted_agent_answers() -> None:
    await db(scripted_agent)
    await db(scripted_agent, "Second", "")
    with override_settings(ALLOW_UNSIGNED_MEDIA=True):
        async with connected(CALL) as far:
            await far.frames(40)
    assert (await db(Call.objects.select_related("agent").get)).agent.name == "Echo"


@pytest.mark.parametrize(
    ("client", "headers", "production"),
    [
        ("192.0.2.7", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, False),
        ("127.0.0.1", {}, True),
        ("not an address", {}, False),
    ],
)
async def test_the_override_admits_nobody_from_elsewhere_and_nobody_in_production(
    client: str, headers: dict[str, str], production: bool
) -> None:
    await db(scripted_agent)
    with override_settings(ALLOW_UNSIGNED_MEDIA=True, PRODUCTION=production):
        far = Peer(headers, client)
        far.start(CALL)
        await refusal(far)
    assert [message["type"] for message in far.sent] == ["websocket.close"]


@pytest.mark.parametrize("parameters", [{"agent": "Nobody"}, {"token": "guessed"}])
async def test_an_unsigned_stream_reaches_no_unknown_agent_and_no_announced_call(parameters: dict[str, str]) -> None:
    await db(announced)
    with override_settings(ALLOW_UNSIGNED_MEDIA=True):
        far = Peer()
        far.start(CALL, parameters)
        await refusal(far)
    assert await db(Leg.objects.filter(stream_started_at__isnull=False).count) == 0


# --- A frame waits for nothing ----------------------------------------------------------------------------------------
@contextmanager
def locked_database() -> Iterator[None]:
    """Another process writes and does not come to an end."""
    with closing(sqlite3.connect(settings.DATABASES["default"]["TEST"]["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class StuckLayer:
    """A channel layer whose server takes everything and answers nothing."""

    def __init__(self) -> None:
        self.sends = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.sends += 1
        await asyncio.Event().wait()


async def assert_every_frame_is_taken_at_once(far: Peer, ms: int) -> None:
    """After each frame the loop makes a few rounds, and the session's clock stands where the frame put it."""
    for _ in range(ms // protocol.FRAME_MS):
        before = far.session.now_ms
        far.frame()
        for _ in range(4):
            await asyncio.sleep(0)
        assert far.unread == 0
        assert far.session.now_ms == before + protocol.FRAME_MS


needs_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="locks the file of SQLite")


@needs_sqlite
async def test_a_locked_database_delays_no_frame_and_loses_nothing() -> None:
    async with call() as far:
        await far.frames(100)
        with locked_database():
            await far.say(600)
            await assert_every_frame_is_taken_at_once(far, 4_000)
            assert len(far.played) > 8 * 60 * len("Hello.")  # it answered while nothing could be stored
            assert await db(Turn.objects.filter(is_final=True).count) == 0
    turns = await db(lambda: [(turn.side, turn.text) for turn in Turn.objects.order_by("index")])
    assert turns == [("agent", "Hello."), ("caller", "a table please"), ("agent", "Yes.")]
    recording = await db(Recording.objects.get)
    assert (recording.state, recording.duration_ms) == (Recording.State.READY, far.now_ms)


@needs_sqlite
async def test_a_locked_database_does_not_keep_audio_from_the_disk() -> None:
    async with call() as far:
        with locked_database():
            await far.frames(3_000)
            raw = settings.RECORDINGS_DIR / f"{(await db(Call.objects.get)).public_id}.ulaw2"
            await until(lambda: raw.exists() and raw.stat().st_size >= 2 * 8 * 2_000)


async def test_a_stuck_channel_layer_delays_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = StuckLayer()
    monkeypatch.setitem(channel_layers.backends, "default", layer)
    async with call() as far:
        await far.say(600)
        await until(lambda: layer.sends)
        await assert_every_frame_is_taken_at_once(far, 3_000)
        monkeypatch.undo()


@pytest.mark.parametrize("role", ["ScriptedEars", "ScriptedVoice", "ScriptedBrain"])
async def test_a_provider_that_does_not_answer_delays_no_frame(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider, asked, answers = getattr(scripted, role), asyncio.Event(), asyncio.Event()

    async def gate() -> None:
        asked.set()
        await answers.wait()

    def stuck(*given: Any, **named: Any) -> Any:
        return provider(*given, **named, gate=gate)

    monkeypatch.setattr(scripted, role, stuck)
    async with call() as far:
        await far.say(600)
        await far.frames(1_000)
        await asyncio.wait_for(asked.wait(), 5)
        await assert_every_frame_is_taken_at_once(far, 3_000)
        answers.set()


async def test_a_peer_that_floods_the_stream_is_dropped_and_counted() -> None:
    async with call() as far:
        await far.frames(40)
        session = far.session
        for number in range(INBOX_MESSAGES + 50):
            session.receive(protocol.Media(far.now_ms + 20 * number, b"\xff" * 160))
    event = await db(CallEvent.objects.get, name="QueueOverflowed")
    assert event.data == {"queue": "inbox", "dropped": 50}


async def test_a_server_that_cannot_send_any_more_still_stores_the_calls_end() -> None:
    far = Peer(signed())
    token = await db(announced)
    far.open()
    far.start(CALL, {"token": token})
    await until(lambda: live_sessions)

    far.is_gone = True
    far.session.end(Ending.SILENCE)
    assert far.run is not None
    await far.run
    over = await db(Call.objects.get)
    assert (over.status, over.ending) == (Status.COMPLETED, Ending.SILENCE)
