"""A person who speaks for us on a call, through a browser: the microphone into the call, and their words as turns.

asyncio only, no Django. `says` is called beside the audio path and waits for nothing.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final, Protocol

from agents.errors import ProviderError
from agents.ports import Action, Attention, Brain, Stimulus, Word
from calls import events
from calls.listener import HeardTurn, Listener
from calls.playback import SAMPLES_PER_MS
from calls.speaker import Speaker
from calls.states import Side

# So much is gathered before it is passed on: a frame that comes late makes no gap.
CUSHION_MS: Final = 60
# A microphone that runs ahead of the call is cut, or what is said would come later and later.
MAX_AHEAD_MS: Final = 400


class Floor(Protocol):
    @property
    def now(self) -> int: ...

    def new_turn(self) -> int: ...

    def emit(self, event: events.CallEvent) -> None: ...


class Witness:
    """Listens to one side from `origin_ms` on, and tells what it said. The Ear of a Listener of its own."""

    def __init__(self, side: Side, floor: Floor, origin_ms: int, listener: "Callable[[Witness], Listener]") -> None:
        self._side = side
        self._floor = floor
        self._origin_ms = origin_ms
        self._listener = listener(self)

    def hear(self, payload: bytes, at_ms: int) -> None:
        """A piece that sits at `at_ms` of the call's clock; a time that cannot be is not listened to."""
        with contextlib.suppress(ValueError):
            self._listener.hear(payload, at_ms - self._origin_ms)

    def finish(self) -> None:
        self._listener.finish()

    def speech_began(self, turn: int, at_ms: int) -> None:
        self._floor.emit(events.SpeechStarted(at_ms=self._origin_ms + at_ms, side=self._side, turn=turn))

    def speech_ended(self, turn: int, at_ms: int) -> None:
        self._floor.emit(events.SpeechStopped(at_ms=self._origin_ms + at_ms, side=self._side, turn=turn))

    def partly_heard(self, turn: int, text: str, start_ms: int) -> None:
        start_ms += self._origin_ms
        self._floor.emit(
            events.PartialTranscribed(at_ms=self._now_ms, side=self._side, turn=turn, text=text, start_ms=start_ms)
        )

    def turn_heard(self, heard: HeardTurn) -> None:
        words = tuple(self._moved(word) for word in heard.words)
        self._floor.emit(
            events.TurnTranscribed(
                at_ms=self._now_ms,
                side=self._side,
                turn=heard.turn,
                text=heard.transcript.text,
                start_ms=heard.start_ms + self._origin_ms,
                end_ms=heard.end_ms + self._origin_ms,
                language=heard.transcript.language,
                words=words,
                latencies=heard.latencies,
            )
        )

    def hearing_failed(self, turn: int, start_ms: int, end_ms: int, error: ProviderError, outcome: str) -> None:
        self._floor.emit(
            events.ProviderFailed(
                at_ms=self._now_ms,
                side=self._side.other,
                capability="ears",
                provider=error.provider,
                message=error.message,
                outcome=outcome,
            )
        )

    @property
    def _now_ms(self) -> int:
        return self._floor.now // SAMPLES_PER_MS

    def _moved(self, word: Word) -> Word:
        return replace(word, start_ms=word.start_ms + self._origin_ms, end_ms=word.end_ms + self._origin_ms)


class Microphone:
    """μ-law of a person, played into the call as it comes; `witness` hears what was played."""

    def __init__(self, speaker: Speaker, floor: Floor, witness: Witness | None) -> None:
        self._speaker = speaker
        self._floor = floor
        self._witness = witness
        self._waiting = b""

    def says(self, payload: bytes) -> None:
        ahead = self._speaker.playback.end - self._floor.now
        if ahead > MAX_AHEAD_MS * SAMPLES_PER_MS:
            return
        self._waiting += payload
        if ahead <= 0 and len(self._waiting) < CUSHION_MS * SAMPLES_PER_MS:
            return
        payload, self._waiting = self._waiting, b""
        start, _ = self._speaker.play(payload)
        if self._witness is not None:
            self._witness.hear(payload, start // SAMPLES_PER_MS)


class SilentBrain(Brain):
    """Of a party that a person plays from the first moment on: says nothing."""

    name = "person"

    async def respond(self, stimulus: Stimulus) -> AsyncIterator[Action]:
        actions: tuple[Action, ...] = ()
        for action in actions:
            yield action

    def was_cut(self, heard: str) -> None:
        """Nothing of it was ever played."""

    @property
    def attention(self) -> Attention:
        return Attention()

    async def aclose(self) -> None:
        """It holds nothing."""
