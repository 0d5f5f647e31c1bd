"""The far end of a media stream in tests: plays what a session sends, on the clock of the frames it feeds."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np

from agents.ports import Samples
from agents.providers.scripted import ScriptedActivity, ScriptedBrain, ScriptedEars, ScriptedVoice
from calls.audio import mulaw
from calls.events import CallEvent
from calls.media_session import MediaSession
from calls.session import CallSession, Providers, SessionConfig
from calls.states import Ending, Side
from calls.telephony import protocol

FRAME = protocol.FRAME_BYTES
Event = TypeVar("Event", bound=CallEvent)


def speech(ms: int) -> Samples:
    """Sound that the scripted voice activity takes for speech."""
    tone: Samples = (6000 * np.sin(2 * np.pi * 300 / 8000 * np.arange(8 * ms))).astype(np.int16)
    return tone


class Sink:
    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.far, self.own = b"", b""

    def event(self, event: CallEvent) -> None:
        self.events.append(event)

    def audio(self, far: bytes, own: bytes) -> None:
        assert len(far) == len(own)
        self.far += far
        self.own += own

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class Line:
    """One session on a line whose time is frames fed. Use as an async context manager."""

    def __init__(
        self,
        *,
        brain: ScriptedBrain | None = None,
        brains: list[ScriptedBrain] | None = None,
        ears: list[ScriptedEars] | None = None,
        voices: list[ScriptedVoice] | None = None,
        side: Side = Side.AGENT,
        **config: object,
    ) -> None:
        self.sink = Sink()
        self.brain = brain or ScriptedBrain()
        self.sent: list[str] = []
        self.now_ms = 0
        self.clears = 0
        self.echo_marks = True
        self._queue_end_ms = 0.0
        self._marks: list[tuple[float, str]] = []
        self.played = bytearray()
        settings = SessionConfig(side=side, call_sid="CA" + "0" * 32, stream_sid="MZ1", **config)  # type: ignore[arg-type]
        providers = Providers(
            list(ears or [ScriptedEars(["hello"], repeat=True)]),
            list(voices or [ScriptedVoice()]),
            list(brains or [self.brain]),
            ScriptedActivity(),
        )
        loop = asyncio.get_event_loop()
        self.session: MediaSession = CallSession(
            settings, providers, send=self._on_send, sink=self.sink, monotonic=loop.time
        )

    async def __aenter__(self) -> "Line":
        self._run = asyncio.create_task(self.session.run())
        await settle()
        return self

    async def __aexit__(self, *error: object) -> None:
        if not self._run.done():
            self.session.end(Ending.CONNECTION_LOST)
        if error[0] is None:
            await self._run
        else:
            self._run.cancel()

    async def ended(self) -> Ending:
        return await self._run

    @property
    def is_over(self) -> bool:
        return self.session.ending is not None

    def _on_send(self, text: str) -> None:
        self.sent.append(text)
        match protocol.parse_command(text, "MZ1"):
            case protocol.PlayMedia(payload):
                self._queue_end_ms = max(self._queue_end_ms, self.now_ms) + len(payload) / 8
            case protocol.PlayMark(name):
                self._marks.append((self._queue_end_ms, name))
            case protocol.Clear():
                self.clears += 1
                self._queue_end_ms = self.now_ms
                self._marks = [(self.now_ms, name) for _, name in self._marks]

    @property
    def is_playing(self) -> bool:
        return self._queue_end_ms > self.now_ms

    async def frame(self, samples: Samples) -> None:
        """20 ms of the far end's audio."""
        self.session.receive(protocol.Media(self.now_ms, mulaw.encode(samples)))
        self.now_ms += protocol.FRAME_MS
        due = [name for at_ms, name in self._marks if at_ms <= self.now_ms]
        self._marks = [(at_ms, name) for at_ms, name in self._marks if at_ms > self.now_ms]
        if self.echo_marks:
            for name in due:
                self.session.receive(protocol.Mark(name))
        await settle()

    async def say(self, ms: int) -> None:
        sound = speech(ms)
        for start in range(0, len(sound), FRAME):
            await self.frame(sound[start : start + FRAME])

    async def silence(self, ms: int) -> None:
        for _ in range(ms // protocol.FRAME_MS):
            if self.is_over:
                return
            await self.frame(np.zeros(FRAME, np.int16))

    async def until(self, done: Callable[[], object], *, within_ms: int = 60_000) -> None:
        """Silence from the far end until something holds; fails when it does not within the time."""
        limit = self.now_ms + within_ms
        while not done():
            assert self.now_ms < limit, f"not within {within_ms} ms; events: {self.sink.events}"
            await self.frame(np.zeros(FRAME, np.int16))

    async def until_quiet(self) -> None:
        await self.until(lambda: not self.is_playing)
        await self.silence(40)


async def settle(rounds: int = 30) -> None:
    """Let every task that can run do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)


def never() -> Callable[[], Awaitable[object]]:
    """A gate that stays shut."""
    return asyncio.Event().wait
