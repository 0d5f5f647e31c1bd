"""`/ws`: Twilio's media streams. A plain ASGI application, not a Channels consumer.

Channels takes a websocket's messages one at a time through `dispatch`, with a thread hop for each (guide to the code
in ARCHITECTURE.md): at 50 frames a second and call that alone fills a core with 60 calls. Here a frame is read, parsed
and handed to the session; nothing else is awaited between two frames.
"""

import asyncio
import contextlib
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from agents.errors import ProviderError
from agents.ports import Usage
from calls import answering, events, recording_files, services
from calls.media_session import MediaSession, failure
from calls.models import Leg, Turn
from calls.orders import Desk
from calls.parties import Party, is_person, party_of
from calls.recent_audio import RecentAudio
from calls.recorder import Recorder
from calls.states import Ending, Side
from calls.telephony import protocol, signature
from calls.telephony_account import stream_url
from calls.threads import in_pool
from calls.translations import Translations, make_translator, wanted_language

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

START_WITHIN_S = 10.0
# What waits to be sent to a peer that reads too slowly: some minutes of speech.
OUTBOX_MESSAGES = 2_000
POLICY_VIOLATION = 1008
# A peer that reads nothing any more is not waited for, neither with what we say nor with goodbye.
CLOSE_WITHIN_S = 5.0
# A reverse proxy on this machine makes strangers look like loopback; it tells by these.
FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")

log = logging.getLogger(__name__)
# Sessions that run in this process, for the readiness page and the tests that count what is left over.
live_sessions: set[MediaSession] = set()


class Hangup(Exception):
    """The peer closed the websocket before there was a session."""


async def media_stream(scope: Scope, receive: Receive, send: Send) -> None:
    """One media stream, from handshake to close."""
    if (await receive())["type"] != "websocket.connect":
        return
    if not is_admitted(scope):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})  # before accept: HTTP 403
        return
    await send({"type": "websocket.accept"})
    try:
        start = await _start(receive)
        leg = await in_pool(_claim, start, is_signed(scope))
    except (TimeoutError, protocol.Violation) as error:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": str(error)[:100]})
        return
    except Hangup:
        return
    if leg is None:
        reason = "the token is wrong, was used, or is another call's"
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
        return
    await _Stream(leg, start.stream_sid, receive, send).run()


def is_admitted(scope: Scope) -> bool:
    """Whether the handshake carries the exchange's signature, or may come without (test tools on loopback)."""
    return is_signed(scope) or may_be_unsigned(scope)


def is_signed(scope: Scope) -> bool:
    given = dict(scope["headers"]).get(signature.HEADER.lower().encode(), b"").decode("latin-1")
    return signature.is_handshake_signed(settings.TWILIO_AUTH_TOKEN, stream_url(), given)


def may_be_unsigned(scope: Scope) -> bool:
    """Only with KLIX_ALLOW_UNSIGNED_MEDIA, from a program on this machine itself, and never in production."""
    if not settings.ALLOW_UNSIGNED_MEDIA or settings.PRODUCTION:
        return False
    client, headers = scope.get("client"), dict(scope["headers"])
    if not client or any(name in headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _claim(start: protocol.Start, is_signed: bool) -> Leg | None:
    """The leg the stream speaks for. A stream with a token is the exchange's, signed or not."""
    token = start.custom_parameters.get("token", "")
    if token or is_signed:
        return answering.claim_stream(start.call_sid, start.stream_sid, token)
    agent = start.custom_parameters.get("agent", "")
    return answering.answer_unsigned(start.call_sid, start.stream_sid, agent)


async def _start(receive: Receive) -> protocol.Start:
    """The stream's `start`, after `connected`. Raises TimeoutError, Violation, Hangup."""
    async with asyncio.timeout(START_WITHIN_S):
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                raise Hangup
            parsed = protocol.parse(message.get("text") or "")
            if isinstance(parsed, protocol.Start):
                return parsed
            if not isinstance(parsed, protocol.Connected):
                raise protocol.Violation("no start")


class _Stream:
    """Reads, writes and records one admitted stream."""

    def __init__(self, leg: Leg, stream_sid: str, receive: Receive, send: Send) -> None:
        self._leg = leg
        self._stream_sid = stream_sid
        self._receive = receive
        self._send = send
        self._outbox: asyncio.Queue[str] = asyncio.Queue(OUTBOX_MESSAGES)
        path = recording_files.raw_path(leg.call.public_id)
        self._recorder = Recorder(leg, path, answering.renew_leases, self._turn_saved)
        self._session: MediaSession | None = None
        self._translations: Translations | None = None
        self._recent: RecentAudio | None = None  # for a translator that hears

    async def run(self) -> None:
        recording = asyncio.create_task(self._recorder.run())
        translating = self._translate()
        ending, detail = Ending.ABANDONED, ""
        try:
            party = await in_pool(party_of, self._leg, self._stream_sid, self._used)
            ending, detail = await self._talk(party)
        except ProviderError as error:
            ending, detail = Ending.PROVIDER_FAILED, error.message
            self._recorder.event(events.StreamEnded(at_ms=0, ending=ending, detail=detail))
        finally:
            # Also when the server shuts down and cancels us: what was said is stored before the process goes.
            await asyncio.shield(self._close(recording, translating, ending, detail))

    # --- Beside the conversation --------------------------------------------------------------------------------------
    def _used(self, usage: Usage) -> None:
        at_ms = self._session.now_ms if self._session else 0
        self._recorder.event(events.ProviderUsed(at_ms=at_ms, side=Side(self._leg.side), usage=usage))

    def _turn_saved(self, turn: Turn) -> None:
        if self._translations is not None:
            self._translations.turn_saved(turn)

    def _translate(self) -> "asyncio.Task[None] | None":
        target = wanted_language(self._leg.call)
        if not target or not self._leg.is_primary:
            return None
        try:
            translator = make_translator(self._used)
        except ProviderError as error:
            self._recorder.event(failure(0, Side(self._leg.side), "translation", error, "turns are not translated"))
            return None
        version = self._leg.call.agent_version
        spoken = version.language if version else ""
        self._recent = RecentAudio(Side(self._leg.side)) if hasattr(translator, "translate_speech") else None
        self._translations = Translations(translator, target, self._recorder.event, spoken, self._recent)
        return asyncio.create_task(self._translations.run())

    # --- The session's sink -------------------------------------------------------------------------------------------
    def event(self, event: events.CallEvent) -> None:
        self._recorder.event(event)

    def audio(self, far: bytes, own: bytes) -> None:
        self._recorder.audio(far, own)
        if self._recent is not None:
            self._recent.add(far, own)

    # --- The conversation ---------------------------------------------------------------------------------------------
    async def _talk(self, party: Party) -> tuple[Ending, str]:
        session = party.session(send=self._hand_over, sink=self, monotonic=time.monotonic)
        self._session = session
        live_sessions.add(session)
        tasks = [asyncio.create_task(self._read(session)), asyncio.create_task(self._write(session))]
        if self._leg.is_primary:
            desk = Desk(self._leg.call.public_id, session, when_person_leaves=self._left_by_person())
            self._recorder.on_audio = desk.audio
            self._recorder.on_hung_up(lambda: session.end(Ending.OPERATOR_HUNG_UP))
            tasks.append(asyncio.create_task(desk.run()))
        try:
            return await session.run(), session.detail
        except Exception:
            # A bug of ours ends this call visibly, and no other one.
            log.exception("Call %s broke.", self._leg.call.public_id)
            return Ending.ABANDONED, "An error in Klix ended the call; the log has it."
        finally:
            live_sessions.discard(session)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _left_by_person(self) -> Ending:
        return Ending.CALLER_HUNG_UP if is_person(self._leg) else Ending.OPERATOR_HUNG_UP

    async def _read(self, session: MediaSession) -> None:
        while True:
            message = await self._receive()
            text = message.get("text")
            if text is not None:
                try:
                    session.receive(protocol.parse(text))
                except protocol.Violation as error:
                    session.reject(str(error))
            elif message["type"] == "websocket.disconnect":
                session.lost()
                return
            else:
                session.reject("not a text frame")

    async def _write(self, session: MediaSession) -> None:
        try:
            while True:
                await self._send({"type": "websocket.send", "text": await self._outbox.get()})
        except (OSError, RuntimeError):  # how servers say that the peer is gone, before `_read` hears it
            session.end(Ending.CONNECTION_LOST)

    def _hand_over(self, text: str) -> None:
        try:
            self._outbox.put_nowait(text)
        except asyncio.QueueFull:
            assert self._session is not None
            self._session.end(Ending.CONNECTION_LOST, "The other end of the media stream does not read.")

    async def _close(
        self,
        recording: "asyncio.Task[None]",
        translating: "asyncio.Task[None] | None",
        ending: Ending,
        detail: str,
    ) -> None:
        # Closing the websocket is how the exchange learns that we hang up: after it there is no TwiML left.
        if ending is not Ending.CONNECTION_LOST:
            await self._say_goodbye()
        if self._session is not None:
            await self._session.aclose()
        if self._translations is not None and translating is not None:
            await self._recorder.flushed()
            await self._translations.close(translating)
        self._recorder.close()
        await recording
        if self._leg.is_primary:
            await in_pool(recording_files.finish, self._leg.call_id)
        await in_pool(services.stream_ended, self._leg, ending, detail)

    async def _say_goodbye(self) -> None:
        # The peer may be gone, or not read: the call's end is stored all the same.
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._send({"type": "websocket.close", "code": 1000})
