"""Which stretches of a finished recording hold a turn, and what is said there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.ports import Audio, SpeechToText, VoiceActivity
from calls.states import Side
from evaluations.audibility import SAMPLE_RATE_HZ
from evaluations.record import Segment
from evaluations.segments import speech_segments

MAX_TURN_MS: Final = 60_000
AROUND_MS: Final = 150  # ears hear a word's first sound better with some silence before it
# A live call's times and those of its recording are found by different means: so far apart, they mean the same sound.
TOLD_AROUND_MS: Final = 300
LEAST_MS: Final = 150  # less than this beside a known turn is its edge, not a word
SIDES: Final[Sequence[str]] = (Side.CALLER, Side.AGENT)

Frames = npt.NDArray[np.int16]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    side: str  # "" where the recording is mono
    start_ms: int
    end_ms: int


def spans_of(frames: Frames, activity: VoiceActivity, pause_ms: int, told: Sequence[Span] = ()) -> list[Span]:
    """The times of the turns that are not `told` yet. `frames`: shape (n, 1) or (n, 2), left caller, right agent.

    As on a live call, a pause of `pause_ms` ends a turn.
    """
    sides = SIDES if frames.shape[1] == 2 else ("",)
    spans: list[Span] = []
    for number, side in enumerate(sides):
        known = [span for span in told if span.side == side]
        for segment in speech_segments(np.ascontiguousarray(frames[:, number]), activity):
            for part in _without(segment, known):
                _add(spans, Span(side, part.start_ms, part.end_ms), pause_ms)
    return sorted(spans, key=lambda span: (span.start_ms, span.end_ms))


def _without(segment: Segment, told: Iterable[Span]) -> list[Segment]:
    """The parts of a segment that lie outside of what is told."""
    parts = [segment]
    for span in told:
        first, last = span.start_ms - TOLD_AROUND_MS, span.end_ms + TOLD_AROUND_MS
        cut = [
            piece
            for part in parts
            for piece in (
                Segment(part.start_ms, min(part.end_ms, first)),
                Segment(max(part.start_ms, last), part.end_ms),
            )
        ]
        parts = [piece for piece in cut if piece.end_ms - piece.start_ms >= LEAST_MS]
    return parts


def _add(spans: list[Span], new: Span, pause_ms: int) -> None:
    last = spans[-1] if spans and spans[-1].side == new.side else None
    if last and new.start_ms - last.end_ms < pause_ms and new.end_ms - last.start_ms <= MAX_TURN_MS:
        spans[-1] = Span(new.side, last.start_ms, new.end_ms)
    else:
        spans.append(new)


async def heard(
    frames: Frames, spans: Sequence[Span], ears: SpeechToText, language: str, keywords: Sequence[str] = ()
) -> list[Row]:
    """A Turn's fields for each span that has words. Raises ProviderError."""
    rows: list[Row] = []
    for span in spans:
        audio, offset_ms = _audio(frames, span)
        found = await ears.transcribe(audio, language=language, keywords=keywords)
        if found.text:
            words = [
                {"text": word.text, "start_ms": word.start_ms + offset_ms, "end_ms": word.end_ms + offset_ms}
                for word in found.words
            ]
            times = {"start_ms": span.start_ms, "end_ms": span.end_ms}
            rows.append({"side": span.side, "text": found.text, "language": found.language, "words": words, **times})
    return rows


def _audio(frames: Frames, span: Span) -> tuple[Audio, int]:
    """The span's sound with a margin, and when it begins."""
    channel = SIDES.index(span.side) if span.side else 0
    first_ms, last_ms = max(0, span.start_ms - AROUND_MS), span.end_ms + AROUND_MS
    per_ms = SAMPLE_RATE_HZ // 1000
    samples = np.ascontiguousarray(frames[first_ms * per_ms : last_ms * per_ms, channel])
    return Audio(samples, SAMPLE_RATE_HZ), first_ms
