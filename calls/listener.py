"""The far end's side of a call: audio → voice activity → turns → text. asyncio only, no Django.

`hear` is on the audio path: it computes and returns, it awaits nothing. Transcription runs in tasks of its own; it
starts at the first pause of a turn, so that the text is mostly there when the pause turns out to be the turn's end.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agents.errors import CutShort, ProviderError, TimedOut
from agents.ports import Audio, SpeechToText, Transcript, VoiceActivity, Word
from calls.audio import mulaw
from calls.far_turns import lost
from calls.live_ears import LiveEars, live_ears
from calls.tape import Tape
from calls.telephony.protocol import SAMPLE_RATE_HZ
from calls.turns.detector import (
    Signal,
    SpeechBegan,
    SpeechPaused,
    SpeechResumed,
    State,
    TurnDetector,
    TurnEnded,
    TurnRules,
)

# Speech recognition hears a word's beginning better with some of the air before it.
LEAD_IN_MS = 250
LEAD_OUT_MS = 120
KEEP_MS = 2_000
# Ears that decide where turns end are waited for so long beyond the silence that they want; then we decide.
SERVER_LATE_MS = 3_000


@dataclass(frozen=True, slots=True)
class HeardTurn:
    turn: int
    start_ms: int
    end_ms: int
    transcript: Transcript
    words: tuple[Word, ...]  # on the call's clock
    latencies: dict[str, float]


class Ear(Protocol):
    """Who is told. All calls come from the event loop and must not wait."""

    def speech_began(self, turn: int, at_ms: int) -> None: ...

    def speech_ended(self, turn: int, at_ms: int) -> None: ...

    def partly_heard(self, turn: int, text: str, start_ms: int) -> None: ...

    def turn_heard(self, heard: HeardTurn) -> None: ...

    def hearing_failed(self, turn: int, start_ms: int, end_ms: int, error: ProviderError, outcome: str) -> None: ...


class Listener:
    """Listens with the first ears that work."""

    def __init__(
        self,
        ears: list[SpeechToText],
        activity: VoiceActivity,
        ear: Ear,
        *,
        tape: Tape,
        rules: TurnRules,
        new_turn: Callable[[], int],
        tasks: asyncio.TaskGroup,
        monotonic: Callable[[], float],
        language: str = "",
        keywords: Sequence[str] = (),
        timeout_s: float = 8.0,
    ) -> None:
        self.tape = tape
        self.pending = 0  # turns that ended and are not transcribed yet
        self._ears = ears
        self._ear = ear
        self._new_turn = new_turn
        self._tasks = tasks
        self._monotonic = monotonic
        self._language = language
        self._keywords = tuple(keywords)
        self._timeout_s = timeout_s
        self._rules = rules
        window_ms = activity.window_samples * 1000 // SAMPLE_RATE_HZ
        self.detector = TurnDetector(rules, window_ms=window_ms)
        self._activity = activity.open(self._window)
        self._turn = 0
        self._start_ms = 0
        # (end_ms, transcription of the turn so far)
        self._ahead: tuple[int, asyncio.Task[Transcript | ProviderError]] | None = None
        self._previous: asyncio.Task[None] | None = None
        self._live: LiveEars | None = None
        self._listen_live()

    @property
    def is_speaking(self) -> bool:
        return self.detector.is_speaking

    def speaking_for_ms(self) -> int:
        return self.detector.now_ms - self.detector.start_ms if self.is_speaking else 0

    def hear(self, payload: bytes, timestamp_ms: int) -> None:
        """One frame of inbound audio. Raises ValueError for a time that cannot be."""
        self._activity.push(mulaw.decode(self.tape.append(payload, timestamp_ms)))
        if self.is_speaking or self._server_ends_turns:
            self._tell_live(self.tape.now_ms)
        if not self.is_speaking:
            self.tape.forget(self.tape.now_ms - KEEP_MS)

    def finish(self) -> None:
        """The audio is over: what was being said becomes a turn."""
        self._activity.close()
        self._obey(self.detector.finish())
        if self._live is not None:
            self._live.close()

    def _window(self, probability: float) -> None:
        self._obey(self.detector.push(probability))

    def _obey(self, signals: list[Signal]) -> None:
        for signal in signals:
            match signal:
                case SpeechBegan(at_ms):
                    self._turn, self._start_ms = self._new_turn(), at_ms
                    if not self._server_ends_turns:
                        self._told_live_ms = max(0, at_ms - LEAD_IN_MS)
                    self._ear.speech_began(self._turn, at_ms)
                case SpeechPaused(at_ms):
                    self._transcribe_ahead(at_ms)
                case SpeechResumed():
                    self._drop_ahead()
                case TurnEnded(start_ms, end_ms):
                    self._end_turn(start_ms, end_ms)

    # --- Live: text while the turn is being spoken --------------------------------------------------------------------
    def _listen_live(self) -> None:
        """Use the present ears live if they can. They get the audio of turns only: silence costs money too. Those that
        decide where turns end get all of it; our own voice activity still says when speech begins."""
        if self._live is not None:
            self._live.close()
        self._told_live_ms = 0
        self._live = live_ears(
            self._ears[0],
            self._partly_heard,
            self._server_ended,
            self._server_lost,
            timeout_s=self._timeout_s,
            tasks=self._tasks,
            language=self._language,
            keywords=self._keywords,
        )
        if self._server_ends_turns:
            self._told_live_ms = self.tape.now_ms
        self._leave_ends_to_server()

    @property
    def _server_ends_turns(self) -> bool:
        return self._live is not None and self._live.endpointing_ms is not None

    def _leave_ends_to_server(self) -> None:
        """Where there is one that decides them."""
        self.detector.rules = self._rules
        if self._live is not None and self._live.endpointing_ms is not None:
            self.detector.rules = replace(self._rules, end_ms=self._live.endpointing_ms + SERVER_LATE_MS)

    def _server_lost(self) -> None:
        """The connection is gone: the turn that is being spoken, or the next one, ends by our own rules."""
        self.detector.rules = self._rules

    def _server_ended(self, start_ms: int, end_ms: int, text: asyncio.Task[Transcript | ProviderError]) -> None:
        """Our own voice activity says when the turn was, unless it heard nothing or hears the next one already."""
        if not self.is_speaking:
            self._turn, self._start_ms = self._new_turn(), start_ms
            self._ear.speech_began(self._turn, start_ms)
        elif self.detector.state is State.STOPPING:
            start_ms, end_ms = self.detector.start_ms, self.detector.end_ms
        else:
            start_ms = self.detector.start_ms
            end_ms = min(self.detector.end_ms, max(start_ms, end_ms))
        self.detector.finish()
        self._turn_over(start_ms, end_ms, text)

    def _tell_live(self, until_ms: int) -> None:
        if self._live is not None and until_ms > self._told_live_ms:
            self._live.push(self._tape_audio(self._told_live_ms, until_ms), self._told_live_ms)
            self._told_live_ms = until_ms

    def _partly_heard(self, text: str) -> None:
        if self.is_speaking:
            self._ear.partly_heard(self._turn, text, self._start_ms)

    # --- Transcription ------------------------------------------------------------------------------------------------
    def _transcribe_ahead(self, end_ms: int) -> None:
        if self._live is not None:
            return
        self._drop_ahead()
        audio = self._audio(self._start_ms, end_ms)
        self._ahead = (end_ms, self._tasks.create_task(self._transcribe(audio, self._turn, self._start_ms)))

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead[1].cancel()
            self._ahead = None

    def _audio(self, start_ms: int, end_ms: int) -> Audio:
        return self._tape_audio(max(0, start_ms - LEAD_IN_MS), end_ms + LEAD_OUT_MS)

    def _tape_audio(self, start_ms: int, end_ms: int) -> Audio:
        return Audio(mulaw.decode(self.tape.cut(start_ms, end_ms)), SAMPLE_RATE_HZ)

    async def _transcribe(self, audio: Audio, turn: int, start_ms: int) -> Transcript | ProviderError:
        """An error is a result here: what was transcribed ahead may never be asked for."""
        ears = self._ears[0]
        try:
            async with asyncio.timeout(self._timeout_s):
                transcript = await ears.transcribe(audio, language=self._language, keywords=self._keywords)
        except TimeoutError:
            return TimedOut(f"No text within {self._timeout_s:g} s.", provider=ears.name)
        except ProviderError as error:
            return error
        if transcript.text:
            self._ear.partly_heard(turn, transcript.text, start_ms)
        return transcript

    def _end_turn(self, start_ms: int, end_ms: int) -> None:
        ahead, self._ahead = self._ahead, None
        task = ahead[1] if ahead and ahead[0] == end_ms else None
        if self._live is not None:
            if not self._server_ends_turns:
                self._tell_live(end_ms + LEAD_OUT_MS)
            self._leave_ends_to_server()
            task = self._tasks.create_task(self._live.commit(self._timeout_s))
        self._turn_over(start_ms, end_ms, task)

    def _turn_over(self, start_ms: int, end_ms: int, task: asyncio.Task[Transcript | ProviderError] | None) -> None:
        """`task`: its text, if it is on its way already."""
        self._ear.speech_ended(self._turn, end_ms)
        audio = self._audio(start_ms, end_ms)
        self.pending += 1
        previous = self._previous
        self._previous = self._tasks.create_task(self._finish_turn(self._turn, start_ms, end_ms, audio, task, previous))

    async def _finish_turn(
        self,
        turn: int,
        start_ms: int,
        end_ms: int,
        audio: Audio,
        ahead: asyncio.Task[Transcript | ProviderError] | None,
        previous: asyncio.Task[None] | None,
    ) -> None:
        began = self._monotonic()
        result = await self._text_of(turn, start_ms, audio, ahead)
        waited_ms = round(1000 * (self._monotonic() - began), 1)
        if previous is not None:
            await previous  # turns are told in the order in which they were spoken
        self.pending -= 1
        if isinstance(result, ProviderError):
            self._ear.hearing_failed(turn, start_ms, end_ms, result, lost(start_ms, end_ms))
            return
        offset_ms = max(0, start_ms - LEAD_IN_MS)
        words = tuple(Word(w.text, w.start_ms + offset_ms, w.end_ms + offset_ms) for w in result.words)
        self._ear.turn_heard(HeardTurn(turn, start_ms, end_ms, result, words, {"stt_ms": waited_ms}))

    async def _text_of(
        self, turn: int, start_ms: int, audio: Audio, ahead: asyncio.Task[Transcript | ProviderError] | None
    ) -> Transcript | ProviderError:
        """The text; from the next ears if the present ones fail, the last error if none works."""
        result = await ahead if ahead is not None else await self._transcribe(audio, turn, start_ms)
        # A text that broke off was told to nobody: the whole turn may be asked for, as after what is retryable.
        if (
            ahead is not None
            and isinstance(result, ProviderError)
            and (result.retryable or isinstance(result, CutShort))
        ):
            result = await self._transcribe(audio, turn, start_ms)
        while isinstance(result, ProviderError) and len(self._ears) > 1:
            self._ears.pop(0)
            self._listen_live()
            self._ear.hearing_failed(turn, start_ms, start_ms, result, f"went on with {self._ears[0].name}")
            result = await self._transcribe(audio, turn, start_ms)
        return result
