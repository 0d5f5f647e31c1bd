"""What the way of the far end's audio to us was like: packets that are missing, and how unevenly the others came.

By the timestamps of the stream and our own clock. No asyncio, no Django.
"""

from calls.audio.interarrival import Interarrival
from calls.telephony.protocol import FRAME_MS, SAMPLE_RATE_HZ


class LineMeter:
    def __init__(self) -> None:
        self._first_ms: int | None = None
        self._end_ms = 0.0
        self._received_ms = 0.0
        self._arrivals = Interarrival()

    def arrived(self, timestamp_ms: int, samples: int, at_s: float) -> None:
        """A packet that was sent at `timestamp_ms`, at `at_s` of a monotonic clock."""
        length_ms = 1000 * samples / SAMPLE_RATE_HZ
        if self._first_ms is None:
            self._first_ms = timestamp_ms
        self._end_ms = max(self._end_ms, timestamp_ms + length_ms)
        self._received_ms += length_ms
        self._arrivals.arrived(1000 * at_s - timestamp_ms)

    @property
    def expected(self) -> int:
        """Packets of 20 ms from the first to the last one that came."""
        return round((self._end_ms - (self._first_ms or 0)) / FRAME_MS)

    @property
    def lost(self) -> int:
        return max(0, self.expected - round(self._received_ms / FRAME_MS))

    @property
    def jitter_ms(self) -> float:
        return round(self._arrivals.mean_ms, 2)
