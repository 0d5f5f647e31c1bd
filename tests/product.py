"""The whole product, started as `make run` starts it, on free ports and with data of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import requests

from klix_site.launch.welcome import unready_parts

ROOT: Final = Path(__file__).resolve().parent.parent
START_S: Final = 120.0
STOP_S: Final = 20.0
# What a developer's shell may hold and a test must not use.
FOREIGN: Final = re.compile(r"(KLIX_|TWILIO_|OPENAI_|YOUR_TWILIO|DJANGO_|DATABASE_URL|REDIS_URL|PUBLIC_BASE_URL)")
PASSWORD: Final = re.compile(r"with the password (\S+)")


@dataclass
class Product:
    """A running Klix. `manage` runs a management command beside it, `api` asks its REST API with a token."""

    base_url: str
    environment: dict[str, str]
    var_dir: Path
    launcher: "subprocess.Popen[str]"
    admin_password: str = ""
    token: str = ""
    output: list[str] = field(default_factory=list)
    cpu_to_health_s: float = 0.0

    def manage(self, *arguments: str, timeout_s: float = 60) -> str:
        """The standard output of `manage.py ARGUMENTS`. Raises CalledProcessError."""
        argv = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            argv, cwd=ROOT, env=self.environment, check=True, text=True, stdout=subprocess.PIPE, timeout=timeout_s
        ).stdout.strip()

    def api(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return requests.request(method, self.base_url + path, headers=headers, timeout=30, **more)

    def session(self) -> requests.Session:
        """A signed-in administrator's session: with cookies, as a browser has it."""
        session = requests.Session()
        page = session.get(f"{self.base_url}/admin/login/", timeout=30)
        form = {
            "username": "admin",
            "password": self.admin_password,
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
            "next": "/healthz",
        }
        answer = session.post(page.url, data=form, headers={"Referer": page.url}, timeout=30)
        assert answer.ok, answer.status_code
        assert "sessionid" in session.cookies
        return session

    def processes(self, name: str) -> list[int]:
        """The process ids of a process of the Procfile now: the one kept alive, not its keeper."""
        found = []
        for keeper in psutil.Process(self.launcher.pid).children(recursive=True):
            # A process may end while it is looked at.
            with suppress(psutil.Error):
                command = keeper.cmdline()
                if len(command) > 3 and command[2].endswith("keep.py") and command[3] == name:
                    found += [child.pid for child in keeper.children()]
        return found

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """As Ctrl-C does. The launcher's exit code."""
        if self.launcher.poll() is None:
            self.launcher.send_signal(how)
        return self.launcher.wait(STOP_S)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]


def environment(var_dir: Path, **more: str) -> dict[str, str]:
    """Nothing of the developer's, three free ports, data in `var_dir`."""
    web, sandbox, redis = free_ports(3)
    own = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    return own | {
        "DJANGO_SETTINGS_MODULE": "klix_site.settings",
        "KLIX_ENV_FILE": os.devnull,
        "KLIX_VAR_DIR": str(var_dir),
        "KLIX_PORT": str(web),
        "KLIX_SANDBOX_PORT": str(sandbox),
        "KLIX_REDIS_PORT": str(redis),
        **more,
    }


@contextmanager
def running_product(var_dir: Path, **settings: str) -> Iterator[Product]:
    """Start, wait until healthy, make a token; stop at the end. `settings` are environment names."""
    env = environment(var_dir, **settings)
    argv = [sys.executable, "-m", "klix_site.launch", "--no-demo-call"]
    launcher = subprocess.Popen(
        argv, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    product = Product(f"http://127.0.0.1:{env['KLIX_PORT']}", env, var_dir, launcher)
    # The pipe must be read, or the processes block on a full one.
    reader = threading.Thread(target=_read, args=(product,), daemon=True)
    reader.start()
    try:
        wait_until_healthy(product)
        product.cpu_to_health_s = cpu_s(launcher.pid)
        _sign_in(product)
        yield product
    finally:
        product.stop()
        reader.join(STOP_S)
        if launcher.stdout:
            launcher.stdout.close()


def wait_until_healthy(product: Product, patience_s: float = START_S) -> None:
    end = time.monotonic() + patience_s
    while unready := unready_parts(product.base_url):
        if product.launcher.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"Klix did not start: {unready}\n" + "".join(product.output[-40:]))
        time.sleep(0.1)


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and all that it started and that still runs."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return float(sum(used.user + used.system for used in times))


def _sign_in(product: Product) -> None:
    """With the password that the first start printed; a later start on the same data finds it kept."""
    kept = product.var_dir / "password-for-tests"
    if printed := PASSWORD.search(_greeting(product)):
        kept.write_text(printed[1])
    product.admin_password = kept.read_text()
    product.token = product.manage("api_token", f"tests {time.time_ns()}", "--user", "admin")


def _greeting(product: Product) -> str:
    end = time.monotonic() + START_S
    while not (said := [line for line in product.output if "Sign in as" in line]):
        assert time.monotonic() < end, "Klix did not say how to sign in."
        time.sleep(0.1)
    return said[0]


def _read(product: Product) -> None:
    assert product.launcher.stdout is not None
    for line in product.launcher.stdout:
        product.output.append(line)
