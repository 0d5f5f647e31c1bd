"""Run one command and keep it running: `python -P keep.py NAME 'COMMAND LINE'`.

honcho ends everything when one process ends. Under `keep` a process that dies is started again, after a pause that
doubles with each quick death; after `MAX_QUICK_DEATHS` in a row it is given up, and honcho ends the rest.

The command gets a process group of its own. When it ends, for whatever reason, what is left of its group is killed:
a worker killed with -9 leaves no children behind. When `keep` is told to stop, or the launcher named in
KLIX_LAUNCHER_PID is gone, the command is asked to stop (SIGTERM) and killed after `GRACE_S`.

Standard library only, and run by its path: importing the package would load Celery once for each process kept.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

POLL_S: Final = 0.2
# honcho kills after 5 s what it told to stop: be done before.
GRACE_S: Final = 4.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
QUICK_S: Final = 10.0
MAX_QUICK_DEATHS: Final = 8


@dataclass
class Patience:
    """How long to wait before the next start. Pure: times come in as arguments."""

    quick_deaths: int = 0

    def after_death(self, lived_s: float) -> float | None:
        """Seconds to pause; None: give up."""
        self.quick_deaths = self.quick_deaths + 1 if lived_s < QUICK_S else 1
        if self.quick_deaths > MAX_QUICK_DEATHS:
            return None
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (self.quick_deaths - 1))


def launcher_is_gone() -> bool:
    """Whether the launcher, if we have one, has died without telling us."""
    pid = int(os.environ.get("KLIX_LAUNCHER_PID", "0"))
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@dataclass
class Keeper:
    name: str
    command: str
    stopping: bool = False
    patience: Patience = field(default_factory=Patience)
    orphaned: Callable[[], bool] = launcher_is_gone

    def run(self) -> int:
        """The exit code: 0 when told to stop, else that of the process given up."""
        while True:
            started = time.monotonic()
            code = self._run_once()
            if self._should_stop():
                return 0
            pause = self.patience.after_death(time.monotonic() - started)
            if pause is None:
                say(f"{self.name} ended {MAX_QUICK_DEATHS + 1} times in a row (last exit code {code}): giving up.")
                return code or 1
            say(f"{self.name} ended with exit code {code}; starting it again in {pause:g} s.")
            self._wait_until(time.monotonic() + pause)
            if self._should_stop():
                return 0

    def stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _run_once(self) -> int:
        child = subprocess.Popen(["/bin/sh", "-c", f"exec {self.command}"], start_new_session=True)  # noqa: S603  (a line of our Procfile)
        try:
            while child.poll() is None and not self._should_stop():
                self._nap(child)
            if child.poll() is None:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(GRACE_S)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
        return code

    def _should_stop(self) -> bool:
        self.stopping = self.stopping or self.orphaned()
        return self.stopping

    def _nap(self, child: "subprocess.Popen[bytes]") -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(POLL_S)

    def _wait_until(self, moment: float) -> None:
        while not self._should_stop() and (left := moment - time.monotonic()) > 0:
            time.sleep(min(POLL_S, left))


def say(text: str) -> None:
    print(text, flush=True)


def main(name: str, command: str) -> int:
    keeper = Keeper(name, command)
    signal.signal(signal.SIGTERM, keeper.stop)
    signal.signal(signal.SIGINT, keeper.stop)
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
