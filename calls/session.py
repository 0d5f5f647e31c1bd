"""One party of ours on one call: ears, brain and voice around a media stream. asyncio only, no Django.

    receive ─▶ inbox ─▶ Listener ─▶ turns ─▶ Conversation: brain ─▶ sentences ─▶ Speaker ─▶ send
    (sync, bounded)        │ speech while we speak: cut the reply, `clear`, keep what was heard

Inbox, clock and endings are `media_session`'s. Providers run in tasks; every task belongs to the session's TaskGroup.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agents.errors import ProviderError
from agents.ports import (
    Answered,
    Attention,
    Brain,
    DigitPressed,
    FarSpeaking,
    Heard,
    SpeechToText,
    Stimulus,
    TextToSpeech,
    VoiceActivity,
)
from calls import events
from calls.conversation import Conversation
from calls.listener import HeardTurn, Listener
from calls.media_session import (
    INBOX_MESSAGES,
    MediaSession,
    SessionConfig,
    Sink,
    close_all,
    failure,
)

__all__ = ["INBOX_MESSAGES", "CallSession", "Providers", "SessionConfig"]

# Ears that fail for so many turns in a row are not going to hear the next one.
DEAF_TURNS = 2


@dataclass(slots=True)
class Providers:
    """What plays this party; of each role the first is used and the others stand in for it, in order."""

    ears: list[SpeechToText]
    voices: list[TextToSpeech]
    brains: list[Brain]
    activity: VoiceActivity


class CallSession(MediaSession):
    """See the module."""

    def __init__(
        self,
        config: SessionConfig,
        providers: Providers,
        *,
        send: Callable[[str], None],
        sink: Sink,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(
            config, providers.voices, providers.ears, providers.activity, send=send, sink=sink, monotonic=monotonic
        )
        self._providers = providers
        # Of those that fail only the brain is closed at once: it alone may still be working.
        self._to_close: list[object] = [*providers.ears, *providers.voices]
        self._unanswered: list[str] = []
        self._deaf_turns = 0
        self._told_speaking = False
        self._listener: Listener | None = None
        self._conversation = Conversation(
            config.side,
            providers.brains,
            self._speaker,
            self,
            monotonic=monotonic,
            timeout_s=config.timeout_s,
            apology=config.apology,
        )

    # --- The conversation's floor -------------------------------------------------------------------------------------
    @property
    def far_end_has_it(self) -> bool:
        return self._listener is not None and (self._listener.is_speaking or self._listener.pending > 0)

    # --- The audio path: nothing below waits --------------------------------------------------------------------------
    def _listen(self, payload: bytes, timestamp_ms: int) -> None:
        assert self._listener is not None
        self._listener.hear(payload, timestamp_ms)

    def _press(self, digit: str) -> None:
        self._conversation.interrupt()
        self._tell(DigitPressed(digit))

    def _tell(self, stimulus: Stimulus) -> None:
        self._conversation.stimulate(stimulus)

    def _proceed(self) -> None:
        assert self._listener is not None
        self._conversation.tick()
        if self._listener.is_speaking:
            self._watch_far_speech(self._listener)

    @property
    def _may_tell(self) -> bool:
        return self._conversation.is_idle

    @property
    def _attention(self) -> Attention:
        return self._conversation.brain.attention

    def _watch_far_speech(self, listener: Listener) -> None:
        if self._told_speaking:
            return
        wanted_ms = self._attention.speaking_ms
        speaking_ms = listener.speaking_for_ms()
        if wanted_ms is not None and speaking_ms >= wanted_ms and self._may_tell:
            self._told_speaking = True
            self._tell(FarSpeaking(speaking_ms))

    # --- The far end (the Listener's Ear) -----------------------------------------------------------------------------
    def speech_began(self, turn: int, at_ms: int) -> None:
        self._told_speaking = False
        self.emit(events.SpeechStarted(at_ms=at_ms, side=self.config.side.other, turn=turn))
        self._conversation.interrupt()

    def speech_ended(self, turn: int, at_ms: int) -> None:
        self.emit(events.SpeechStopped(at_ms=at_ms, side=self.config.side.other, turn=turn))

    def partly_heard(self, turn: int, text: str, start_ms: int) -> None:
        side = self.config.side.other
        self.emit(events.PartialTranscribed(at_ms=self.now_ms, side=side, turn=turn, text=text, start_ms=start_ms))

    def turn_heard(self, heard: HeardTurn) -> None:
        self._deaf_turns = 0
        self._tell_turn(heard)
        self._unanswered.append(heard.transcript.text)
        self._answer_when_the_floor_is_free(heard.transcript.language)

    def hearing_failed(self, turn: int, start_ms: int, end_ms: int, error: ProviderError, outcome: str) -> None:
        self.emit(failure(self.now_ms, self.config.side, "ears", error, outcome))
        if end_ms == start_ms:
            return  # other ears go on with this turn
        self._deaf_turns += 1
        if self._deaf_turns >= DEAF_TURNS or not error.retryable:
            self._conversation.stimulate(error)
        else:
            self._answer_when_the_floor_is_free("")

    def _tell_turn(self, heard: HeardTurn) -> None:
        self.emit(
            events.TurnTranscribed(
                at_ms=self.now_ms,
                side=self.config.side.other,
                turn=heard.turn,
                text=heard.transcript.text,
                start_ms=heard.start_ms,
                end_ms=heard.end_ms,
                language=heard.transcript.language,
                words=heard.words,
                latencies=heard.latencies,
            )
        )

    def _answer_when_the_floor_is_free(self, language: str) -> None:
        if self.far_end_has_it:
            return  # the text of the turn that is going on will bring this one along
        text = " ".join(filter(None, self._unanswered))
        self._unanswered.clear()
        self._greeted = self._greeted or bool(text)
        self._conversation.stimulate(Heard(text, language))

    # --- The whole ----------------------------------------------------------------------------------------------------
    def _start(self, tasks: asyncio.TaskGroup) -> "asyncio.Task[None]":
        self._listener = self._new_listener(self, self._tape)
        if self._greeted:
            self._conversation.stimulate(Answered())
        return tasks.create_task(self._conversation.run(tasks))

    # --- People -------------------------------------------------------------------------------------------------------
    def _say_line(self, text: str) -> None:
        self._conversation.dictate(text)

    def _fall_silent(self) -> None:
        self._conversation.fall_silent()

    async def _finish(self) -> None:
        """Keep what was said so far: our cut reply, the far end's open turn, the last audio."""
        self._conversation.finish()
        self._speaker.playback.clear(self.now)
        self._flush()
        assert self._listener is not None
        self._listener.finish()
        await self._tell_last_notes(self._conversation.brain)

    async def aclose(self) -> None:
        await close_all([*self._to_close, *self._providers.brains])
