"""What happens on a call, in the past tense. Pure.

`at_ms` is on the call's clock: milliseconds since the media stream's start, counted in inbound samples.
`side` is who did it. Turn indexes count both sides' turns in the order in which they began.
"""

from dataclasses import dataclass, field
from typing import Final

from agents.ports import Usage, Word
from calls.states import Ending, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStarted(CallEvent):
    call_sid: str
    stream_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(CallEvent):
    side: Side
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStopped(CallEvent):
    side: Side
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialTranscribed(CallEvent):
    """Text of a turn that may still change: the far end still speaks, or is perhaps only pausing."""

    side: Side
    turn: int
    text: str
    start_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTranscribed(CallEvent):
    """The far end's turn, final. `text` is "" where it was speech without words (a cough, noise)."""

    side: Side
    turn: int
    text: str
    start_ms: int
    end_ms: int
    language: str = ""
    words: tuple[Word, ...] = ()  # on the call's clock
    latencies: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyStarted(CallEvent):
    """The first sentence of our own turn began to play."""

    side: Side
    turn: int
    text: str
    latencies: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyExtended(CallEvent):
    """Our own turn goes on: `text` is all of it so far."""

    side: Side
    turn: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFinished(CallEvent):
    side: Side
    turn: int
    text: str
    start_ms: int
    end_ms: int
    words: tuple[Word, ...] = ()
    latencies: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCut(CallEvent):
    """Our own turn was cut (barge-in, hang-up): of `text`, `heard` was played."""

    side: Side
    turn: int
    text: str
    heard: str
    start_ms: int
    end_ms: int
    latencies: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsPressed(CallEvent):
    side: Side
    digits: str


# Names of notes about people on our end of a call.
DICTATED: Final = "operator_line"  # {"text"}: typed for us to say
HANDED_OVER: Final = "person_took_over"  # from here on a person speaks for us


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(CallEvent):
    """A brain's note: a tool call, a capture, a left script."""

    side: Side
    name: str
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailed(CallEvent):
    side: Side
    capability: str  # ears, voice, brain
    provider: str
    message: str
    outcome: str  # what the call did about it: retried, apologised, ended


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUsed(CallEvent):
    """What one request to a provider used."""

    side: Side
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRejected(CallEvent):
    """Messages on the media stream that are not what the protocol allows; counted, never obeyed."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOverflowed(CallEvent):
    queue: str
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMeasured(CallEvent):
    """What became of the packets that `side` sent on their way to us, told once at the end."""

    side: Side
    expected: int
    lost: int
    jitter_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(CallEvent):
    """The last event of a leg."""

    ending: Ending
    detail: str = ""
