"""Who has the floor: turns, backchannels, interruptions and replies from the speech segments of two sides. Pure.

Everything is symmetric in the sides and depends on differences of times only. `docs/measures.md` states the rules in
words; the names here are its names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from calls.states import Side
from evaluations.record import CallRecord, Segment

PAUSE_MS: Final = 600  # a shorter silence of one side is a pause within its utterance
TURN_GAP_MS: Final = 1500  # after so long a silence the same side begins a new turn
BACKCHANNEL_MS: Final = 1000  # the longest backchannel
OVERLAP_MS: Final = 300  # an interruption begins so long before the turn's end, and overlaps it for so long
YIELD_MS: Final = 2000  # a side that speaks on for longer has talked over its interrupter

Segments = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech of one side that belongs together: an utterance or a turn. Never empty."""

    side: Side
    segments: Segments

    @property
    def start_ms(self) -> int:
        return self.segments[0].start_ms

    @property
    def end_ms(self) -> int:
        return self.segments[-1].end_ms

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Interruption:
    """`utterance` began in `turn` of the other side, whose utterance `cut` was under way or had just paused."""

    utterance: Stretch
    turn: Stretch
    own_turn: Stretch
    cut: Stretch

    @property
    def stop_ms(self) -> int | None:
        """How long the interrupted side spoke on; None where it talked over its interrupter."""
        if self.cut.end_ms >= self.own_turn.end_ms:
            return None
        stop_ms = max(0, self.cut.end_ms - self.utterance.start_ms)
        return stop_ms if stop_ms <= YIELD_MS else None


@dataclass(frozen=True, slots=True)
class Reply:
    """`utterance` of one side answers `turn` of the other."""

    turn: Stretch
    utterance: Stretch

    @property
    def delay_ms(self) -> int:
        """Signed: negative where the reply began before the turn had ended."""
        return self.utterance.start_ms - self.turn.end_ms


@dataclass(frozen=True)
class Floor:
    """Utterances, backchannels and turns by side, each in order of time."""

    utterances: dict[Side, tuple[Stretch, ...]] = field(hash=False)
    backchannels: dict[Side, tuple[Stretch, ...]] = field(hash=False)
    turns: dict[Side, tuple[Stretch, ...]] = field(hash=False)

    def moves(self, side: Side) -> tuple[Stretch, ...]:
        """The utterances that are no backchannels."""
        backchannels = set(self.backchannels[side])
        return tuple(utterance for utterance in self.utterances[side] if utterance not in backchannels)

    def interruptions(self, by: Side) -> tuple[Interruption, ...]:
        found = (self._interruption(utterance) for utterance in self.moves(by))
        return tuple(interruption for interruption in found if interruption)

    def _interruption(self, utterance: Stretch) -> Interruption | None:
        start_ms = utterance.start_ms
        for turn in self.turns[utterance.side.other]:
            if not turn.start_ms < start_ms <= turn.end_ms - OVERLAP_MS:
                continue
            if overlap_ms(utterance.segments, turn.segments) >= OVERLAP_MS:
                own = next(own for own in self.turns[utterance.side] if own.start_ms <= start_ms <= own.end_ms)
                return Interruption(utterance, turn, own, self._under_way(turn, start_ms))
        return None

    def _under_way(self, turn: Stretch, at_ms: int) -> Stretch:
        """The first utterance of the turn that ends after `at_ms`."""
        return next(
            utterance
            for utterance in self.moves(turn.side)
            if utterance.end_ms > at_ms and utterance.start_ms >= turn.start_ms
        )

    def reply(self, turn: Stretch) -> Reply | None:
        """The other side's first utterance that began after the turn began, outlasts it, and comes before the same
        side's next turn. None where there is none, or where the turn was talked over from before it began."""
        moves = self.moves(turn.side.other)
        if any(move.start_ms <= turn.start_ms and move.end_ms > turn.end_ms for move in moves):
            return None
        next_ms = self.next_turn_ms(turn)
        for move in moves:
            if move.start_ms > turn.start_ms and move.end_ms > turn.end_ms:
                return Reply(turn, move) if next_ms is None or move.start_ms < next_ms else None
        return None

    def replies(self, by: Side) -> tuple[Reply, ...]:
        """At most one a turn; an utterance answers one turn only, as it comes before the next one begins."""
        return tuple(reply for turn in self.turns[by.other] if (reply := self.reply(turn)))

    def next_turn_ms(self, turn: Stretch) -> int | None:
        return next((other.start_ms for other in self.turns[turn.side] if other.start_ms > turn.start_ms), None)


def floor(record: CallRecord) -> Floor:
    return floor_of(record.caller, record.agent)


@lru_cache(maxsize=16)
def floor_of(caller: Segments, agent: Segments) -> Floor:
    utterances = {Side.CALLER: _utterances(Side.CALLER, caller), Side.AGENT: _utterances(Side.AGENT, agent)}
    backchannels = {side: _backchannels(utterances[side], utterances[side.other]) for side in Side}
    moves = {
        side: tuple(utterance for utterance in utterances[side] if utterance not in set(backchannels[side]))
        for side in Side
    }
    turns = {side: _turns(moves[side], moves[side.other]) for side in Side}
    return Floor(utterances, backchannels, turns)


def overlaps(left: Sequence[Segment], right: Sequence[Segment]) -> list[Segment]:
    """The intersections of two lists of segments, in order; O(n + m)."""
    found, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        start_ms = max(left[i].start_ms, right[j].start_ms)
        end_ms = min(left[i].end_ms, right[j].end_ms)
        if start_ms < end_ms:
            found.append(Segment(start_ms, end_ms))
        if left[i].end_ms < right[j].end_ms:
            i += 1
        else:
            j += 1
    return found


def overlap_ms(left: Sequence[Segment], right: Sequence[Segment]) -> int:
    return sum(segment.duration_ms for segment in overlaps(left, right))


def _utterances(side: Side, segments: Segments) -> tuple[Stretch, ...]:
    groups: list[list[Segment]] = []
    for segment in segments:
        if groups and segment.start_ms - groups[-1][-1].end_ms < PAUSE_MS:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return tuple(Stretch(side, tuple(group)) for group in groups)


def _backchannels(own: tuple[Stretch, ...], others: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    short = [utterance for utterance in own if utterance.duration_ms <= BACKCHANNEL_MS]
    return tuple(utterance for utterance in short if _speaker_goes_on(utterance, own, others))


def _speaker_goes_on(utterance: Stretch, own: tuple[Stretch, ...], others: tuple[Stretch, ...]) -> bool:
    """Whether the other side was speaking when the short utterance began, and spoke through it or was the next to
    speak after stopping for it."""
    start_ms, end_ms = utterance.start_ms, utterance.end_ms
    held = next((other for other in others if other.start_ms < start_ms < other.end_ms), None)
    if held is None:
        return False
    if held.end_ms > end_ms:
        return True
    if held.end_ms - start_ms < OVERLAP_MS:
        return False
    next_own_ms = next((other.start_ms for other in own if other.start_ms >= end_ms), None)
    next_other_ms = next((other.start_ms for other in others if other.start_ms >= end_ms), None)
    return next_other_ms is not None and (next_own_ms is None or next_other_ms < next_own_ms)


def _turns(own: tuple[Stretch, ...], others: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """Utterances with less than TURN_GAP_MS between them, and no speech of the other side that outlasts the first."""
    if not own:
        return ()
    groups = [[own[0]]]
    for before, after in pairwise(own):
        took_floor = any(other.end_ms > before.end_ms and other.start_ms < after.start_ms for other in others)
        if after.start_ms - before.end_ms < TURN_GAP_MS and not took_floor:
            groups[-1].append(after)
        else:
            groups.append([after])
    side = own[0].side
    return tuple(Stretch(side, tuple(s for utterance in group for s in utterance.segments)) for group in groups)
