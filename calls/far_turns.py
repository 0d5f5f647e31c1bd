"""The far end's turns as a speech-to-speech brain tells of them: its text may come late, and out of order.

No asyncio, no Django. Times are milliseconds on the call's clock.
"""

from dataclasses import dataclass
from typing import Final

# Another brain that hears the same audio again finds the same beginning about here.
SAME_MS: Final = 500


@dataclass(slots=True)
class FarTurn:
    turn: int
    start_ms: int
    item: str = ""  # the provider's name of it, once it is known
    end_ms: int | None = None  # None: it is being spoken
    stopped_at: float = 0.0  # monotonic seconds
    text: str = ""  # so far
    is_told: bool = False  # its final text is known


class FarTurns:
    """Those that are not answered yet, or whose text is still missing, in the order in which they began."""

    def __init__(self) -> None:
        self._turns: list[FarTurn] = []
        self.speaking: FarTurn | None = None
        self._unanswered: list[FarTurn] = []

    def begin(self, start_ms: int, item: str, new_turn: int | None) -> FarTurn:
        """`new_turn`: its index if it is not a turn that `again` gave to another brain; see `known`."""
        turn = self.known(start_ms)
        if turn is None:
            assert new_turn is not None
            turn = FarTurn(new_turn, start_ms)
            self._turns.append(turn)
            self._unanswered.append(turn)
        turn.item, turn.end_ms = item, None
        self.speaking = turn
        return turn

    def known(self, start_ms: int) -> FarTurn | None:
        """The unanswered turn that begins there."""
        return next((turn for turn in self._unanswered if abs(turn.start_ms - start_ms) <= SAME_MS), None)

    def stop(self, end_ms: int, stopped_at: float) -> FarTurn | None:
        turn, self.speaking = self.speaking, None
        if turn is not None:
            turn.end_ms, turn.stopped_at = max(end_ms, turn.start_ms), stopped_at
        return turn

    def of_item(self, item: str) -> FarTurn | None:
        """The turn that a text belongs to: by its name, else the oldest that has none and no text."""
        missing = self.untold
        named = next((turn for turn in missing if turn.item == item), None)
        return named or next((turn for turn in missing if not turn.item), None)

    @property
    def untold(self) -> list[FarTurn]:
        """Turns whose final text is missing."""
        return [turn for turn in self._turns if not turn.is_told]

    def told(self, turn: FarTurn) -> None:
        turn.is_told = True
        if turn not in self._unanswered:
            self._turns.remove(turn)

    def answered(self) -> None:
        """A reply is being spoken."""
        self._unanswered = [self.speaking] if self.speaking else []
        self._turns = [turn for turn in self._turns if not turn.is_told or turn in self._unanswered]

    @property
    def first_wanted_ms(self) -> int | None:
        """From where on another brain would have to hear the call to know what is to be answered."""
        return min((turn.start_ms for turn in self._unanswered), default=None)


def lost(start_ms: int, end_ms: int) -> str:
    """What a failure to write a turn down ends in."""
    return f"the words from {start_ms / 1000:.1f} to {end_ms / 1000:.1f} s are in the recording only"
