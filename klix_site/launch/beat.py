"""Celery's beat, once the product is ready: `python -m klix_site.launch.beat COMMAND…`.

Nothing that beat sends is needed for a start, and five processes that load at once on two cores each take twice as
long. It waits for /readyz, at most `PATIENCE_S`, and becomes the command.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from klix_site.launch.welcome import wait_until_ready

# A product that never gets ready still needs its beat: queued calls and schedules are late, not lost.
PATIENCE_S: Final = 60.0


def main(command: Sequence[str]) -> None:
    wait_until_ready(f"http://127.0.0.1:{os.environ['KLIX_PORT']}", PATIENCE_S)
    os.execvp(command[0], list(command))  # noqa: S606  (a line of our Procfile)


if __name__ == "__main__":
    main(sys.argv[1:])
