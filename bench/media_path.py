"""Calls through `/ws` on one core: CPU and memory per call, and the delay from a frame sent to the frame processed.

Each call is fed 50 frames a second of a caller who speaks 40 % of the time, and is answered 40 % of the time; voice
activity is on (Silero), as are the recorder and its database. The server is pinned to one core, this generator to
another; the generator reports its own lateness, which is part of every delay. Both servers (Daphne, uvicorn) run the
product's media consumer and, as the baseline, the same session behind a stock Channels consumer.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from websockets.asyncio.client import ClientConnection, connect

from agents.providers.registry import make_voice
from calls.audio import mulaw
from calls.audio.resample import resample
from calls.telephony import protocol, signature

CYCLE_MS, SPEECH_MS, REPLY_MS = 10_000, 4_000, 4_000
WARM_UP_S = 3.0
SENTENCE = "I would like two cheeseburgers and large fries please, and then also a cola with a lot of ice in it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time of each of the four runs")
    parser.add_argument("--servers", nargs="*", default=["daphne", "uvicorn"])


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    frames = caller_frames()
    rows = []
    for server in options.servers:
        for consumer in ("stock", "klix"):
            rows.append(measure(server, consumer, options.calls, options.seconds, frames))
            print(f"… {server} {consumer} done", file=sys.stderr)
    for row in rows:
        baseline = next(r for r in rows if r["server"] == row["server"] and r["consumer"] == "stock")
        row["ratio"] = float(row["cpu % / call"]) / float(baseline["cpu % / call"])  # type: ignore[arg-type]
    ours = next(r for r in reversed(rows) if r["consumer"] == "klix")
    stock = next(r for r in rows if r["consumer"] == "stock" and r["server"] == ours["server"])
    figures: dict[str, object] = {
        "calls": ours["calls"],
        "server": ours["server"],
        "cpu_percent_per_call": ours["cpu % / call"],
        "p50_ms": ours["p50 ms"],
        "p99_ms": ours["p99 ms"],
        "rss_kb_per_call": ours["rss kB / call"],
        "baseline_cpu_percent_per_call": stock["cpu % / call"],
        "runs": rows,
    }
    return rows, figures


def caller_frames() -> list[bytes]:
    """One cycle of the caller, 20 ms each: real (synthesized) speech, then silence on a line with a little noise."""

    async def speak() -> np.ndarray[Any, np.dtype[np.int16]]:
        pieces = [audio async for audio in make_voice("hibari:heart").synthesize(SENTENCE)]
        return resample(np.concatenate([p.samples for p in pieces]), pieces[0].sample_rate_hz, 8000)

    speech = asyncio.run(speak())[: 8 * SPEECH_MS]
    cycle = np.random.default_rng(1).normal(0, 4, 8 * CYCLE_MS).astype(np.int16)
    cycle[: len(speech)] += speech
    return [mulaw.encode(cycle[i : i + 160]) for i in range(0, len(cycle), 160)]


@dataclass
class Stream:
    call_sid: str
    token: str
    sent: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


def measure(server: str, consumer: str, calls: int, seconds: float, frames: list[bytes]) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="klix-bench-") as folder:
        place = Path(folder)
        config = _config(place, server, consumer, calls)
        (place / "config.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "bench._media_server", str(place / "config.json")]
        with subprocess.Popen(command) as process:
            try:
                ready = _wait_for(Path(str(config["ready"])), process)
                given = json.loads(ready.read_text())
                streams = [Stream(**stream) for stream in given["streams"]]
                os.sched_setaffinity(0, {os.cpu_count() - 1 if os.cpu_count() else 0})  # type: ignore[operator]
                load = asyncio.run(_load(process.pid, config, given["auth_token"], streams, frames, seconds))
                process.send_signal(signal.SIGUSR1)
                _wait_for(Path(str(config["done"])), process)
                delays, lost = _delays(Path(str(config["times"])), streams, calls)
            finally:
                process.kill()
    p50, p95, p99 = (float(np.percentile(delays, q)) for q in (50, 95, 99)) if len(delays) else (np.inf,) * 3
    late = np.concatenate([stream.late for stream in streams])
    return {
        "server": server,
        "consumer": consumer,
        "calls": calls,
        "n": len(delays),
        "cpu % / call": 100 * load["cpu_s"] / load["wall_s"] / calls,
        "core %": 100 * load["cpu_s"] / load["wall_s"],
        "p50 ms": p50,
        "p95 ms": p95,
        "p99 ms": p99,
        "rss kB / call": load["rss_kb"] / calls,
        "generator late p99 ms": float(np.percentile(late, 99)) * 1000,
        "frames not processed": lost,
    }


def _config(place: Path, server: str, consumer: str, calls: int) -> dict[str, object]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "server": server,
        "consumer": consumer,
        "calls": calls,
        "core": 0,
        "port": port,
        "reply_chars": REPLY_MS // 60,
        "ready": str(place / "ready.json"),
        "done": str(place / "done"),
        "times": str(place / "times.npz"),
        # No redis here: the pages' messages fail at once and are counted, as when redis is away.
        "environment": {"KLIX_VAR_DIR": str(place / "var"), "KLIX_PORT": str(port), "REDIS_URL": "redis://127.0.0.1:1"},
    }


def _wait_for(path: Path, process: "subprocess.Popen[bytes]") -> Path:
    limit = time.monotonic() + 60
    while not path.exists():
        if process.poll() is not None or time.monotonic() > limit:
            raise SystemExit("The server of the benchmark did not come up.")
        time.sleep(0.05)
    return path


async def _load(
    pid: int, config: dict[str, object], auth_token: str, streams: list[Stream], frames: list[bytes], seconds: float
) -> dict[str, float]:
    url = f"ws://127.0.0.1:{config['port']}/ws"
    server = psutil.Process(pid)
    await _until_listening(int(str(config["port"])))
    before_kb = server.memory_info().rss / 1024
    headers = {signature.HEADER: signature.sign(auth_token, url)}
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        start_at = time.monotonic() + 1.0 + len(streams) * 0.02
        for index, stream in enumerate(streams):
            socket_ = await stack.enter_async_context(
                connect(url, additional_headers=headers, compression=None, ping_interval=None, max_queue=None)
            )
            await _start(socket_, stream)
            drain = tasks.create_task(_drain(socket_))
            tasks.create_task(_feed(socket_, stream, index, len(streams), frames, start_at, seconds + WARM_UP_S, drain))
        await asyncio.sleep(max(0.0, start_at + WARM_UP_S - time.monotonic()))
        cpu, wall = server.cpu_times(), time.monotonic()
        await asyncio.sleep(seconds - 0.5)
        after, wall_s = server.cpu_times(), time.monotonic() - wall
        rss_kb = server.memory_info().rss / 1024 - before_kb
    return {"cpu_s": after.user + after.system - cpu.user - cpu.system, "wall_s": wall_s, "rss_kb": rss_kb}


async def _until_listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
    raise SystemExit("The server of the benchmark does not listen.")


async def _start(socket_: ClientConnection, stream: Stream) -> None:
    start = protocol.Start("MZ" + stream.call_sid[2:], "AC" + "0" * 32, stream.call_sid, {"token": stream.token})
    await socket_.send(protocol.connected_message())
    await socket_.send(protocol.start_message(1, start))


async def _drain(socket_: ClientConnection) -> None:
    """Read what the agent says; marks come back when their audio would have been played."""
    loop, end_at = asyncio.get_running_loop(), 0.0
    with contextlib.suppress(Exception):
        async for text in socket_:
            message = json.loads(text)
            if message["event"] == "media":
                seconds = len(message["media"]["payload"]) * 3 / 4 / 8000
                end_at = max(end_at, loop.time()) + seconds
            elif message["event"] == "mark":
                echo = protocol.mark_message(0, message["streamSid"], message["mark"]["name"])
                loop.call_at(end_at, _send_later, socket_, echo)


def _send_later(socket_: ClientConnection, text: str) -> None:
    _sending.add(task := asyncio.ensure_future(socket_.send(text)))
    task.add_done_callback(_sending.discard)


_sending: set[asyncio.Future[None]] = set()


async def _feed(
    socket_: ClientConnection,
    stream: Stream,
    index: int,
    count: int,
    frames: list[bytes],
    start_at: float,
    seconds: float,
    drain: "asyncio.Task[None]",
) -> None:
    """50 frames a second on absolute times, the calls spread evenly over the 20 ms and over the caller's cycle."""
    first_at = start_at + 0.02 * index / count
    offset = index * len(frames) // count
    sid = "MZ" + stream.call_sid[2:]
    for number in range(int(seconds * 50)):
        due = first_at + number * 0.02
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        now = time.monotonic()
        stream.sent.append(now)
        stream.late.append(max(0.0, now - due))
        payload = frames[(offset + number) % len(frames)]
        await socket_.send(protocol.media_message(number + 2, sid, number + 1, number * 20, payload))
    await asyncio.sleep(1.0)
    drain.cancel()


def _delays(path: Path, streams: list[Stream], calls: int) -> tuple["np.ndarray[Any, np.dtype[np.float64]]", int]:
    """Milliseconds from sent to processed, after the warm-up; and how many frames were never processed."""
    times = np.load(path)
    delays, lost = [], 0
    first = int(WARM_UP_S * 50)
    for stream in streams:
        if stream.call_sid not in times:
            lost += len(stream.sent)
            continue
        seen = times[stream.call_sid]
        numbers = (seen[:, 0] // 20).astype(int)
        lost += len(stream.sent) - len(numbers)
        sent = np.array(stream.sent)[numbers]
        delays.append((1000 * (seen[:, 1] - sent))[numbers >= first])
    return (np.concatenate(delays) if delays else np.zeros(0)), lost
