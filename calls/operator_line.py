"""A person's browser on a call that another process may hold: listening to it, or speaking in our place.

    /live/calls/<call>/listen/     hears both sides
    /live/calls/<call>/take-over/  hears the far end, and is heard by it: Klix's own party falls silent

Both are plain ASGI applications behind the site's sign-in. Sound is 16-bit little-endian PCM at 8 kHz, as on the
browser phone; as text the browser gets {"event": "started"}, {"event": "refused", "message"} and {"event": "ended"}.
"""

import asyncio
import json
from typing import Any, Final
from uuid import UUID

import numpy as np
from channels.layers import get_channel_layer

from calls import operating, orders
from calls.audio import mulaw
from calls.media_consumer import Receive, Scope, Send
from calls.models import Call, Leg
from calls.refusals import CallRefused
from calls.states import LIVE, Side
from calls.telephony.protocol import FRAME_BYTES
from calls.threads import in_pool

# While no sound comes the call may be about to be answered; later it is enough to stay known.
HURRY_S: Final = 0.4
MICROPHONE_BYTES: Final = 3 * FRAME_BYTES  # of μ-law, told at once: 60 ms
MAX_MESSAGE_BYTES: Final = 16_000  # a second of PCM
MAX_LINES: Final = 50
NOT_FOUND: Final = 4404
TRY_AGAIN_LATER: Final = 1013

live_lines: set["OperatorLine"] = set()


async def listen(scope: Scope, receive: Receive, send: Send) -> None:
    await _serve(scope, receive, send, speaks=False)


async def take_over(scope: Scope, receive: Receive, send: Send) -> None:
    await _serve(scope, receive, send, speaks=True)


async def _serve(scope: Scope, receive: Receive, send: Send, *, speaks: bool) -> None:
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    if len(live_lines) >= MAX_LINES:
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        return
    leg = await in_pool(_primary_leg, scope["url_route"]["kwargs"]["public_id"])
    if leg is None:
        await send({"type": "websocket.close", "code": NOT_FOUND})
        return
    line = OperatorLine(leg, receive, send, speaks=speaks)
    try:
        if speaks:
            await in_pool(_begin_to_speak, leg.call)
    except CallRefused as refused:
        await line.tell({"event": "refused", "message": refused.message})
        await send({"type": "websocket.close", "code": 1000})
        return
    await line.tell({"event": "started"})
    await line.run()


def _primary_leg(public_id: UUID) -> Leg | None:
    live = [status.value for status in LIVE]
    legs = Leg.objects.select_related("call").filter(is_primary=True, call__status__in=live)
    return legs.filter(call__public_id=public_id).first()


def _begin_to_speak(call: Call) -> None:
    operating.check_conversation(call)
    operating.annotate(call, operating.TOOK_OVER)


class OperatorLine:
    """One browser on one call. `run` until the call is over or the browser is gone; who spoke takes the call along."""

    def __init__(self, leg: Leg, receive: Receive, send: Send, *, speaks: bool) -> None:
        self._call = leg.call
        self._far = Side(leg.side).other
        self._receive = receive
        self._send = send
        self._speaks = speaks
        self._channel = ""
        self._microphone = b""
        self._rest = b""
        self._is_heard = False
        self._over = asyncio.Event()

    async def run(self) -> None:
        live_lines.add(self)
        try:
            await self._connect()
        except orders.AWAY:
            await self.tell({"event": "refused", "message": "Redis does not answer: the call cannot be heard."})
        finally:
            live_lines.discard(self)
            await self.tell({"event": "ended"})
            await self._to_browser({"type": "websocket.close", "code": 1000})

    async def _connect(self) -> None:
        self._channel = await get_channel_layer().new_channel()
        tasks = [asyncio.create_task(each) for each in (self._renew(), self._listen(), self._relay())]
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._speaks:
                await orders.give(self._call.public_id, orders.HANG_UP, **{"from": self._channel})

    # --- The call -----------------------------------------------------------------------------------------------------
    async def _renew(self) -> None:
        """Says that we are here, until the call is over."""
        order = orders.PERSON if self._speaks else orders.LISTEN
        while await in_pool(_is_live, self._call.pk):
            await orders.give(self._call.public_id, order, to=self._channel)
            await asyncio.sleep(orders.RENEW_S if self._is_heard else HURRY_S)
        self._over.set()

    async def _relay(self) -> None:
        layer = get_channel_layer()
        while True:
            match await layer.receive(self._channel):
                case {"type": "sound", "caller": bytes(caller), "agent": bytes(agent)}:
                    self._is_heard = True
                    await self._to_browser({"type": "websocket.send", "bytes": self._heard(caller, agent)})
                case {"type": "refused"}:
                    await self.tell({"event": "refused", "message": "Another person has taken over this call."})
                    self._speaks = False
                    self._over.set()
                case {"type": "over"}:
                    self._over.set()

    def _heard(self, caller: bytes, agent: bytes) -> bytes:
        """Who speaks hears the far end only: their own voice would come back to them."""
        if self._speaks:
            samples = mulaw.decode(caller if self._far is Side.CALLER else agent)
        else:
            both = mulaw.decode(caller).astype(np.int32) + mulaw.decode(agent)
            samples = np.clip(both, -32768, 32767).astype(np.int16)
        return bytes(samples.astype("<i2", copy=False).tobytes())

    # --- The browser --------------------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._over.set()
                return
            pcm = message.get("bytes")
            if pcm and self._speaks and len(pcm) <= MAX_MESSAGE_BYTES:
                await self._hear(pcm)

    async def _hear(self, pcm: bytes) -> None:
        pcm = self._rest + pcm
        whole = len(pcm) // 2 * 2
        self._rest = pcm[whole:]
        self._microphone += mulaw.encode(np.frombuffer(pcm[:whole], "<i2").astype(np.int16))
        if len(self._microphone) >= MICROPHONE_BYTES:
            told, self._microphone = self._microphone, b""
            await orders.give(self._call.public_id, orders.MICROPHONE, **{"from": self._channel, "mulaw": told})

    async def tell(self, event: dict[str, str]) -> None:
        await self._to_browser({"type": "websocket.send", "text": json.dumps(event)})

    async def _to_browser(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except (OSError, RuntimeError):  # how servers say that the browser is gone
            self._over.set()


def _is_live(call_id: int) -> bool:
    return Call.objects.filter(pk=call_id, status__in=[status.value for status in LIVE]).exists()
