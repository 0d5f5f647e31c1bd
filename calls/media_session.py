"""What every party of ours on a media stream has: an inbox, the call's clock, both channels, and one way to end.

The clock is the inbound audio: samples counted. `receive` and all that it causes before the next task runs is the audio
path; nothing in it waits. asyncio only, no Django.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from agents.errors import ProviderError
from agents.ports import (
    Answered,
    Attention,
    CallsFunctions,
    Silence,
    SpeechToText,
    Stimulus,
    TextToSpeech,
    VoiceActivity,
)
from calls import events
from calls.line_meter import LineMeter
from calls.listener import Ear, Listener
from calls.person import Microphone, Witness
from calls.playback import SAMPLES_PER_MS
from calls.speaker import Speaker
from calls.states import Ending, Side
from calls.tape import Tape
from calls.telephony import protocol
from calls.turns.detector import TurnRules

INBOX_MESSAGES: Final = 1_000  # 20 s of frames: a loop that is so late is not coming back
FLUSH_MS: Final = 200
# While a person speaks for us: what the far end says must reach them soon.
PERSON_FLUSH_MS: Final = 60
# A call that we placed: the one who picks up speaks first; if they do not, we do.
GREETING_WAIT_MS: Final = 2_500


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


class MediaSession(ABC):
    """See the module. A subclass hears, thinks and speaks in what is abstract here.

    `voices`: the first speaks, the others stand in for it. `send` hands one text frame to the media stream; it never
    waits.
    """

    def __init__(
        self,
        config: SessionConfig,
        voices: list[TextToSpeech],
        ears: list[SpeechToText],
        activity: VoiceActivity | None,
        *,
        send: Callable[[str], None],
        sink: Sink,
        monotonic: Callable[[], float],
    ) -> None:
        self.config = config
        self._ears = ears
        self._activity = activity
        self.ending: Ending | None = None
        self.detail = ""
        self._tape = Tape()
        self._meter = LineMeter()
        self._speaker = Speaker(
            voices,
            stream_sid=config.stream_sid,
            clock=lambda: self.now,
            monotonic=monotonic,
            send=send,
            lead_ms=config.lead_ms,
            timeout_s=config.timeout_s,
        )
        self._sink = sink
        self._monotonic = monotonic
        self._inbox: deque[protocol.Message] = deque()
        self._is_running = False
        self._drain_is_due = False
        self._dropped = 0
        self._rejected: Counter[str] = Counter()
        self._over = asyncio.Event()
        self._turns = 0
        self._greeted = not config.placed_by_us
        self._active_ms = 0  # when somebody last spoke
        self._told_silence_ms = 0
        self._flushed_ms = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._microphone: Microphone | None = None
        self._witnesses: list[Witness] = []

    # --- The clock and the end ----------------------------------------------------------------------------------------
    @property
    def now(self) -> int:
        """Samples since the stream's start."""
        return self._tape.length

    @property
    def now_ms(self) -> int:
        return self.now // SAMPLES_PER_MS

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

    def lost(self) -> None:
        """The websocket closed. What came before that counts first: a `stop` says who hung up."""
        if self._is_running:
            self._drain()
        self.end(Ending.CONNECTION_LOST)

    # --- The audio path: nothing below waits --------------------------------------------------------------------------
    def receive(self, message: protocol.Message) -> None:
        """A message from the exchange. Bounded: what a stalled loop cannot take is dropped and counted."""
        if len(self._inbox) >= INBOX_MESSAGES:
            self._dropped += 1
            return
        self._inbox.append(message)
        if not self._drain_is_due and self._is_running:
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
                self.emit(events.DigitsPressed(at_ms=self.now_ms, side=self.config.side.other, digits=digit))
                self._active_ms = self.now_ms
                self._press(digit)
            case protocol.Stop():
                self.end(hung_up(self.config.side.other))
            case protocol.Connected() | protocol.Start():
                self.reject("started twice")

    def _hear(self, payload: bytes, timestamp_ms: int) -> None:
        try:
            self._listen(payload, timestamp_ms)
        except ValueError as error:
            self.reject(str(error))
        else:
            self._meter.arrived(timestamp_ms, len(payload), self._monotonic())

    def _flush_when_due(self) -> None:
        if self.now_ms - self._flushed_ms >= (FLUSH_MS if self._microphone is None else PERSON_FLUSH_MS):
            self._flush()

    def _tick(self) -> None:
        """What the advanced clock brings due."""
        now, now_ms = self.now, self.now_ms
        self._speaker.pump()
        self._proceed()
        self._flush_when_due()
        if self.far_end_has_it or self._speaker.playback.is_playing(now):
            self._active_ms, self._told_silence_ms = now_ms, 0
        else:
            self._watch_silence(now_ms - self._active_ms)
        if now_ms >= self.config.max_call_ms:
            self.end(Ending.MAX_DURATION)

    def _watch_silence(self, silence_ms: int) -> None:
        """Nobody speaks: greet whoever picked up and waits, tell a brain that wants to know, or end the call."""
        if silence_ms >= self.config.max_silence_ms:
            self.end(Ending.SILENCE)
        if not self._may_tell:
            return
        if not self._greeted:
            if silence_ms >= GREETING_WAIT_MS:
                self._greeted = True
                self._tell(Answered())
            return
        wanted_ms = self._attention.silence_ms
        if wanted_ms is not None and silence_ms >= wanted_ms > self._told_silence_ms:
            self._told_silence_ms = wanted_ms
            self._tell(Silence(silence_ms))

    def _flush(self) -> None:
        self._flushed_ms = self.now_ms
        if far := self._tape.take():
            self._sink.audio(far, self._speaker.playback.render(self.now))

    # --- People -------------------------------------------------------------------------------------------------------
    def dictate(self, text: str) -> None:
        """An operator's line: said at once, in place of what we are saying."""
        if self._is_running and self.ending is None and self._microphone is None:
            self.emit(events.Noted(at_ms=self.now_ms, side=self.config.side, name=events.DICTATED, data={"text": text}))
            self._say_line(text)

    def hand_over(self) -> None:
        """From now on a person speaks for us (`person_says`), and nothing of ours does. Harmless when repeated."""
        if not self._is_running or self.ending is not None or self._microphone is not None:
            return
        self.emit(events.Noted(at_ms=self.now_ms, side=self.config.side, name=events.HANDED_OVER))
        self._fall_silent()
        self._microphone = Microphone(self._speaker, self, self._witness(self.config.side))

    def person_says(self, payload: bytes) -> None:
        """μ-law from the person's microphone."""
        if self._microphone is not None and self.ending is None:
            self._active_ms = self.now_ms
            self._microphone.says(payload)

    def _witness(self, side: Side) -> Witness | None:
        """One who writes down what `side` says from now on; None without ears."""
        if not self._ears:
            return None
        witness = Witness(side, self, self.now_ms, lambda ear: self._new_listener(ear, Tape()))
        self._witnesses.append(witness)
        return witness

    def _new_listener(self, ear: Ear, tape: Tape) -> Listener:
        """Each has a list of ears of its own: it drops from it those that fail."""
        assert self._tasks is not None
        assert self._activity is not None
        return Listener(
            list(self._ears),
            self._activity,
            ear,
            tape=tape,
            rules=TurnRules(begin_ms=self.config.barge_in_ms, end_ms=self.config.endpointing_ms),
            new_turn=self.new_turn,
            tasks=self._tasks,
            monotonic=self._monotonic,
            language=self.config.language,
            keywords=self.config.keywords,
            timeout_s=self.config.timeout_s,
        )

    # --- What a subclass does -----------------------------------------------------------------------------------------
    @abstractmethod
    def _say_line(self, text: str) -> None:
        """An operator's line, spoken now."""

    @abstractmethod
    def _fall_silent(self) -> None:
        """A person takes our part: stop, and say nothing any more."""

    @abstractmethod
    def _start(self, tasks: asyncio.TaskGroup) -> "asyncio.Task[None]":
        """Begin to talk; the task is cancelled when the call is over."""

    @abstractmethod
    def _listen(self, payload: bytes, timestamp_ms: int) -> None:
        """One frame of inbound audio, which goes onto the tape. Raises ValueError for a time that cannot be."""

    @abstractmethod
    def _press(self, digit: str) -> None: ...

    @abstractmethod
    def _proceed(self) -> None:
        """The clock advanced: look at what we say, and at what the far end says."""

    @property
    @abstractmethod
    def far_end_has_it(self) -> bool:
        """The floor: the far end speaks, or what it said is not answered yet."""

    @property
    @abstractmethod
    def _may_tell(self) -> bool:
        """Whether the brain has nothing to do, and may be told of silence."""

    @property
    @abstractmethod
    def _attention(self) -> Attention: ...

    @abstractmethod
    def _tell(self, stimulus: Stimulus) -> None:
        """Something happened that the brain may answer."""

    async def _tell_last_notes(self, brain: object) -> None:
        """What functions answered, or did not, after the last reply."""
        if isinstance(brain, CallsFunctions):
            for note in await brain.last_notes():
                self.emit(events.Noted(at_ms=self.now_ms, side=self.config.side, name=note.name, data=note.data))

    @abstractmethod
    async def _finish(self) -> None:
        """The call is over: cut what we say, and keep what the far end was saying."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the providers, once `run` is over. A dead one takes its time: nobody on the line waits for it."""

    # --- The whole ----------------------------------------------------------------------------------------------------
    async def run(self) -> Ending:
        """Talk until the call is over; returns how it ended. Everything said by then has been told to the sink."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self.emit(events.StreamStarted(at_ms=0, call_sid=self.config.call_sid, stream_sid=self.config.stream_sid))
            talking = self._start(tasks)
            self._is_running = True
            self._drain()
            await self._over.wait()
            await self._finish()
            for witness in self._witnesses:
                witness.finish()
            talking.cancel()
            self._tell_counts()
        assert self.ending is not None
        self.emit(events.StreamEnded(at_ms=self.now_ms, ending=self.ending, detail=self.detail))
        return self.ending

    def _tell_counts(self) -> None:
        meter = self._meter
        if meter.expected:
            self.emit(
                events.LineMeasured(
                    at_ms=self.now_ms,
                    side=self.config.side.other,
                    expected=meter.expected,
                    lost=meter.lost,
                    jitter_ms=meter.jitter_ms,
                )
            )
        if self._dropped:
            self.emit(events.QueueOverflowed(at_ms=self.now_ms, queue="inbox", dropped=self._dropped))
        if drift_ms := self._speaker.playback.drift_ms:
            data: dict[str, object] = {"drift_ms": drift_ms}
            self.emit(events.Noted(at_ms=self.now_ms, side=self.config.side, name="PlayoutDrift", data=data))


async def close_all(providers: list[object]) -> None:
    """Of ears, voices and brains those that hold something open, all at once."""
    closing = [close() for provider in providers if (close := getattr(provider, "aclose", None)) is not None]
    for outcome in await asyncio.gather(*closing, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, ProviderError):
            raise outcome


def failure(at_ms: int, side: Side, capability: str, error: ProviderError, outcome: str) -> events.ProviderFailed:
    return events.ProviderFailed(
        at_ms=at_ms, side=side, capability=capability, provider=error.provider, message=error.message, outcome=outcome
    )


def hung_up(side: Side) -> Ending:
    return Ending.AGENT_HUNG_UP if side is Side.AGENT else Ending.CALLER_HUNG_UP
