"""From speech probabilities to turns: a four-state machine whose clock is windows counted. Pure.

    QUIET ──speech──▶ STARTING ──begin_ms of it──▶ SPEAKING ──silence──▶ STOPPING ──end_ms of it──▶ QUIET
      ▲───silence────────┘                            ▲──────speech─────────┘

Two thresholds (hysteresis): speech begins at `begin_probability`, and goes on down to `stay_probability`.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Speech is certain; it began at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A silence of `pause_ms` since `at_ms`: perhaps the turn's end, a good moment to transcribe ahead."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A silence of `end_ms` since the speech's end: the floor is free."""

    start_ms: int
    end_ms: int


Signal = SpeechBegan | SpeechPaused | SpeechResumed | TurnEnded


class State(Enum):
    QUIET = auto()
    STARTING = auto()
    SPEAKING = auto()
    STOPPING = auto()


_WITHIN_A_TURN: Final = (State.SPEAKING, State.STOPPING)


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Times in milliseconds of audio."""

    begin_ms: int = 96
    pause_ms: int = 224
    end_ms: int = 600
    max_turn_ms: int = 60_000
    begin_probability: float = 0.5
    stay_probability: float = 0.35


class TurnDetector:
    """Push one probability per window; get the signals it causes, in order."""

    def __init__(self, rules: TurnRules, *, window_ms: int) -> None:
        self.rules = rules
        self.window_ms = window_ms
        self.state = State.QUIET
        self.now_ms = 0  # the end of the last window
        self.start_ms = 0
        self.end_ms = 0  # of the last window with speech
        self._paused = False

    @property
    def is_speaking(self) -> bool:
        """Between SpeechBegan and TurnEnded."""
        return self.state in _WITHIN_A_TURN

    def push(self, probability: float) -> list[Signal]:
        began_ms, self.now_ms = self.now_ms, self.now_ms + self.window_ms
        threshold = self.rules.stay_probability if self.is_speaking else self.rules.begin_probability
        if probability >= threshold:
            return self._speech(began_ms)
        return self._silence()

    def finish(self) -> list[Signal]:
        """The audio is over: end the turn that is going on, if any."""
        return self._end() if self.is_speaking else []

    def _speech(self, began_ms: int) -> list[Signal]:
        self.end_ms = self.now_ms
        match self.state:
            case State.QUIET:
                self.state, self.start_ms = State.STARTING, began_ms
                return self._confirm()
            case State.STARTING:
                return self._confirm()
            case State.STOPPING:
                self.state = State.SPEAKING
                if self._paused:
                    self._paused = False
                    return [SpeechResumed(began_ms)]
        return self._end() if self.now_ms - self.start_ms >= self.rules.max_turn_ms else []

    def _confirm(self) -> list[Signal]:
        if self.now_ms - self.start_ms < self.rules.begin_ms:
            return []
        self.state = State.SPEAKING
        return [SpeechBegan(self.start_ms)]

    def _silence(self) -> list[Signal]:
        if self.state in (State.QUIET, State.STARTING):
            self.state = State.QUIET
            return []
        self.state = State.STOPPING
        silence_ms = self.now_ms - self.end_ms
        if silence_ms >= self.rules.end_ms:
            return self._end()
        if silence_ms >= self.rules.pause_ms and not self._paused:
            self._paused = True
            return [SpeechPaused(self.end_ms)]
        return []

    def _end(self) -> list[Signal]:
        self.state, self._paused = State.QUIET, False
        return [TurnEnded(self.start_ms, self.end_ms)]
