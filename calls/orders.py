"""What people ask of a live call, told to the process that holds it; and the call's sound, told to who listens.

    page, browser ─▶ order ─▶ channel layer ─▶ the call's Desk ─▶ its session
    browser ◀─ sound ◀─ channel layer ◀─ bounded queue ◀─ the recorder's audio

Nothing here is on the audio path: a desk takes sound without waiting and drops what nobody fetches.
"""

import asyncio
import contextlib
import logging
from typing import Any, Final, Protocol
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from calls.states import Ending

SEND_TIMEOUT_S: Final = 2.0
# A listener says again that it is there; one that is silent for so long has gone.
RENEW_S: Final = 4.0
GONE_AFTER_S: Final = 15.0
MAX_LISTENERS: Final = 10
MAX_WAITING: Final = 25  # pieces of sound: 5 s

LISTEN, PERSON, MICROPHONE, SAY, HANG_UP = "listen", "person", "microphone", "say", "hang_up"
SOUND, REFUSED, OVER = "sound", "refused", "over"
AWAY: Final = (OSError, RedisError, TimeoutError)

log = logging.getLogger(__name__)


def group_of(call_public_id: UUID) -> str:
    """Whoever holds a part of this call listens here."""
    return f"orders.{call_public_id.hex}"


# --- Giving -----------------------------------------------------------------------------------------------------------
async def give(call_public_id: UUID, order: str, **data: object) -> bool:
    """False where the channel layer is away."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await get_channel_layer().group_send(group_of(call_public_id), {"type": order, **data})
    except (*AWAY, ChannelFull):
        return False
    return True


def give_sync(call_public_id: UUID, order: str, **data: object) -> bool:
    return bool(async_to_sync(give)(call_public_id, order, **data))


# --- Obeying ----------------------------------------------------------------------------------------------------------
class Talk(Protocol):
    """The session, as its desk sees it. Nothing of this waits."""

    def dictate(self, text: str) -> None: ...

    def hand_over(self) -> None: ...

    def person_says(self, payload: bytes) -> None: ...

    def end(self, ending: Ending, detail: str = "") -> None: ...


class Desk:
    """One call's end of it. `run` until cancelled; `audio` is told all that is recorded."""

    def __init__(self, call_public_id: UUID, talk: Talk, *, when_person_leaves: Ending) -> None:
        self._call = call_public_id
        self._talk = talk
        self._when_person_leaves = when_person_leaves
        self._listeners: dict[str, float] = {}  # channel → until when, on the loop's clock
        self._person = ""  # the channel of who speaks for us
        self._sound: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue(MAX_WAITING)

    def audio(self, caller: bytes, agent: bytes) -> None:
        """Both channels, μ-law of equal length. Costs nothing while nobody listens."""
        if not self._listeners:
            return
        if self._sound.full():
            self._sound.get_nowait()
        self._sound.put_nowait((caller, agent))

    async def run(self) -> None:
        delivering = asyncio.create_task(self._deliver())
        try:
            await self._obey()
        except AWAY as error:
            log.warning("A call cannot be listened to or spoken into (%s).", type(error).__name__)
        finally:
            delivering.cancel()
            await asyncio.wait([delivering])
            for channel in self._listeners:
                await _send(channel, {"type": OVER})

    async def _obey(self) -> None:
        layer, group = get_channel_layer(), group_of(self._call)
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        try:
            while True:
                if refused := self._take(await layer.receive(channel)):
                    await _send(refused, {"type": REFUSED})
        finally:
            with contextlib.suppress(*AWAY):
                await layer.group_discard(group, channel)

    def _take(self, order: dict[str, Any]) -> str:
        """Does what is ordered; returns the channel of one who is refused, or ""."""
        match order:
            case {"type": "listen", "to": str(channel)}:
                self._admit(channel)
            case {"type": "person", "to": str(channel)}:
                return self._seat(channel)
            case {"type": "microphone", "from": str(channel), "mulaw": bytes(payload)} if channel == self._person:
                self._talk.person_says(payload)
            case {"type": "say", "text": str(text)}:
                self._talk.dictate(text)
            case {"type": "hang_up", "from": str(channel)}:
                if channel == self._person:
                    self._talk.end(self._when_person_leaves)
            case {"type": "hang_up"}:
                self._talk.end(Ending.OPERATOR_HUNG_UP)
        return ""

    def _seat(self, channel: str) -> str:
        """Who may speak for us; the first one does. Returns the channel of one who may not."""
        if self._person not in ("", channel):
            return channel
        self._person = channel
        self._admit(channel)
        self._talk.hand_over()
        return ""

    def _admit(self, channel: str) -> None:
        if channel in self._listeners or len(self._listeners) < MAX_LISTENERS:
            self._listeners[channel] = asyncio.get_running_loop().time() + GONE_AFTER_S

    async def _deliver(self) -> None:
        while True:
            caller, agent = await self._sound.get()
            self._forget_the_gone()
            for channel in list(self._listeners):
                await _send(channel, {"type": SOUND, "caller": caller, "agent": agent})

    def _forget_the_gone(self) -> None:
        now = asyncio.get_running_loop().time()
        for channel in [channel for channel, until in self._listeners.items() if until < now]:
            del self._listeners[channel]
            if channel == self._person:
                self._talk.end(self._when_person_leaves, "The person's browser is gone.")


async def _send(channel: str, message: dict[str, object]) -> None:
    """A listener that is full or away misses this piece."""
    with contextlib.suppress(*AWAY, ChannelFull):
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await get_channel_layer().send(channel, message)
