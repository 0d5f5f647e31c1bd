"""`/live/talk/<agent>/`: a person's browser as a telephone. A plain ASGI application behind the site's sign-in.

An external agent is dialled through the exchange, and the browser speaks as the caller (`operator_line`). With a hosted
one the browser is one end of a tiny exchange, the agent the other. The agent's end is `media_stream`, the application
that Twilio's streams reach, given a signed handshake, a one-time token and a frame every 20 ms: nothing in a session
knows the difference. Between the two ends sit the exchange's playout (marks, clear) and its pulse.

The browser sends binary messages, 16-bit little-endian PCM at 8 kHz, and gets the same back, 20 ms a message, while the
agent speaks. As text it gets {"event": "started", "url"}, {"event": "clear"} and {"event": "ended"}.
"""

import asyncio
import contextlib
import json
import logging
import uuid
from collections import deque
from typing import Any, Final

import numpy as np
from django.conf import settings

from calls import answering, operating, services
from calls.audio import mulaw
from calls.media_consumer import Message, Receive, Scope, Send, media_stream
from calls.models import Call, Leg
from calls.operator_line import OperatorLine
from calls.parties import is_person
from calls.refusals import CallRefused, TelephonyFailed
from calls.sandbox.clock import Clock, SystemClock
from calls.sandbox.playout import SILENCE, Playout
from calls.sandbox.ticker import Ticker
from calls.telephony import protocol, signature
from calls.telephony_account import stream_url
from calls.threads import in_pool

PCM_FRAME_BYTES: Final = 2 * protocol.FRAME_BYTES
MAX_MESSAGE_BYTES: Final = 50 * PCM_FRAME_BYTES  # a second
# Frames of the microphone: so many wait before they are passed on, and at most so many wait (then the oldest go).
CUSHION_FRAMES: Final = 3
MAX_FRAMES: Final = 15
MAX_TEXT: Final = 2_000  # messages to the agent's end that it has not read: 40 s
END_WITHIN_S: Final = 10.0
MAX_PHONES: Final = 50
NOT_FOUND: Final = 4404
TRY_AGAIN_LATER: Final = 1013

log = logging.getLogger(__name__)
live_phones: set["Phone"] = set()


async def browser_phone(scope: Scope, receive: Receive, send: Send) -> None:
    """One call, from the handshake to its end."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    if len(live_phones) >= MAX_PHONES:
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        return
    agent_id = scope["url_route"]["kwargs"]["agent_id"]
    try:
        leg = await in_pool(operating.call_from_browser, agent_id, scope["user"].get_username())
    except (CallRefused, TelephonyFailed) as refused:
        await send({"type": "websocket.send", "text": json.dumps({"event": "refused", "message": refused.message})})
        await send({"type": "websocket.close", "code": 1000})
        return
    if leg is None:
        await send({"type": "websocket.close", "code": NOT_FOUND})
    elif is_person(leg):
        await _speak_through_exchange(leg, receive, send)
    else:
        token = await in_pool(answering.new_stream_token, leg)
        await Phone(leg, token, receive, send).run()


async def _speak_through_exchange(leg: Leg, receive: Receive, send: Send) -> None:
    """A call that was dialled: its media stream may come to any process, and ours is only the browser's."""
    line = OperatorLine(leg, receive, send, speaks=True)
    await line.tell({"event": "started", "url": leg.call.get_absolute_url()})
    try:
        await line.run()
    finally:
        await asyncio.shield(in_pool(_end_unanswered, leg.call.pk))


def _end_unanswered(call_id: int) -> None:
    """One that talked hangs up by its media stream; this one still waits, or rings."""
    call = Call.objects.get(pk=call_id)
    if call.is_live and call.answered_at is None:
        with contextlib.suppress(CallRefused, TelephonyFailed):  # the sweep ends what cannot be ended now
            services.hang_up(call)


class Phone:
    """One browser and one agent's media stream, on one clock."""

    def __init__(self, leg: Leg, token: str, receive: Receive, send: Send, clock: Clock | None = None) -> None:
        self._leg = leg
        self._token = token
        self._receive = receive
        self._send = send
        self._ticker = Ticker(clock or SystemClock(), self._tick)
        self._stream_sid = f"MZ{uuid.uuid4().hex}"
        self._to_agent: asyncio.Queue[Message] = asyncio.Queue(MAX_TEXT)
        self._playout: Playout[str] = Playout()
        self._microphone: deque[bytes] = deque(maxlen=MAX_FRAMES)
        self._rest = b""
        self._has_cushion = False
        self._sequence = 0
        self._chunk = 0
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Until one end hangs up; the agent's end is always told, and waited for."""
        live_phones.add(self)
        self._greet()
        agent = asyncio.create_task(media_stream(self._scope(), self._to_agent.get, self._from_agent))
        agent.add_done_callback(lambda _: self._over.set())
        others = [asyncio.create_task(each) for each in (self._listen(), self._ticker.run())]
        try:
            await self._tell({"event": "started", "url": self._leg.call.get_absolute_url()})
            await self._over.wait()
        finally:
            # Also where the server shuts down: the session ends as if the caller had hung up, and stores its call.
            await asyncio.shield(self._end(agent, others))
            live_phones.discard(self)

    async def _end(self, agent: "asyncio.Task[None]", others: "list[asyncio.Task[None]]") -> None:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        stop = protocol.stop_message(self._next(), self._stream_sid, self._account_sid, self._leg.call_sid or "")
        self._pass_on(stop)
        self._put({"type": "websocket.disconnect", "code": 1000})
        done, _ = await asyncio.wait([agent], timeout=END_WITHIN_S)
        if not done:
            agent.cancel()
        elif error := agent.exception():
            log.error("The browser call %s broke.", self._leg.call.public_id, exc_info=error)
        await self._tell({"event": "ended"})
        with contextlib.suppress(OSError, RuntimeError):  # how servers say that the browser is gone
            await self._send({"type": "websocket.close", "code": 1000})

    # --- The agent's end ----------------------------------------------------------------------------------------------
    @property
    def _account_sid(self) -> str:
        return settings.TWILIO_ACCOUNT_SID

    def _scope(self) -> Scope:
        given = signature.sign(settings.TWILIO_AUTH_TOKEN, stream_url())
        headers = [(signature.HEADER.lower().encode(), given.encode())]
        return {"type": "websocket", "path": "/ws", "headers": headers, "client": None}

    def _greet(self) -> None:
        start = protocol.Start(self._stream_sid, self._account_sid, self._leg.call_sid or "", {"token": self._token})
        self._put({"type": "websocket.connect"})
        self._pass_on(protocol.connected_message())
        self._pass_on(protocol.start_message(self._next(), start))

    async def _from_agent(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            self._over.set()
        elif text := message.get("text"):
            await self._obey_agent(protocol.parse_command(text, self._stream_sid))

    async def _obey_agent(self, command: protocol.Command) -> None:
        match command:
            case protocol.PlayMedia(payload):
                self._playout.put(payload)
            case protocol.PlayMark(name):
                self._playout.mark(name)
            case protocol.Clear():
                self._echo(self._playout.clear())
                await self._tell({"event": "clear"})

    def _echo(self, marks: list[str]) -> None:
        for name in marks:
            self._pass_on(protocol.mark_message(self._next(), self._stream_sid, name))

    def _pass_on(self, text: str) -> None:
        self._put({"type": "websocket.receive", "text": text})

    def _put(self, message: Message) -> None:
        try:
            self._to_agent.put_nowait(message)
        except asyncio.QueueFull:  # the agent's end reads nothing any more
            self._over.set()

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    # --- The pulse ----------------------------------------------------------------------------------------------------
    async def _tick(self) -> bool:
        """20 ms both ways."""
        self._echo(self._playout.reached())
        if self._playout.buffered_bytes:
            await self._say(self._playout.take())
        self._chunk += 1
        at_ms = (self._chunk - 1) * protocol.FRAME_MS
        self._pass_on(
            protocol.media_message(self._next(), self._stream_sid, self._chunk, at_ms, self._next_of_microphone())
        )
        return not self._over.is_set()

    def _next_of_microphone(self) -> bytes:
        """Silence where the browser is late; then some frames are gathered again, so that not every one is late."""
        if not self._has_cushion and len(self._microphone) < CUSHION_FRAMES:
            return SILENCE
        self._has_cushion = bool(self._microphone)
        return self._microphone.popleft() if self._microphone else SILENCE

    # --- The browser's end --------------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._over.set()
                return
            if pcm := message.get("bytes"):
                self._hear(pcm)

    def _hear(self, pcm: bytes) -> None:
        if len(pcm) > MAX_MESSAGE_BYTES:
            return
        self._rest += pcm
        while len(self._rest) >= PCM_FRAME_BYTES:
            frame, self._rest = self._rest[:PCM_FRAME_BYTES], self._rest[PCM_FRAME_BYTES:]
            self._microphone.append(mulaw.encode(np.frombuffer(frame, "<i2").astype(np.int16)))

    async def _say(self, frame: bytes) -> None:
        pcm = mulaw.decode(frame).astype("<i2", copy=False).tobytes()
        await self._to_browser({"type": "websocket.send", "bytes": pcm})

    async def _tell(self, event: dict[str, Any]) -> None:
        await self._to_browser({"type": "websocket.send", "text": json.dumps(event)})

    async def _to_browser(self, message: Message) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):  # how servers say that the browser is gone
            self._over.set()
