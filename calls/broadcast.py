"""What happened on a call, rendered once, to every page that shows it. On the channel layer there is one sender beside
it, `orders`: what operators ask of a call, and its sound.

Each message is HTML whose elements carry stable ids, so that one which arrives twice, or late, does no harm. Nothing
here raises when redis is away: what was missed is counted, and a page that comes back asks for the state as it is.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from calls import live_parts
from calls.models import Call, Turn
from calls.selectors import row_of
from calls.transcript import partial_turn, shown_turn

log = logging.getLogger(__name__)

LIST_GROUP = "calls"
PARTIAL_INTERVAL_S = 0.1  # at most ten messages a second and call
COMPLAIN_EVERY_S = 60
SEND_TIMEOUT_S = 2.0
# A call that another process ended is not forgotten here; so many are kept.
MAX_LIVE = 1000


def group_of(call_public_id: UUID) -> str:
    return f"call.{call_public_id.hex}"


# --- What is only known here: it is in no row, and gone when the process is -------------------------------------------
@dataclass
class Transient:
    """Of one live call: unfinished turns, who speaks, and the partial that waits for its time to be sent."""

    caller: str
    partials: dict[int, str] = field(default_factory=dict)  # HTML by turn index
    speaking: dict[str, bool] = field(default_factory=dict)
    final: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    flush: asyncio.Task[None] | None = None
    # One message after the other: a partial never overtakes the end of its turn.
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)


_live: dict[UUID, Transient] = {}


async def _transient(call_public_id: UUID) -> Transient:
    known = _live.get(call_public_id)
    if known is None:
        caller = await sync_to_async(live_parts.caller_of)(call_public_id)
        if len(_live) >= MAX_LIVE:
            _live.pop(next(iter(_live)), None)
        known = _live.setdefault(call_public_id, Transient(caller))
    return known


def transient_html(call_public_id: UUID) -> Iterator[str]:
    """The unfinished turns and who speaks, for a page that has just come."""
    known = _live.get(call_public_id)
    if known is None:
        return
    for index in sorted(known.partials):
        yield known.partials[index]
    for side, is_speaking in known.speaking.items():
        yield live_parts.speaking_html(side, known.caller, is_speaking)


# --- What is sent -----------------------------------------------------------------------------------------------------
async def turn_changed(turn: Turn) -> None:
    """A turn was finished, or a finished one changed (cut, translated)."""
    call_public_id = await _public_id(turn)
    known = await _transient(call_public_id)
    if turn.is_final:
        known.final.add(turn.index)
        known.partials.pop(turn.index, None)
        known.waiting.discard(turn.index)
    html = live_parts.turn_html(shown_turn(turn, known.caller))
    async with known.sending:
        await send_html(group_of(call_public_id), html)


async def turn_removed(call_public_id: UUID, index: int) -> None:
    """What was heard as speech had no words: its partial text goes."""
    known = await _transient(call_public_id)
    known.final.add(index)
    known.waiting.discard(index)
    if known.partials.pop(index, None) is not None:
        await send_html(group_of(call_public_id), live_parts.no_turn_html(index))


async def partial_changed(call_public_id: UUID, side: str, index: int, text: str, start_ms: int) -> None:
    """The text of a turn that is still being spoken. Returns at once; the newest text goes out within 100 ms."""
    known = await _transient(call_public_id)
    if index in known.final:
        return
    known.partials[index] = live_parts.turn_html(partial_turn(side, index, text, start_ms, known.caller))
    known.waiting.add(index)
    if known.flush is None or known.flush.done():
        known.flush = asyncio.create_task(_flush(call_public_id, known))


async def _flush(call_public_id: UUID, known: Transient) -> None:
    """The first partial goes out at once; those that come within the interval wait, and only the newest is sent."""
    while known.waiting:
        async with known.sending:
            html = "".join(known.partials[index] for index in sorted(known.waiting) if index in known.partials)
            known.waiting.clear()
            if html:
                await send_html(group_of(call_public_id), html)
        await asyncio.sleep(PARTIAL_INTERVAL_S)


async def happened(call_public_id: UUID, html: str) -> None:
    """A function was called or has answered, a provider failed; "": nothing that a page shows."""
    if html:
        await send_html(group_of(call_public_id), html)


async def speaking_changed(call_public_id: UUID, side: str, speaking: bool) -> None:
    known = await _transient(call_public_id)
    if known.speaking.get(side) == speaking:
        return
    known.speaking[side] = speaking
    await send_html(group_of(call_public_id), live_parts.speaking_html(side, known.caller, speaking))


async def call_changed(call: Call) -> None:
    """The call's status or heading: on its own page, and its row in the lists."""
    for group, html in await sync_to_async(_call_html)(call):
        await send_html(group, html, is_over=not call.is_live)


def call_changed_sync(call: Call) -> None:
    """The same from a service or a task; call it after the commit."""
    _send_all(_call_html(call), is_over=not call.is_live)


def evaluation_changed_sync(call_public_id: UUID) -> None:
    """The scoring began, ended or failed: open pages fetch what was found."""
    call = Call.objects.filter(public_id=call_public_id).first()
    if call is not None:
        news = live_parts.news_html()
        _send_all([(group_of(call_public_id), news), (LIST_GROUP, _row_html(call))])


def _call_html(call: Call) -> list[tuple[str, str]]:
    html = live_parts.head_html(call.public_id)
    if not call.is_live:
        _live.pop(call.public_id, None)
        html += live_parts.news_html()
    return [(group_of(call.public_id), html), (LIST_GROUP, _row_html(call))]


def _row_html(call: Call) -> str:
    return render_to_string("calls/_row.html", {"row": row_of(call), "oob": True})


async def _public_id(turn: Turn) -> UUID:
    if Turn.call.is_cached(turn):
        return turn.call.public_id
    return await sync_to_async(lambda: turn.call.public_id)()


# --- Sending ----------------------------------------------------------------------------------------------------------
class Missed:
    """Counts what could not be sent and says so once a minute."""

    def __init__(self) -> None:
        self.count = 0
        self._complained_at = float("-inf")

    def add(self, reason: str) -> None:
        self.count += 1
        now = time.monotonic()
        if now - self._complained_at >= COMPLAIN_EVERY_S:
            self._complained_at = now
            log.warning("Live pages missed %d messages so far: %s", self.count, reason)


missed = Missed()


async def send_html(group: str, html: str, *, is_over: bool = False) -> None:
    """To everyone in the group. Never raises for a layer that is away or full, and never waits long for it. `is_over`:
    with this the call is no longer live, and what belongs to a live page alone has no place on it any more."""
    await _send(group, {"type": "html", "html": html, "is_over": is_over})


async def _send(group: str, message: dict[str, str | bool]) -> None:
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await layer.group_send(group, message)
    except (OSError, RedisError, ChannelFull, TimeoutError) as error:
        missed.add(type(error).__name__)


def _send_all(messages: list[tuple[str, str]], *, is_over: bool = False) -> None:
    async def send() -> None:
        for group, html in messages:
            await send_html(group, html, is_over=is_over)

    async_to_sync(send)()
