"""The last minutes of both channels of a call, for what hears a turn once more. No asyncio, no Django."""

from typing import Final

from agents.ports import Audio
from calls.audio import mulaw
from calls.playback import SAMPLES_PER_MS
from calls.states import Side
from calls.telephony.protocol import SAMPLE_RATE_HZ

KEEP_MS: Final = 90_000  # the longest turn, and what waits to be translated meanwhile
AROUND_MS: Final = 200


class RecentAudio:
    """8 kHz μ-law, one byte a sample, from the stream's start on without a gap; `side` is whose party is recorded."""

    def __init__(self, side: Side) -> None:
        self._channels = {side.other: bytearray(), side: bytearray()}
        self._base = 0  # the sample position of the first byte kept

    def add(self, far: bytes, own: bytes) -> None:
        """The next stretch of both, of equal length."""
        for channel, added in zip(self._channels.values(), (far, own), strict=True):
            channel += added
        over = len(next(iter(self._channels.values()))) - KEEP_MS * SAMPLES_PER_MS
        if over > KEEP_MS * SAMPLES_PER_MS // 10:  # not with each stretch: it moves all that is kept
            for channel in self._channels.values():
                del channel[:over]
            self._base += over

    def of_turn(self, side: Side, start_ms: int, end_ms: int) -> Audio | None:
        """With a little air around it; None where it is not kept any more."""
        start = max(0, (start_ms - AROUND_MS) * SAMPLES_PER_MS)
        if start < self._base:
            return None
        end = (end_ms + AROUND_MS) * SAMPLES_PER_MS
        kept = bytes(self._channels[side][start - self._base : end - self._base])
        return Audio(mulaw.decode(kept), SAMPLE_RATE_HZ) if kept else None
