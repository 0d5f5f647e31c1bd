"""Whole calls of Klix through its sandbox, many at once: what is left behind when all of them are over.

The product's ASGI application under uvicorn, the exchange, the database and redis are real; the ears, brains and voices
are scripted and answer at once, and the exchange's clock is turned as fast as the machine follows. Of ten calls seven
are ended by the caller's script, two by an operator, and one meets a busy line. A first batch warms up and is not
counted. Tasks, open file descriptors, sockets and resident memory are of the one process that holds both the web server
and the exchange, after garbage collection, when nothing has changed for two seconds. SQLite's own descriptors are told
apart: there is a connection per thread, and one that is closed stays open until no other thread holds a lock.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.media_path import _redis, free_port

TIMEOUT_S = 3_600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=25)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    with tempfile.TemporaryDirectory(prefix="klix-bench-") as folder, _redis() as redis_port:
        found = _soak(Path(folder), options.calls, options.at_once, redis_port)
    begin, end = found["begin"], found["end"]
    rows: list[dict[str, object]] = [{"": "after warm-up", **begin}, {"": f"{options.calls} calls later", **end}]
    rows += [{"": f"calls {state}", "tasks": count} for state, count in sorted(found["states"].items())]
    figures: dict[str, object] = {
        "calls": sum(found["states"].values()),
        "leaked_tasks": max(0, end["tasks"] - begin["tasks"]),
        "leaked_fds": max(0, end["fds"] - begin["fds"]),
        "leaked_sockets": max(0, end["sockets"] - begin["sockets"]),
        "rss_growth_kb_per_call": round((end["rss_kb"] - begin["rss_kb"]) / options.calls, 1),
        "states": found["states"],
        "turns": found["turns"],
    }
    return rows, figures


def _soak(place: Path, calls: int, at_once: int, redis_port: int) -> dict[str, dict[str, int]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KLIX_", "TWILIO_"))} | {
        "DJANGO_SETTINGS_MODULE": "klix_site.settings",
        "KLIX_ENV_FILE": os.devnull,
        "KLIX_VAR_DIR": str(place / "var"),
        "KLIX_PORT": str(free_port()),
        "KLIX_SANDBOX_PORT": str(free_port()),
        "KLIX_TELEPHONY": "sandbox",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
    }
    command = [sys.executable, "-m", "bench._with_django", "_soak_server", str(calls), str(at_once)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise SystemExit("The calls of the soak did not come to their end: see above.")
    found: dict[str, dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return found
