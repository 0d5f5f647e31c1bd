"""One party of ours on one call: ears, brain and voice around a media stream. asyncio only, no Django.

    receive ─▶ inbox ─▶ Listener ─▶ turns ─▶ Conversation: brain ─▶ sentences ─▶ Speaker ─▶ send
    (sync, bounded)        │ speech while we speak: cut the reply, `clear`, keep what was heard

The clock is the inbound audio: samples counted. `receive` and all that it causes before the next task runs is the audio
path; nothing in it waits. Providers run in tasks; every task belongs to the session's TaskGroup.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agents.errors import ProviderError
from agents.ports import (
    Answered,
    Brain,
    DigitPressed,
    FarSpeaking,
    Heard,
    Silence,
    SpeechToText,
    TextToSpeech,
    VoiceActivity,
)
from calls import events
from calls.conversation import Conversation, failure, hung_up
from calls.listener import HeardTurn, Listener
from calls.playback import SAMPLES_PER_MS
from calls.speaker import Speaker
from calls.states import Ending, Side
from calls.telephony import protocol
from calls.turns.detector import TurnRules

INBOX_MESSAGES = 1_000  # 20 s of frames: a loop that is so late is not coming back
FLUSH_MS = 200
# A call that we placed: the one who picks up speaks first; if they do not, we do.
GREETING_WAIT_MS = 2_500
# Ears that fail for so many turns in a row are not going to hear the next one.
DEAF_TURNS = 2


@dataclass(frozen=True, slots=True)
class SessionConfig:
    side: Side
    call_sid: str
    stream_sid: str
    placed_by_us: bool = False
    language: str = ""
    keywords: tuple[str, ...] = ()
    endpointing_ms: int = 600
    barge_in_ms: int = 96
    max_call_ms: int = 600_000
    max_silence_ms: int = 30_000
    lead_ms: int | None = None  # None: all audio is handed to the exchange at once
    timeout_s: float = 8.0
    apology: str = ""  # spoken before a call ends because a provider failed


class Sink(Protocol):
    """Where everything goes that happens. Neither call may wait."""

    def event(self, event: events.CallEvent) -> None: ...

    def audio(self, far: bytes, own: bytes) -> None:
        """The next stretch of both channels: μ-law, of equal length, from the stream's start on without a gap."""
        ...


@dataclass(slots=True)
class Providers:
    """What plays this party; of each role the first is used and the others stand in for it, in order."""

    ears: list[SpeechToText]
    voices: list[TextToSpeech]
    brains: list[Brain]
    activity: VoiceActivity


class CallSession:
    """See the module. `send` hands one text frame to the media stream; it never waits."""

    def __init__(
        self,
        config: SessionConfig,
        providers: Providers,
        *,
        send: Callable[[str], None],
        sink: Sink,
        monotonic: Callable[[], float],
    ) -> None:
        self.config = config
        self.ending: Ending | None = None
        self.detail = ""
        self._providers = providers
        self._sink = sink
        self._monotonic = monotonic
        self._inbox: deque[protocol.Message] = deque()
        self._drain_is_due = False
        self._dropped = 0
        self._rejected: Counter[str] = Counter()
        self._over = asyncio.Event()
        self._turns = 0
        self._unanswered: list[str] = []
        self._deaf_turns = 0
        self._greeted = not config.placed_by_us
        self._active_ms = 0  # when somebody last spoke
        self._told_silence_ms = 0
        self._told_speaking = False
        self._flushed_ms = 0
        self._listener: Listener | None = None
        self._speaker = Speaker(
            providers.voices,
            stream_sid=config.stream_sid,
            clock=lambda: self.now,
            monotonic=monotonic,
            send=send,
            lead_ms=config.lead_ms,
            timeout_s=config.timeout_s,
        )
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
    def now(self) -> int:
        """Samples since the stream's start."""
        return self._listener.tape.length if self._listener else 0

    @property
    def now_ms(self) -> int:
        return self.now // SAMPLES_PER_MS

    @property
    def far_end_has_it(self) -> bool:
        return self._listener is not None and (self._listener.is_speaking or self._listener.pending > 0)

    def new_turn(self) -> int:
        turn, self._turns = self._turns, self._turns + 1
        return turn

    def emit(self, event: events.CallEvent) -> None:
        self._sink.event(event)

    def end(self, ending: Ending, detail: str = "") -> None:
        """The call is over; the first reason counts."""
        if self.ending is None:
            self.ending, self.detail = ending, detail
            self._over.set()

    # --- The audio path: nothing below waits --------------------------------------------------------------------------
    def receive(self, message: protocol.Message) -> None:
        """A message from the exchange. Bounded: what a stalled loop cannot take is dropped and counted."""
        if len(self._inbox) >= INBOX_MESSAGES:
            self._dropped += 1
            return
        self._inbox.append(message)
        if not self._drain_is_due and self._listener is not None:
            self._drain_is_due = True
            asyncio.get_running_loop().call_soon(self._drain)

    def reject(self, reason: str) -> None:
        """A message came that the protocol does not allow: counted, told at 1, 10, 100…, never obeyed."""
        self._rejected[reason] += 1
        count = self._rejected[reason]
        if str(count).strip("0") == "1":
            self.emit(events.MediaRejected(at_ms=self.now_ms, reason=reason, count=count))

    def _drain(self) -> None:
        self._drain_is_due = False
        while self._inbox and self.ending is None:
            self._take(self._inbox.popleft())
        if self.ending is None:
            self._tick()

    def _take(self, message: protocol.Message) -> None:
        match message:
            case protocol.Media(timestamp_ms, payload):
                self._hear(payload, timestamp_ms)
            case protocol.Mark(name):
                self._speaker.playback.confirm(name, self.now)
            case protocol.Dtmf(digit):
                self._press(digit)
            case protocol.Stop():
                self.end(hung_up(self.config.side.other))
            case protocol.Connected() | protocol.Start():
                self.reject("started twice")

    def _hear(self, payload: bytes, timestamp_ms: int) -> None:
        assert self._listener is not None
        try:
            self._listener.hear(payload, timestamp_ms)
        except ValueError as error:
            self.reject(str(error))

    def _press(self, digit: str) -> None:
        self.emit(events.DigitsPressed(at_ms=self.now_ms, side=self.config.side.other, digits=digit))
        self._active_ms = self.now_ms
        self._conversation.interrupt()
        self._conversation.stimulate(DigitPressed(digit))

    def _tick(self) -> None:
        """What the advanced clock brings due."""
        assert self._listener is not None
        now, now_ms = self.now, self.now_ms
        self._speaker.pump()
        self._conversation.tick()
        if now_ms - self._flushed_ms >= FLUSH_MS:
            self._flush()
        if self._listener.is_speaking:
            self._watch_far_speech(self._listener)
        if self.far_end_has_it or self._speaker.playback.is_playing(now):
            self._active_ms, self._told_silence_ms = now_ms, 0
        else:
            self._watch_silence(now_ms - self._active_ms)
        if now_ms >= self.config.max_call_ms:
            self.end(Ending.MAX_DURATION)

    def _watch_silence(self, silence_ms: int) -> None:
        if silence_ms >= self.config.max_silence_ms:
            self.end(Ending.SILENCE)
        if not self._conversation.is_idle:
            return
        if not self._greeted and silence_ms >= GREETING_WAIT_MS:
            self._greeted = True
            self._conversation.stimulate(Answered())
            return
        wanted_ms = self._conversation.brain.attention.silence_ms
        if wanted_ms is not None and silence_ms >= wanted_ms > self._told_silence_ms:
            self._told_silence_ms = wanted_ms
            self._conversation.stimulate(Silence(silence_ms))

    def _watch_far_speech(self, listener: Listener) -> None:
        if self._told_speaking:
            return
        wanted_ms = self._conversation.brain.attention.speaking_ms
        speaking_ms = listener.speaking_for_ms()
        if wanted_ms is not None and speaking_ms >= wanted_ms and self._conversation.is_idle:
            self._told_speaking = True
            self._conversation.stimulate(FarSpeaking(speaking_ms))

    def _flush(self) -> None:
        assert self._listener is not None
        self._flushed_ms = self.now_ms
        if far := self._listener.tape.take():
            self._sink.audio(far, self._speaker.playback.render(self.now))

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
            self.end(Ending.PROVIDER_FAILED, error.message)
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
    async def run(self) -> Ending:
        """Talk until the call is over; returns how it ended. Everything said by then has been told to the sink."""
        async with asyncio.TaskGroup() as tasks:
            self._listener = self._new_listener(tasks)
            self.emit(events.StreamStarted(at_ms=0, call_sid=self.config.call_sid, stream_sid=self.config.stream_sid))
            if self._greeted:
                self._conversation.stimulate(Answered())
            conversation = tasks.create_task(self._conversation.run(tasks))
            self._drain()
            await self._over.wait()
            conversation.cancel()
            self._finish(self._listener)
        await self._conversation.aclose()
        assert self.ending is not None
        self.emit(events.StreamEnded(at_ms=self.now_ms, ending=self.ending, detail=self.detail))
        return self.ending

    def _new_listener(self, tasks: asyncio.TaskGroup) -> Listener:
        return Listener(
            self._providers.ears,
            self._providers.activity,
            self,
            rules=TurnRules(begin_ms=self.config.barge_in_ms, end_ms=self.config.endpointing_ms),
            new_turn=self.new_turn,
            tasks=tasks,
            monotonic=self._monotonic,
            language=self.config.language,
            keywords=self.config.keywords,
            timeout_s=self.config.timeout_s,
        )

    def _finish(self, listener: Listener) -> None:
        """Keep what was said so far: our cut reply, the far end's open turn, the last audio, the counts."""
        self._conversation.finish()
        self._speaker.playback.clear(self.now)
        self._flush()
        listener.finish()
        if self._dropped:
            self.emit(events.QueueOverflowed(at_ms=self.now_ms, queue="inbox", dropped=self._dropped))
        if drift_ms := self._speaker.playback.drift_ms:
            data: dict[str, object] = {"drift_ms": drift_ms}
            self.emit(events.Noted(at_ms=self.now_ms, side=self.config.side, name="PlayoutDrift", data=data))
