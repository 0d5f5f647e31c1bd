"""Programs that others wrote, installed once into the temporary directory. Where that cannot be: a skip that says why;
with CI=true a failure, for nobody would see that the peers were never met."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NoReturn

import pytest

IN_CI: Final = os.environ.get("CI", "").lower() in ("1", "true", "yes")
INSTALL_S: Final = 600


def node_modules(*packages: str) -> Path:
    """The `node_modules` that has these packages ("name@version")."""
    if shutil.which("npm") is None:
        _without("npm is not installed")
    directory = _directory("npm", packages)
    done = directory / "done"
    if not done.exists():
        # No package's own scripts are run.
        _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages], directory)
        done.touch()
    return directory / "node_modules"


def python_with(*packages: str) -> Path:
    """The interpreter of a virtual environment that has these packages. Large ones are not fetched unless asked for."""
    directory = _directory("python", packages)
    interpreter, done = directory / "venv" / "bin" / "python", directory / "done"
    if not done.exists():
        if not os.environ.get("KLIX_TEST_PEERS"):
            pytest.skip(f"{packages[0]} takes some 420 MB; set KLIX_TEST_PEERS=1 to have it installed.")
        _run([sys.executable, "-m", "venv", "venv"], directory)
        _run([str(interpreter), "-m", "pip", "install", "--quiet", *packages], directory)
        done.touch()
    return interpreter


def _directory(kind: str, packages: tuple[str, ...]) -> Path:
    name = "-".join(["klix-peers", kind, *(package.replace("/", "_") for package in packages)])
    directory = Path(tempfile.gettempdir()) / name
    directory.mkdir(exist_ok=True)
    return directory


def _run(command: list[str], directory: Path) -> None:
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=INSTALL_S)
    except (subprocess.SubprocessError, OSError) as error:
        _without(f"{command[0]} could not install: {error}")


def _without(reason: str) -> NoReturn:
    if IN_CI:
        pytest.fail(f"In CI this test must run: {reason}.")
    pytest.skip(f"{reason}.")
