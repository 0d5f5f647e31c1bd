"""What one application has sent and its far end has not yet heard. Pure: time is frames taken."""

from collections import deque
from typing import Final, Generic, TypeVar

from calls.telephony.protocol import FRAME_BYTES, SAMPLE_RATE_HZ

SILENCE: Final = b"\xff" * FRAME_BYTES
MAX_BUFFERED_BYTES: Final = 30 * 60 * SAMPLE_RATE_HZ

Token = TypeVar("Token")


class Playout(Generic[Token]):
    """A buffer of μ-law bytes with marks in it, taken from by the exchange one 20 ms frame at a time."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._offset = 0  # bytes of the first piece that were taken
        self._put = 0
        self._taken = 0
        self._marks: deque[tuple[int, Token]] = deque()

    @property
    def buffered_bytes(self) -> int:
        return self._put - self._taken

    def put(self, payload: bytes) -> bool:
        """False: the buffer is full and `payload` was dropped."""
        if self.buffered_bytes + len(payload) > MAX_BUFFERED_BYTES:
            return False
        self._pieces.append(payload)
        self._put += len(payload)
        return True

    def mark(self, token: Token) -> None:
        """`reached` will return `token` once all that was put before has been played."""
        self._marks.append((self._put, token))

    def reached(self) -> list[Token]:
        """The marks whose audio has been played. Call it when a frame's 20 ms are over: before the next `take`."""
        tokens = []
        while self._marks and self._marks[0][0] <= self._taken:
            tokens.append(self._marks.popleft()[1])
        return tokens

    def clear(self) -> list[Token]:
        """Drops what has not been played; returns the marks that were waiting for it."""
        tokens = [token for _, token in self._marks]
        self._marks.clear()
        self._pieces.clear()
        self._offset = 0
        self._taken = self._put
        return tokens

    def take(self) -> bytes:
        """The next 160 bytes, filled up with silence; SILENCE itself when there is nothing."""
        pieces = self._pieces
        if not pieces:
            return SILENCE
        first, start = pieces[0], self._offset
        if len(first) - start > FRAME_BYTES:
            self._offset = start + FRAME_BYTES
            self._taken += FRAME_BYTES
            return first[start : start + FRAME_BYTES]
        return self._join()

    def _join(self) -> bytes:
        frame = b""
        while self._pieces and len(frame) < FRAME_BYTES:
            piece = self._pieces[0]
            part = piece[self._offset : self._offset + FRAME_BYTES - len(frame)]
            frame += part
            self._offset += len(part)
            if self._offset == len(piece):
                self._pieces.popleft()
                self._offset = 0
        self._taken += len(frame)
        return frame.ljust(FRAME_BYTES, b"\xff")
