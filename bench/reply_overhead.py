"""End of turn → first audio frame sent, with instant providers, above the endpointing wait.

One session, fed through the real event loop with scripted ears, brain, voice and voice activity; the far end says
`--turns` turns. The endpointing wait is counted in samples and takes no time here. The clock is the wall's: from the
arrival of the frame that completes the endpointing silence to the hand-over of the reply's first media message. The
baseline is the same loop doing nothing but handing a message over from a task that the frame wakes: what asyncio
itself costs here.
"""

import argparse
import asyncio
import time

import numpy as np

from agents.providers.scripted import ScriptedActivity, ScriptedBrain, ScriptedEars, ScriptedVoice
from calls.audio import mulaw
from calls.events import CallEvent, SpeechStopped
from calls.session import CallSession, Providers, SessionConfig
from calls.states import Ending, Side
from calls.telephony import protocol

SPEECH_MS, WAIT_MS = 400, 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=200)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    ours = asyncio.run(_measure(options.turns))
    baseline = asyncio.run(_baseline(options.turns))
    rows = [_row("reply overhead", ours), _row("baseline: one task wake-up", baseline)]
    figures: dict[str, object] = {
        "n": len(ours),
        "p50_ms": rows[0]["p50 ms"],
        "p95_ms": rows[0]["p95 ms"],
        "baseline_p50_ms": rows[1]["p50 ms"],
    }
    return rows, figures


def _row(name: str, values: list[float]) -> dict[str, object]:
    p50, p95, worst = (float(np.percentile(values, q)) for q in (50, 95, 100))
    return {"what": name, "n": len(values), "p50 ms": p50, "p95 ms": p95, "max ms": worst}


class _Sink:
    """Notes which frame ended the turn: more may come before the answer does."""

    def __init__(self) -> None:
        self.fed_at = 0.0
        self.ended_at = 0.0

    def event(self, event: CallEvent) -> None:
        if isinstance(event, SpeechStopped):
            self.ended_at = self.fed_at

    def audio(self, far: bytes, own: bytes) -> None:
        pass


class _Wire:
    """Notes when the first media message of each reply is handed over."""

    def __init__(self) -> None:
        self.first_at = 0.0

    def send(self, text: str) -> None:
        if not self.first_at and text.startswith('{"event":"media"'):
            self.first_at = time.perf_counter()


async def _measure(turns: int) -> list[float]:
    wire, sink = _Wire(), _Sink()
    config = SessionConfig(
        side=Side.AGENT,
        call_sid="CA" + "0" * 32,
        stream_sid="MZ" + "0" * 32,
        endpointing_ms=WAIT_MS,
        max_call_ms=10**9,
    )
    providers = Providers(
        [ScriptedEars(["hello"], repeat=True)],
        [ScriptedVoice(ms_per_char=10)],
        [ScriptedBrain(["Yes."] * turns)],
        ScriptedActivity(),
    )
    session = CallSession(config, providers, send=wire.send, sink=sink, monotonic=time.monotonic)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0)
    loud = mulaw.encode((6000 * np.sin(np.arange(160) / 4)).astype(np.int16))
    position, results = 0, []
    for _ in range(turns):
        wire.first_at = 0.0
        for _ in range(SPEECH_MS // protocol.FRAME_MS):
            session.receive(protocol.Media(position, loud))
            position += protocol.FRAME_MS
            await asyncio.sleep(0)
        # Silence as fast as the loop takes it: the wait itself is counted in samples, what is left is our own time.
        while not wire.first_at:
            sink.fed_at = time.perf_counter()
            session.receive(protocol.Media(position, b"\xff" * protocol.FRAME_BYTES))
            position += protocol.FRAME_MS
            await asyncio.sleep(0.001)
        results.append(1000 * (wire.first_at - sink.ended_at))
        for _ in range(20):
            session.receive(protocol.Media(position, b"\xff" * protocol.FRAME_BYTES))
            position += protocol.FRAME_MS
            await asyncio.sleep(0)
        for mark in range(len(results) + 1):
            session.receive(protocol.Mark(f"m{mark}"))
        await asyncio.sleep(0)
    session.end(Ending.CONNECTION_LOST)
    await running
    return results


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
