"""CallRecord: all that a metric or a criterion may see of a call. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from calls.states import Side


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech on one channel of the recording."""

    start_ms: int
    end_ms: int

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class TurnRecord:
    id: str  # the turn's public id
    index: int
    side: Side | None  # None: it was heard in a mono recording
    text: str
    start_ms: int
    end_ms: int
    heard: str | None = None  # the played part of a cut turn; None: not cut
    language: str = ""
    reference: str = ""
    latencies: Mapping[str, float] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """What the far end could hear of it."""
        return self.text if self.heard is None else self.heard


@dataclass(frozen=True, slots=True)
class EventRecord:
    name: str
    side: str
    at_ms: int | None
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sound:
    """How one channel of the recording sounds. Levels in dBFS (0: a full-scale square wave)."""

    speech_dbfs: float | None  # rms of the speech segments; None: no speech
    noise_dbfs: float | None  # median of the 10 ms levels outside of them; None: nothing is outside
    clipped: float  # share of the speech's samples that are at full scale, in runs of three or more


@dataclass(frozen=True, slots=True)
class CallRecord:
    """Times are milliseconds from the media stream's start. Segments come from the recording, one tuple a side;
    `channels` is 1 where the recording is mono and sides cannot be told apart (then `caller` and `agent` are empty)."""

    duration_ms: int
    turns: tuple[TurnRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()
    caller: tuple[Segment, ...] = ()
    agent: tuple[Segment, ...] = ()
    channels: int = 2
    status: str = "completed"
    ending: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    # The scenario puts noise, loss or delay on the line.
    is_line_part_of_test: bool = False
    sound: Mapping[Side, Sound] = field(default_factory=dict)
    # Turn id → what other ears understand of the agent's audio; None where none were asked.
    reheard: Mapping[str, str] | None = None
    # Prices by model, as in `agents.prices`.
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def speech(self, side: Side) -> tuple[Segment, ...]:
        return self.caller if side is Side.CALLER else self.agent
