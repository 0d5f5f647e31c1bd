"""The Procfile's processes under honcho, each kept alive by `keep`."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from honcho.environ import parse_procfile
from honcho.manager import Manager

from klix_site.launch import keep
from klix_site.launch.doors import Door


def wanted(procfile: Mapping[str, str]) -> dict[str, str]:
    """The processes this installation needs: no sandbox with Twilio, no bundled redis with REDIS_URL."""
    left_out = {
        name
        for name, is_used in {
            "sandbox": settings.TELEPHONY == "sandbox",
            "redis": settings.BUNDLED_REDIS,
        }.items()
        if not is_used
    }
    return {name: line for name, line in procfile.items() if name not in left_out}


def environment() -> dict[str, str]:
    """What the Procfile's lines use, on top of our own environment."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        # In a container everything is root; Celery would say at each start that this is no place for pickle (unused).
        "PYTHONWARNINGS": "ignore::UserWarning:celery.platforms",
        # The launcher has checked the settings; Celery's processes would each do it over again.
        "CELERY_SKIP_CHECKS": "1",
        "KLIX_PORT": str(settings.PORT),
        "KLIX_LAUNCHER_PID": str(os.getpid()),
    }


def manager(procfile: Path) -> Any:
    """honcho's Manager with everything added; `loop()` runs until Ctrl-C, or until a process is given up."""
    lines = wanted(parse_procfile(procfile.read_text()).processes)
    everything = Manager()
    for name, line in lines.items():
        everything.add_process(name, kept(name, line), env=environment(), cwd=str(procfile.parent))
    return everything


def kept(name: str, line: str) -> str:
    # exec: the shell's place is taken, so honcho's signals reach `keep`.
    return "exec " + shlex.join([sys.executable, "-P", str(Path(keep.__file__).resolve()), name, line])


def doors() -> list[Door]:
    """The ports that the wanted processes listen on."""
    found = [Door(settings.PORT, "web", "KLIX_PORT")]
    if settings.TELEPHONY == "sandbox":
        found.append(Door(settings.SANDBOX_PORT, "the sandbox exchange", "KLIX_SANDBOX_PORT"))
    if settings.BUNDLED_REDIS:
        found.append(Door(settings.REDIS_PORT, "the bundled redis", "KLIX_REDIS_PORT"))
    return found
