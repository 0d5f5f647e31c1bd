"""What the far end has heard of us: the playout clock. No asyncio, no Django.

The exchange plays what we send in order, each piece after what was queued before it, and drops what is left at `clear`.
So a piece queued at `now` starts at max(now, the queue's end); marks that come back confirm it. Positions are samples
(8 kHz, one μ-law byte each) since the media stream's start.
"""

from collections import deque
from dataclasses import dataclass, field

SAMPLES_PER_MS = 8
SILENCE = b"\xff"


@dataclass(slots=True)
class Piece:
    start: int  # samples
    payload: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.payload)


@dataclass(slots=True)
class Playback:
    """The queue at the far end, as it must be there, and the own channel of the recording that follows from it."""

    end: int = 0  # samples: where the next piece would start, if not before `now`
    drift_ms: int = 0  # the largest difference between a mark's expected and its real return
    _rendered: int = 0
    _pieces: deque[Piece] = field(default_factory=deque)
    _marks: dict[str, int] = field(default_factory=dict)

    def queue(self, payload: bytes, now: int) -> tuple[int, int]:
        """Queue a piece at `now`; returns the samples at which it starts and ends playing."""
        start = max(now, self.end)
        self._pieces.append(Piece(start, payload))
        self.end = start + len(payload)
        return start, self.end

    def is_playing(self, now: int) -> bool:
        return now < self.end

    def clear(self, now: int) -> None:
        """What was not played by `now` never will be."""
        while self._pieces and self._pieces[-1].start >= now:
            self._pieces.pop()
        if self._pieces and self._pieces[-1].end > now:
            last = self._pieces[-1]
            last.payload = last.payload[: now - last.start]
        self.end = min(self.end, now)
        self._marks.clear()

    def mark(self, name: str) -> None:
        """A mark was sent after all that is queued."""
        self._marks[name] = self.end

    def confirm(self, name: str, now: int) -> bool:
        """A mark came back. False for one that is not awaited: sent before a clear, or never."""
        expected = self._marks.pop(name, None)
        if expected is None:
            return False
        drift_ms = (now - expected) // SAMPLES_PER_MS
        if abs(drift_ms) > abs(self.drift_ms):
            self.drift_ms = drift_ms
        return True

    def awaits(self, name: str) -> bool:
        return name in self._marks

    def render(self, until: int) -> bytes:
        """The own channel from where the last call ended up to `until` (samples): what was played, and silence."""
        parts: list[bytes] = []
        while self._rendered < until:
            while self._pieces and self._pieces[0].end <= self._rendered:
                self._pieces.popleft()
            piece = self._pieces[0] if self._pieces else None
            if piece is None or piece.start >= until:
                parts.append(SILENCE * (until - self._rendered))
                self._rendered = until
            elif piece.start > self._rendered:
                parts.append(SILENCE * (piece.start - self._rendered))
                self._rendered = piece.start
            else:
                part = piece.payload[self._rendered - piece.start : until - piece.start]
                parts.append(part)
                self._rendered += len(part)
        return b"".join(parts)
