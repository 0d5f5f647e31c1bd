"""Events → rows, audio → the stereo recording: batched, off the audio path.

`event` only puts into a bounded queue. One task per media stream empties it and works in threads of its own pool, so a
slow database delays a page, never a frame. `audio` only collects; the pulse of all calls appends it to a file of
interleaved μ-law within a second: what a killed process leaves behind is whole up to then, and
`recording_files.finish` makes the WAV of it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from calls import broadcast, events, live_parts
from calls.costs import PROVIDER_USED, priced
from calls.functions import NOTES
from calls.models import CallEvent, Leg, Turn
from calls.pulse import RenewLeases, Track, pulse
from calls.references import LINE_SPOKEN
from calls.states import Side
from calls.threads import in_pool

QUEUE = 2_000
# The event of speech without words: a cough, a noise.
NO_WORDS = "NoWords"

# Of the leg that is not the primary one; what it hears and says is on the primary leg too.
KEPT_OF_BOTH_LEGS = (
    events.LineMeasured,
    events.Noted,
    events.ProviderFailed,
    events.ProviderUsed,
    events.StreamStarted,
    events.StreamEnded,
)

log = logging.getLogger(__name__)


class Recorder:
    """The sink of one media stream. The primary leg's makes turns and recording; the other's keeps its own lines."""

    def __init__(
        self,
        leg: Leg,
        path: Path,
        renew_leases: RenewLeases,
        on_turn: Callable[[Turn], None] = lambda _: None,
    ) -> None:
        self._on_turn = on_turn
        # Who else hears both channels as they are recorded. Must not wait.
        self.on_audio: Callable[[bytes, bytes], None] | None = None
        self._leg = leg
        self._renew_leases = renew_leases
        self._queue: asyncio.Queue[events.CallEvent | None] = asyncio.Queue(QUEUE)
        self._dropped = 0
        self._track = Track(leg.call_id, path)

    def on_hung_up(self, end: Callable[[], None]) -> None:
        """Whom to tell when the database says that this call is to end."""
        self._track.on_hung_up = end

    # --- Sink: never waits --------------------------------------------------------------------------------------------
    def event(self, event: events.CallEvent) -> None:
        self._put(event)

    def audio(self, far: bytes, own: bytes) -> None:
        if self._leg.is_primary:
            caller, agent = (far, own) if self._leg.side == Side.AGENT else (own, far)
            self._track.add(caller, agent)
            if self.on_audio is not None:
                self.on_audio(caller, agent)

    def close(self) -> None:
        """Nothing more will come."""
        self._put(None)

    async def flushed(self) -> None:
        """Everything told so far is stored."""
        await self._queue.join()

    def _put(self, item: events.CallEvent | None) -> None:
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
        if self._leg.is_primary:
            pulse(self._renew_leases).join(self._track)
        while (event := await self._queue.get()) is not None:
            await self._attempt(event)
            self._queue.task_done()
        if self._leg.is_primary:
            await pulse(self._renew_leases).leave(self._track)
        for queue, dropped in (("recorder", self._dropped), ("recording", self._track.dropped)):
            if dropped:
                await self._attempt(events.QueueOverflowed(at_ms=0, queue=queue, dropped=dropped))

    async def _attempt(self, event: events.CallEvent) -> None:
        try:
            await self._store(event)
        except Exception:
            # One event that cannot be stored must not take those after it along. It is counted; the count is an event
            # of the call, and speaks in the cause of a failure.
            self._dropped += 1
            log.exception("An event (%s) of call %s was not stored.", type(event).__name__, self._leg.call.public_id)

    async def _store(self, event: events.CallEvent) -> None:
        if self._leg.is_primary:
            await self._store_primary(event)
        else:
            await in_pool(self._keep_line, event)

    async def _store_primary(self, event: events.CallEvent) -> None:
        call = self._leg.call
        match event:
            case events.SpeechStarted(side=side) | events.SpeechStopped(side=side):
                is_start = isinstance(event, events.SpeechStarted)
                await broadcast.speaking_changed(call.public_id, side, is_start)
            case events.PartialTranscribed(side=side, turn=turn, text=text, start_ms=start_ms):
                await broadcast.partial_changed(call.public_id, side, turn, text, start_ms)
            case events.Noted(name=name) if name in NOTES:
                note = await in_pool(self._keep, event)
                await broadcast.happened(call.public_id, await in_pool(live_parts.function_html, call, note))
            case events.ProviderFailed():
                failed = await in_pool(self._keep, event)
                await broadcast.happened(call.public_id, live_parts.notice_html(failed))
            case _:
                saved = await in_pool(self._save, event)
                if isinstance(event, events.TurnTranscribed) and saved is None:
                    await broadcast.turn_removed(call.public_id, event.turn)
                elif saved is not None:
                    await broadcast.turn_changed(saved)
                    self._on_turn(saved)

    # --- In the pool --------------------------------------------------------------------------------------------------
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
        self._keep(event)
        return None

    def _keep(self, event: events.CallEvent) -> CallEvent:
        return CallEvent.objects.create(call_id=self._leg.call_id, **_row(event))

    def _save_turn(self, index: int, side: Side, values: dict[str, Any], keep: bool = True) -> Turn | None:
        if not keep:
            CallEvent.objects.create(
                call_id=self._leg.call_id,
                side=side,
                name=NO_WORDS,
                at_ms=values["start_ms"],
                data={"end_ms": values["end_ms"]},
            )
            return None
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
