"""`keep` with real processes: what dies comes back, and nothing is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from klix_site.launch import keep

# Prints its process id, then waits to be ended.
SLEEPER = f"{sys.executable} -uc 'import os, signal; print(os.getpid()); signal.pause()'"
# As a worker with a child: prints the child's process id.
PARENT = "sh -c 'sleep 600 & echo $!; wait'"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    started = []

    def run(command: str, **environment: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-P", str(Path(keep.__file__)), "sleeper", command]
        kept = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
        started.append(kept)
        return kept

    yield run
    for kept in started:
        kept.terminate()
        kept.wait(10)
        assert kept.stdout is not None
        kept.stdout.close()


def said(kept: "subprocess.Popen[str]") -> str:
    assert kept.stdout is not None
    return kept.stdout.readline().strip()


def is_gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(10)
    except psutil.NoSuchProcess:
        return True
    return not psutil.pid_exists(pid)


def test_a_killed_process_is_started_again(start: Start) -> None:
    kept = start(SLEEPER)
    first = int(said(kept))
    os.kill(first, signal.SIGKILL)
    assert said(kept) == "sleeper ended with exit code -9; starting it again in 0.5 s."
    second = int(said(kept))
    assert second != first
    assert psutil.pid_exists(second)


def test_the_children_of_a_killed_process_do_not_live_on(start: Start) -> None:
    kept = start(PARENT)
    child = int(said(kept))
    os.kill(psutil.Process(child).ppid(), signal.SIGKILL)
    assert is_gone(child)


def test_told_to_stop_it_takes_its_process_along(start: Start) -> None:
    kept = start(SLEEPER)
    pid = int(said(kept))
    kept.terminate()
    assert kept.wait(10) == 0
    assert is_gone(pid)


def test_without_its_launcher_it_stops(start: Start) -> None:
    launcher = subprocess.Popen(["sleep", "600"])
    kept = start(SLEEPER, KLIX_LAUNCHER_PID=str(launcher.pid))
    pid = int(said(kept))
    launcher.kill()
    launcher.wait()
    assert kept.wait(10) == 0
    assert is_gone(pid)


def test_what_cannot_live_is_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    keeper = keep.Keeper("broken", "false", patience=keep.Patience(quick_deaths=keep.MAX_QUICK_DEATHS))
    assert keeper.run() == 1
    assert "giving up" in capfd.readouterr().out
