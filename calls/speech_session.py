"""One party of ours on one call whose brain hears and speaks for itself: μ-law straight through, both ways.

    receive ─▶ inbox ─▶ tape ─▶ brain ─▶ its events ─▶ Spoken: playout clock, words ─▶ send
                          far end speaks (the brain's own voice activity): `clear`, truncate to what was heard

asyncio only, no Django. The brain works in a task of its own; nothing on the audio path waits for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agents.errors import CutShort, Misconfigured, ProviderError, TimedOut
from agents.ports import (
    Answered,
    Attention,
    DigitPressed,
    FarSpeechStarted,
    FarSpeechStopped,
    FarTranscribed,
    HangUp,
    Note,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SpeechEvent,
    SpeechToSpeech,
    SpeechToText,
    Stimulus,
    TextToSpeech,
    VoiceActivity,
)
from calls import events
from calls.far_turns import FarTurn, FarTurns, lost
from calls.media_session import (
    MediaSession,
    SessionConfig,
    Sink,
    close_all,
    failure,
    hung_up,
)
from calls.person import Witness
from calls.spoken import Spoken
from calls.states import Ending

KEEP_MS: Final = 2_000
# Voice activity that hears the same audio again needs some of the air before it.
LEAD_IN_MS: Final = 400
# How long the text of the far end's last words is waited for when the call is over.
LAST_WORDS_S: Final = 3.0
LINE_NOT_SAID: Final = "an operator's line was not said"


@dataclass(slots=True)
class SpeechProviders:
    """The first brain is used, the others stand in for it, in order; the voices only apologise for dead ones and say
    what an operator types. Ears and their sense of speech write down what is said once a person has taken over."""

    brains: list[SpeechToSpeech]
    voices: list[TextToSpeech]
    ears: list[SpeechToText] = field(default_factory=list)
    activity: VoiceActivity | None = None


class SpeechSession(MediaSession):
    """See the module."""

    def __init__(
        self,
        config: SessionConfig,
        providers: SpeechProviders,
        *,
        send: Callable[[str], None],
        sink: Sink,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(
            config, providers.voices, providers.ears, providers.activity, send=send, sink=sink, monotonic=monotonic
        )
        self._providers = providers
        self._to_close: list[object] = [*providers.brains, *providers.voices, *providers.ears]
        self._spoken = Spoken(config.side, self._speaker, self, truncate=self._truncate)
        self._far = FarTurns()
        self._all_told = asyncio.Event()
        self._is_connected = self._was_connected = False
        self._origin_ms = 0  # where on the call's clock the present brain's begins
        self._limit: asyncio.Timeout | None = None
        self._awaits_reply = False
        self._asked_at = 0.0
        self._hang_up: str | None = None
        self._talking: asyncio.Task[None] | None = None
        self._line: asyncio.Task[None] | None = None  # of an operator's, being said
        self._far_witness: Witness | None = None

    @property
    def _brain(self) -> SpeechToSpeech:
        return self._providers.brains[0]

    # --- The audio path: nothing below waits --------------------------------------------------------------------------
    def _listen(self, payload: bytes, timestamp_ms: int) -> None:
        added = self._tape.append(payload, timestamp_ms)
        if self._far_witness is not None:
            self._far_witness.hear(payload, timestamp_ms)
        if self._is_connected:
            self._brain.push(added)
            self._tape.forget(self._wanted_from_ms)

    @property
    def _wanted_from_ms(self) -> int:
        first_ms = self._far.first_wanted_ms
        recent_ms = self.now_ms - KEEP_MS
        return max(0, recent_ms if first_ms is None else min(recent_ms, first_ms - LEAD_IN_MS))

    def _press(self, digit: str) -> None:
        self._cut()
        self._tell(DigitPressed(digit))

    def _tell(self, stimulus: Stimulus) -> None:
        if self._is_connected and self._hang_up is None and self._brain.tell(stimulus):
            self._expect_reply(True)

    def _truncate(self, item: str, played_ms: int) -> None:
        if self._is_connected:
            self._brain.truncate(item, played_ms)

    def _proceed(self) -> None:
        self._spoken.tick()
        if self._hang_up is not None and not self._spoken.is_speaking:
            self.end(hung_up(self.config.side), self._hang_up)

    @property
    def far_end_has_it(self) -> bool:
        return self._far.speaking is not None

    @property
    def _may_tell(self) -> bool:
        return self._is_connected and not self._awaits_reply and not self._spoken.is_speaking

    @property
    def _attention(self) -> Attention:
        return self._brain.attention

    # --- The brain ----------------------------------------------------------------------------------------------------
    def _start(self, tasks: asyncio.TaskGroup) -> "asyncio.Task[None]":
        self._talking = tasks.create_task(self._talk())
        return self._talking

    async def _talk(self) -> None:
        """With the first brain that works; when the last one is dead, say so if there is a voice, and end the call."""
        while True:
            try:
                await self._converse(self._brain)
            except ProviderError as error:
                self._is_connected = False
                self._all_told.set()
                if self.ending is not None:
                    return
                self._spoken.abandon()
                if len(self._providers.brains) == 1:
                    await self._give_up(error)
                    return
                self._providers.brains.pop(0)
                self._tell_failure("brain", error, f"went on with {self._brain.name}")

    async def _converse(self, brain: SpeechToSpeech) -> None:
        """Until cancelled. Raises ProviderError."""
        try:
            async with asyncio.timeout(self.config.timeout_s):
                await brain.open()
            self._connect(brain)
            async with asyncio.timeout(None) as self._limit:
                async for event in brain.events():
                    self._happened(event)
                    self._set_limit()
        except TimeoutError:
            message = f"The brain gave nothing within {self.config.timeout_s:g} s."
            raise TimedOut(message, provider=brain.name) from None
        raise CutShort("The brain ended the conversation.", provider=brain.name)

    def _connect(self, brain: SpeechToSpeech) -> None:
        """Let it hear what was said before it was there and is not answered yet."""
        if self._was_connected:
            first_ms = self._far.first_wanted_ms
            self._origin_ms = self.now_ms if first_ms is None else max(0, first_ms - LEAD_IN_MS)
        self._is_connected = self._was_connected = True
        if self._greeted and self._far.first_wanted_ms is None and not self._turns:
            self._tell(Answered())
        if said := self._tape.cut(self._origin_ms, self.now_ms):
            brain.push(said)
        if self._far.speaking is not None:
            self._far.speaking = None  # this brain will hear it begin again

    def _expect_reply(self, expected: bool) -> None:
        if expected and not self._awaits_reply:
            self._asked_at = self._monotonic()
        self._awaits_reply = expected
        self._set_limit()

    def _set_limit(self) -> None:
        """A reply that is awaited, or goes on, must not stall."""
        if self._limit is not None and not self._limit.expired():
            loop = asyncio.get_running_loop()
            self._limit.reschedule(loop.time() + self.config.timeout_s if self._awaits_reply else None)

    def _happened(self, event: SpeechEvent) -> None:
        match event:
            case FarSpeechStarted(at_ms, item):
                self._far_began(self._origin_ms + at_ms, item)
            case FarSpeechStopped(at_ms):
                self._far_stopped(self._origin_ms + at_ms)
            case FarTranscribed():
                self._transcribed(event)
            case ReplyAudio(item, mulaw):
                self._say(item, mulaw)
            case ReplyText(item, text):
                self._goes_on()
                self._spoken.words(item, text)
            case ReplyEnded(item, text, cut):
                # A reply that was cut for what we told the brain is followed by another one.
                self._awaits_reply = self._awaits_reply and cut
                self._spoken.ended(item, text)
            case Note(name, data):
                self._note(name, data)
            case HangUp(reason):
                self._hang_up, self._awaits_reply = reason, False

    def _say(self, item: str, mulaw: bytes) -> None:
        if self._hang_up is not None:
            return  # an answer to what was said over the goodbye
        self._goes_on()
        waited_ms = round(1000 * (self._monotonic() - self._asked_at), 1)
        self._spoken.sound(item, mulaw, {"brain_first_audio_ms": waited_ms} if self._asked_at else {})
        self._far.answered()

    def _goes_on(self) -> None:
        # What still comes of a reply while the far end speaks is cut: nothing has to follow.
        self._awaits_reply = self._far.speaking is None

    def _note(self, name: str, data: dict[str, object]) -> None:
        self.emit(events.Noted(at_ms=self.now_ms, side=self.config.side, name=name, data=data))
        match name:
            case "tool_called":
                self._awaits_reply = False  # functions have time limits of their own
            case "tool_answered":
                self._awaits_reply = True
            case "transcription_failed":
                if (turn := self._far.of_item(str(data.get("item", "")))) is not None:
                    self._tell_lost(turn)

    # --- The far end --------------------------------------------------------------------------------------------------
    def _far_began(self, at_ms: int, item: str) -> None:
        known = self._far.known(at_ms)
        turn = self._far.begin(at_ms, item, self.new_turn() if known is None else None)
        self._greeted, self._awaits_reply = True, False
        self.emit(events.SpeechStarted(at_ms=at_ms, side=self.config.side.other, turn=turn.turn))
        if self._hang_up is None:
            self._cut()

    def _far_stopped(self, at_ms: int) -> None:
        if (turn := self._far.stop(at_ms, self._monotonic())) is not None:
            self.emit(events.SpeechStopped(at_ms=at_ms, side=self.config.side.other, turn=turn.turn))
        self._asked_at, self._awaits_reply = self._monotonic(), self._hang_up is None

    def _transcribed(self, event: FarTranscribed) -> None:
        turn = self._far.of_item(event.item)
        if turn is None:
            return  # a turn that was told before: another brain heard it again
        turn.item, turn.text = event.item, event.text
        side = self.config.side.other
        if event.final:
            self._tell_turn(turn, event.language)
        else:
            self.emit(
                events.PartialTranscribed(
                    at_ms=self.now_ms, side=side, turn=turn.turn, text=event.text, start_ms=turn.start_ms
                )
            )

    def _tell_turn(self, turn: FarTurn, language: str = "") -> None:
        waited_ms = round(1000 * (self._monotonic() - turn.stopped_at), 1) if turn.stopped_at else 0.0
        self._told(turn)
        self.emit(
            events.TurnTranscribed(
                at_ms=self.now_ms,
                side=self.config.side.other,
                turn=turn.turn,
                text=turn.text,
                start_ms=turn.start_ms,
                end_ms=self.now_ms if turn.end_ms is None else turn.end_ms,
                language=language,
                latencies={"stt_ms": waited_ms},
            )
        )

    def _tell_lost(self, turn: FarTurn) -> None:
        self._told(turn)
        error = CutShort("A turn was heard and answered, but not written down.", provider=self._brain.name)
        end_ms = self.now_ms if turn.end_ms is None else turn.end_ms
        self._tell_failure("ears", error, lost(turn.start_ms, end_ms))

    def _told(self, turn: FarTurn) -> None:
        self._far.told(turn)
        if not self._far.untold:
            self._all_told.set()

    # --- People -------------------------------------------------------------------------------------------------------
    def _say_line(self, text: str) -> None:
        """By a voice, not by the brain, which does not learn of it."""
        assert self._tasks is not None
        self._cut()
        if self._speaker.voice_name == "none":
            error = Misconfigured("There is no voice beside the brain's own: set KLIX_VOICE.", provider="none")
            self._tell_failure("voice", error, LINE_NOT_SAID)
            return
        self._line = self._tasks.create_task(self._say_with_voice(text, LINE_NOT_SAID))

    async def _say_with_voice(self, text: str, failed: str) -> None:
        try:
            await self._speaker.say(text, self._spoken.reply, self._spoken.said)
        except ProviderError as error:
            self._tell_failure("voice", error, failed)
            self._spoken.drop_unsaid()

    def _cut(self) -> None:
        """Stop what is being said, whoever says it."""
        if self._line is not None:
            self._line.cancel()
            self._line = None
        self._spoken.cut()
        self._spoken.drop_unsaid()

    def _fall_silent(self) -> None:
        self._cut()
        self._is_connected, self._awaits_reply, self._hang_up = False, False, None
        if self._talking is not None:
            self._talking.cancel()
        self._all_told.set()
        self._far_witness = self._witness(self.config.side.other)

    # --- Ending -------------------------------------------------------------------------------------------------------
    async def _give_up(self, error: ProviderError) -> None:
        can_speak = bool(self.config.apology) and self._speaker.voice_name not in ("none", error.provider)
        self._tell_failure("call", error, "apologised and ended the call" if can_speak else "ended the call")
        if can_speak:
            await self._apologise()
        self.end(Ending.PROVIDER_FAILED, error.message)

    async def _apologise(self) -> None:
        """Said to its end: there is nobody left whom the far end could interrupt."""
        await self._say_with_voice(self.config.apology, "could not apologise")
        await self._spoken.played.wait()

    async def _finish(self) -> None:
        self._spoken.finish()
        self._speaker.playback.clear(self.now)
        self._flush()
        if self._is_connected:
            if self._far.untold:
                await self._last_words()
            await self._tell_last_notes(self._brain)
        for turn in self._far.untold:
            if turn.text:
                self._tell_turn(turn)
            else:
                self._tell_lost(turn)

    async def _last_words(self) -> None:
        if self._far.speaking is not None:
            self._brain.commit()
            self._far_stopped(self.now_ms)
        self._all_told.clear()
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._all_told.wait()
        except TimeoutError:
            return

    async def aclose(self) -> None:
        await close_all(self._to_close)

    def _tell_failure(self, capability: str, error: ProviderError, outcome: str) -> None:
        self.emit(failure(self.now_ms, self.config.side, capability, error, outcome))
