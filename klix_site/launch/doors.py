"""Before anything starts: are the ports free, and does no other Klix work on the same data?"""

import fcntl
import os
import socket
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class Blocked(Exception):
    """Klix cannot start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """A port that Klix will listen on, and the setting that moves it."""

    port: int
    use: str
    setting: str


def check_free(doors: Iterable[Door]) -> None:
    """Raise Blocked if a port is taken, or if two parts want the same one."""
    taken: dict[int, Door] = {}
    for door in doors:
        if other := taken.get(door.port):
            raise Blocked(f"{other.setting} and {door.setting} are both {door.port}. Give each a port of its own.")
        taken[door.port] = door
        if not is_free(door.port):
            raise Blocked(
                f"Port {door.port} ({door.use}) is taken by another program. Stop that program, or choose another "
                f"port, for example: {door.setting}={free_port_near(door.port)} make run"
            )


def is_free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # Connections of a server that ended a moment ago do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def free_port_near(port: int) -> int:
    return next((other for other in range(port + 10, min(port + 1000, 65535), 10) if is_free(other)), 0) or 8865


def lock_data(directory: Path) -> IO[str]:
    """Hold the data directory for this process; keep the file open for as long as that should be so."""
    directory.mkdir(parents=True, exist_ok=True)
    file = (directory / "klix.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid = file.read().strip()
        file.close()
        raise Blocked(
            f"Klix already runs with this data (process {pid}). Stop it with Ctrl-C, or give this one a directory of "
            "its own: KLIX_VAR_DIR=…"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
