"""Events → rows, audio → the stereo recording: batched, off the audio path.

`event` and `audio` only put into a bounded queue. One task per media stream empties it and works in threads of its own
pool, so a slow database delays a page, never a frame. The recording is appended to a file of interleaved μ-law at least
every second: what a killed process leaves behind is whole up to then, and `recording_files.finish` makes the WAV of it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError, close_old_connections

from calls import broadcast, events, recording_files
from calls.costs import PROVIDER_USED, priced
from calls.models import CallEvent, Leg, Turn
from calls.references import LINE_SPOKEN
from calls.states import Side

QUEUE = 2_000
AUDIO_EVERY_BYTES = 6_400  # 0.8 s
LEASE_EVERY_S = 5.0
RETRY_EVERY_S = 0.5
POOL = ThreadPoolExecutor(4, thread_name_prefix="recorder")

# Of the leg that is not the primary one; what it hears and says is on the primary leg too.
KEPT_OF_BOTH_LEGS = (
    events.Noted,
    events.ProviderFailed,
    events.ProviderUsed,
    events.StreamStarted,
    events.StreamEnded,
)

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Item = events.CallEvent | tuple[bytes, bytes]


class Recorder:
    """The sink of one media stream. The primary leg's makes turns and recording; the other's keeps its own lines."""

    def __init__(
        self,
        leg: Leg,
        path: Path,
        renew_lease: Callable[[int], None],
        on_turn: Callable[[Turn], None] = lambda _: None,
    ) -> None:
        self._on_turn = on_turn
        self._leg = leg
        self._path = path
        self._renew_lease = renew_lease
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue(QUEUE)
        self._dropped = 0
        self._far, self._own = bytearray(), bytearray()

    # --- Sink: never waits --------------------------------------------------------------------------------------------
    def event(self, event: events.CallEvent) -> None:
        self._put(event)

    def audio(self, far: bytes, own: bytes) -> None:
        if self._leg.is_primary:
            self._put((far, own))

    def close(self) -> None:
        """Nothing more will come."""
        self._put(None)

    async def flushed(self) -> None:
        """Everything told so far is stored."""
        await self._queue.join()

    def _put(self, item: Item | None) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            # 2,000 items behind: the database has been gone for minutes. The end must still get through.
            self._dropped += 1
            if item is None:
                self._queue.get_nowait()
                self._queue.task_done()
                self._queue.put_nowait(None)

    # --- The task -----------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Work until closed and empty."""
        loop = asyncio.get_running_loop()
        lease_at = loop.time()
        while True:
            item: Item | bool | None = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEASE_EVERY_S):
                    item = await self._queue.get()
            if item is None:
                break
            if not isinstance(item, bool):
                await self._store(item)
                self._queue.task_done()
            if self._leg.is_primary and loop.time() >= lease_at:
                lease_at = loop.time() + LEASE_EVERY_S
                await self._in_thread(self._renew_lease, self._leg.call_id)
        await self._in_thread(self._write_audio)
        if self._dropped:
            overflow = events.QueueOverflowed(at_ms=0, queue="recorder", dropped=self._dropped)
            await self._store(overflow)

    async def _store(self, item: Item) -> None:
        if isinstance(item, tuple):
            self._far += item[0]
            self._own += item[1]
            if len(self._far) >= AUDIO_EVERY_BYTES:
                await self._in_thread(self._write_audio)
        elif self._leg.is_primary:
            await self._store_primary(item)
        else:
            await self._in_thread(self._keep_line, item)

    async def _store_primary(self, event: events.CallEvent) -> None:
        call = self._leg.call
        match event:
            case events.SpeechStarted(side=side) | events.SpeechStopped(side=side):
                is_start = isinstance(event, events.SpeechStarted)
                await broadcast.speaking_changed(call.public_id, side, is_start)
            case events.PartialTranscribed(side=side, turn=turn, text=text, start_ms=start_ms):
                await broadcast.partial_changed(call.public_id, side, turn, text, start_ms)
            case _:
                saved = await self._in_thread(self._save, event)
                if saved is not None:
                    await broadcast.turn_changed(saved)
                    self._on_turn(saved)

    async def _in_thread(self, function: Callable[..., Result], *args: object) -> Result:
        """Run in the pool; a database that is away (or locked) is tried again until it is back."""
        while True:
            try:
                return await sync_to_async(with_fresh_connections(function), thread_sensitive=False, executor=POOL)(
                    *args
                )
            except (OperationalError, InterfaceError) as error:
                log.warning("The database did not take an event of a call (%s); trying again.", type(error).__name__)
                await asyncio.sleep(RETRY_EVERY_S)

    # --- In the pool --------------------------------------------------------------------------------------------------
    def _write_audio(self) -> None:
        if not self._far:
            return
        is_agent = self._leg.side == Side.AGENT
        caller, agent = (self._far, self._own) if is_agent else (self._own, self._far)
        recording_files.append(self._path, bytes(caller), bytes(agent))
        self._far.clear()
        self._own.clear()

    def _save(self, event: events.CallEvent) -> Turn | None:
        match event:
            case events.TurnTranscribed():
                return self._save_turn(event.turn, event.side, _heard_turn(event), keep=bool(event.text))
            case events.ReplyStarted():
                now_ms = event.at_ms
                values = {"text": event.text, "start_ms": now_ms, "end_ms": now_ms, "is_final": False}
                return self._save_turn(event.turn, event.side, values | {"latencies": event.latencies})
            case events.ReplyExtended():
                return self._save_turn(event.turn, event.side, {"text": event.text})
            case events.ReplyFinished() | events.ReplyCut():
                return self._save_turn(event.turn, event.side, _own_turn(event))
        CallEvent.objects.create(call_id=self._leg.call_id, **_row(event))
        return None

    def _save_turn(self, index: int, side: Side, values: dict[str, Any], keep: bool = True) -> Turn | None:
        if not keep:  # speech without words: a cough, a noise
            CallEvent.objects.create(
                call_id=self._leg.call_id,
                side=side,
                name="NoWords",
                at_ms=values["start_ms"],
                data={"end_ms": values["end_ms"]},
            )
            return Turn(call=self._leg.call, index=index, side=side, text="", start_ms=values["start_ms"], end_ms=0)
        turn, _ = Turn.objects.update_or_create(
            call_id=self._leg.call_id, index=index, defaults=values, create_defaults={"side": side, **values}
        )
        turn.call = self._leg.call
        return turn

    def _keep_line(self, event: events.CallEvent) -> None:
        """Of the other leg: what its own side said, and what went wrong there."""
        if isinstance(event, events.ReplyFinished | events.ReplyCut):
            heard = event.text if isinstance(event, events.ReplyFinished) else event.heard
            data = {"text": event.text, "heard": heard, "start_ms": event.start_ms, "end_ms": event.end_ms}
            CallEvent.objects.create(
                call_id=self._leg.call_id, side=event.side, name=LINE_SPOKEN, at_ms=event.start_ms, data=data
            )
        elif isinstance(event, KEPT_OF_BOTH_LEGS):
            CallEvent.objects.create(call_id=self._leg.call_id, **_row(event, side=self._leg.side))


def with_fresh_connections(function: Callable[..., Result]) -> Callable[..., Result]:
    def run(*args: object) -> Result:
        close_old_connections()
        return function(*args)

    return run


def _heard_turn(event: events.TurnTranscribed) -> dict[str, Any]:
    return {
        "text": event.text,
        "language": event.language,
        "start_ms": event.start_ms,
        "end_ms": event.end_ms,
        "words": [asdict(word) for word in event.words],
        "latencies": event.latencies,
        "is_final": True,
    }


def _own_turn(event: events.ReplyFinished | events.ReplyCut) -> dict[str, Any]:
    values: dict[str, Any] = {
        "text": event.text,
        "start_ms": event.start_ms,
        "end_ms": event.end_ms,
        "latencies": event.latencies,
        "is_final": True,
    }
    if isinstance(event, events.ReplyCut):
        return values | {"heard": event.heard}
    return values | {"words": [asdict(word) for word in event.words]}


def _row(event: events.CallEvent, side: str = "") -> dict[str, Any]:
    data = asdict(event)
    at_ms = data.pop("at_ms")
    side = data.pop("side", "") or side
    if isinstance(event, events.ProviderUsed):
        return {"name": PROVIDER_USED, "side": side, "at_ms": at_ms, "data": priced(event.usage)}
    if isinstance(event, events.Noted):
        return {"name": data["name"][:40], "side": side, "at_ms": at_ms, "data": data["data"]}
    return {"name": type(event).__name__, "side": side, "at_ms": at_ms, "data": data}
