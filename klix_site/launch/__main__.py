"""Start Klix on this machine and stop all of it on Ctrl-C: `python -m klix_site.launch [--no-demo-call]`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError

ROOT = Path(__file__).resolve().parent.parent.parent
CANNOT_START = 1
INTERRUPTED = 130
# What honcho makes of Ctrl-C and SIGTERM: the way to end it, not a failure of it.
TOLD_TO_STOP = (130, 143)


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    os.chdir(ROOT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")
    try:
        django.setup()
        return launch(demo_call=arguments.demo_call)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ImproperlyConfigured, CommandError) as error:
        print(f"Klix cannot start: {error}", file=sys.stderr)
        return CANNOT_START


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="klix_site.launch", description="Starts Klix on this machine.")
    made.add_argument("--no-demo-call", dest="demo_call", action="store_false", help="start without placing a call")
    return made


def launch(*, demo_call: bool) -> int:
    from django.conf import settings

    from klix_site.launch import data, doors, processes

    try:
        lock = doors.lock_data(settings.VAR_DIR)
        doors.check_free(processes.doors())
    except doors.Blocked as blocked:
        print(f"Klix cannot start: {blocked}", file=sys.stderr)
        return CANNOT_START
    with lock:
        print("Klix is starting. Ctrl-C stops it.", flush=True)
        data.prepare()
        manager = processes.manager(ROOT / "Procfile")
        with welcome(demo_call=demo_call):
            manager.loop()
    code = int(manager.returncode or 0)
    return 0 if code in TOLD_TO_STOP else code


@contextmanager
def welcome(*, demo_call: bool) -> Iterator[None]:
    """The greeting runs beside the processes: it waits for them."""
    command = [sys.executable, "-m", "klix_site.launch.welcome", *(["--demo-call"] if demo_call else [])]
    greeting = subprocess.Popen(command, cwd=ROOT)  # noqa: S603  (our own module)
    try:
        yield
    finally:
        greeting.terminate()
        greeting.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
