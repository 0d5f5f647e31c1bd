"""What depends on the database is tested on PostgreSQL too, always: claims, keys that create once, pages by key."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPENDENT = (
    "tests/evaluations/test_claims.py",
    "tests/evaluations/test_evaluating.py",
    "tests/klix_site/test_api.py",
    "tests/klix_site/test_api_creates.py",
    "tests/calls/test_call_list.py",
)


def test_claims_keys_and_pages_work_on_postgresql() -> None:
    # A directory of its own making: root's server runs as another user, who cannot enter pytest's directories.
    ours = ("DATABASE_", "PYTEST_", "KLIX_VAR_DIR")
    own = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env = own | {"KLIX_TEST_POSTGRES": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *DEPENDENT]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
