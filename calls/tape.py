"""The far end's audio as it came in, on the call's clock. No asyncio, no Django."""

from calls.playback import SAMPLES_PER_MS, SILENCE

# Media timestamps wobble by a frame without anything being lost.
TOLERANCE_MS = 40
# A timestamp further ahead than this is no gap on a phone line, it is a peer that makes up its times.
MAX_GAP_MS = 30_000


class Tape:
    """8 kHz μ-law, one byte a sample; `length` is the call's clock in samples."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.length = 0
        self._base = 0  # sample position of the first byte kept
        self._taken = 0  # up to where `take` has given it away

    @property
    def now_ms(self) -> int:
        return self.length // SAMPLES_PER_MS

    def append(self, payload: bytes, timestamp_ms: int) -> bytes:
        """Add a frame that sits at `timestamp_ms`; a gap before it is filled with silence.

        Returns all that was added, the filled gap included. Raises ValueError for a time that cannot be.
        """
        gap_ms = timestamp_ms - self.now_ms
        if gap_ms > MAX_GAP_MS:
            raise ValueError("timestamp too far ahead")
        if gap_ms > TOLERANCE_MS:
            payload = SILENCE * (gap_ms * SAMPLES_PER_MS) + payload
        self._bytes += payload
        self.length += len(payload)
        return payload

    def cut(self, start_ms: int, end_ms: int) -> bytes:
        """What came in between the two times, as far as it is still kept."""
        start = max(0, start_ms * SAMPLES_PER_MS - self._base)
        return bytes(self._bytes[start : max(start, end_ms * SAMPLES_PER_MS - self._base)])

    def take(self) -> bytes:
        """What came in since the last `take`."""
        part = bytes(self._bytes[self._taken - self._base :])
        self._taken = self.length
        return part

    def forget(self, before_ms: int) -> None:
        """Drop what lies before `before_ms` and has been taken."""
        position = min(before_ms * SAMPLES_PER_MS, self._taken)
        if position > self._base:
            del self._bytes[: position - self._base]
            self._base = position
