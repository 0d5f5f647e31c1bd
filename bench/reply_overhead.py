"""End of turn → first audio frame sent, with instant providers, above the endpointing wait.

One session, fed through the real event loop; the far end says `--turns` turns. Ears, brain, voice and voice activity
are scripted, the endpointing wait is counted in samples and takes no time here. The clock is the wall's: from the
arrival of the frame that completes the endpointing silence to the hand-over of the reply's first media message. The
baseline is the same loop doing nothing but handing a message over from a task that the frame wakes: what asyncio itself
costs here.

Then the same with ears, brain and voice of OpenAI's interfaces (`--double-turns` turns), whose double answers at once,
in a process of its own. The silence comes at its real pace, for the ears work during the wait. "All" is everything
until the frame, with three requests through the official client, their sockets and the double's own work; "own" is
without the time in which Klix waited for text, words or sound.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from agents.providers.openai_client import close_clients, warm_up
from agents.providers.registry import BrainSetup, EarsSetup, make_brain, make_ears, make_voice
from agents.providers.scripted import ScriptedActivity, ScriptedBrain, ScriptedEars, ScriptedVoice
from bench._openai_double import openai_double
from calls.audio import mulaw
from calls.events import CallEvent, ReplyStarted, SpeechStopped, TurnTranscribed
from calls.session import CallSession, Providers, SessionConfig
from calls.states import Ending, Side
from calls.telephony import protocol

SPEECH_MS, WAIT_MS = 400, 600
WAITS: Final = ("stt_ms", "brain_first_sentence_ms", "tts_first_byte_ms")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--double-turns", type=int, default=40)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    ours = asyncio.run(_measure(options.turns, _scripted(options.turns), pause_s=0.001))
    baseline = asyncio.run(_baseline(options.turns))
    replies = [f"This is answer {number}." for number in range(options.double_turns + 1)]
    with openai_double(replies) as endpoint:
        warm_up()
        served = asyncio.run(_measure_served(options.double_turns, endpoint))
    rows = [
        _row("reply overhead", [turn.total_ms for turn in ours]),
        _row("baseline: one task wake-up", baseline),
        _row("through the OpenAI double, own", [turn.own_ms for turn in served]),
        _row("through the OpenAI double, all", [turn.total_ms for turn in served]),
    ]
    figures: dict[str, object] = {
        "n": len(ours),
        "p50_ms": rows[0]["p50 ms"],
        "p95_ms": rows[0]["p95 ms"],
        "baseline_p50_ms": rows[1]["p50 ms"],
        "double_n": len(served),
        "double_own_p50_ms": rows[2]["p50 ms"],
        "double_own_p95_ms": rows[2]["p95 ms"],
        "double_all_p50_ms": rows[3]["p50 ms"],
        "double_all_p95_ms": rows[3]["p95 ms"],
    }
    return rows, figures


def _row(name: str, values: list[float]) -> dict[str, object]:
    p50, p95, worst = (float(np.percentile(values, q)) for q in (50, 95, 100))
    return {"what": name, "n": len(values), "p50 ms": p50, "p95 ms": p95, "max ms": worst}


@dataclass(frozen=True, slots=True)
class _Turn:
    total_ms: float
    provided_ms: float

    @property
    def own_ms(self) -> float:
        return max(0.0, self.total_ms - self.provided_ms)


@dataclass(slots=True)
class _Sink:
    """Notes which frame ended the turn (more may come before the answer does), and what was waited for."""

    fed_at: float = 0.0
    ended_at: float = 0.0
    latencies: dict[str, float] = field(default_factory=dict)

    def event(self, event: CallEvent) -> None:
        if isinstance(event, SpeechStopped):
            self.ended_at = self.fed_at
        if isinstance(event, TurnTranscribed | ReplyStarted):
            self.latencies |= event.latencies

    def provided_ms(self) -> float:
        return sum(self.latencies.pop(name, 0.0) for name in WAITS)

    def audio(self, far: bytes, own: bytes) -> None:
        pass


class _Wire:
    """Notes when the first media message of each reply is handed over."""

    def __init__(self) -> None:
        self.first_at = 0.0

    def send(self, text: str) -> None:
        if not self.first_at and text.startswith('{"event":"media"'):
            self.first_at = time.perf_counter()


def _scripted(turns: int) -> Providers:
    return Providers(
        [ScriptedEars(["hello"], repeat=True)],
        [ScriptedVoice(ms_per_char=10)],
        [ScriptedBrain(["Yes."] * turns)],
        ScriptedActivity(),
    )


async def _measure_served(turns: int, endpoint: dict[str, str]) -> list[_Turn]:
    """The first turn opens the connections: it is not counted."""
    try:
        providers = Providers(
            [make_ears("openai", EarsSetup("en", options=endpoint))],
            [make_voice("openai:marin", options=endpoint)],
            [make_brain("chat", BrainSetup("agent", "Answer.", options={**endpoint, "speaks_first": False}))],
            ScriptedActivity(),
        )
        return (await _measure(turns + 1, providers, pause_s=protocol.FRAME_MS / 1000))[1:]
    finally:
        await close_clients()


async def _measure(turns: int, providers: Providers, *, pause_s: float) -> list[_Turn]:
    """`pause_s`: between two frames of the silence after a turn."""
    wire, sink = _Wire(), _Sink()
    config = SessionConfig(
        side=Side.AGENT,
        call_sid="CA" + "0" * 32,
        stream_sid="MZ" + "0" * 32,
        endpointing_ms=WAIT_MS,
        max_call_ms=10**9,
    )
    session = CallSession(config, providers, send=wire.send, sink=sink, monotonic=time.monotonic)
    line = _Line(session, sink)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0)
    results: list[_Turn] = []
    for _ in range(turns):
        wire.first_at = 0.0
        await line.speech()
        await line.silence_until(lambda: bool(wire.first_at), pause_s)
        await line.let_it_play(len(results) + 1)
        results.append(_Turn(1000 * (wire.first_at - sink.ended_at), sink.provided_ms()))
    session.end(Ending.CONNECTION_LOST)
    await running
    await session.aclose()
    return results


class _Line:
    """What the far end sends."""

    def __init__(self, session: CallSession, sink: _Sink) -> None:
        self._session = session
        self._sink = sink
        self._position = 0
        self._loud = mulaw.encode((6000 * np.sin(np.arange(160) / 4)).astype(np.int16))

    def _send(self, payload: bytes) -> None:
        self._session.receive(protocol.Media(self._position, payload))
        self._position += protocol.FRAME_MS

    async def speech(self) -> None:
        for _ in range(SPEECH_MS // protocol.FRAME_MS):
            self._send(self._loud)
            await asyncio.sleep(0)

    async def silence_until(self, is_done: Callable[[], bool], pause_s: float) -> None:
        """As fast as the loop takes it, or at its pace: the wait itself is counted in samples."""
        while not is_done():
            self._sink.fed_at = time.perf_counter()
            self._send(b"\xff" * protocol.FRAME_BYTES)
            await asyncio.sleep(pause_s)

    async def let_it_play(self, replies: int) -> None:
        for _ in range(20):
            self._send(b"\xff" * protocol.FRAME_BYTES)
            await asyncio.sleep(0)
        for mark in range(replies + 1):
            self._session.receive(protocol.Mark(f"m{mark}"))
        await asyncio.sleep(0)


async def _baseline(turns: int) -> list[float]:
    queue: asyncio.Queue[float] = asyncio.Queue()
    results: list[float] = []

    async def hand_over() -> None:
        while True:
            sent_at = await queue.get()
            results.append(1000 * (time.perf_counter() - sent_at))

    task = asyncio.create_task(hand_over())
    for _ in range(turns):
        queue.put_nowait(time.perf_counter())
        await asyncio.sleep(0.001)
    task.cancel()
    return results
