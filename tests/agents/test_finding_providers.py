"""Providers are found whole, whoever asks first."""

import subprocess
import sys
from pathlib import Path

ASK_AT_ONCE = """
import threading
from agents.providers.registry import BRAINS
barrier, found = threading.Barrier(4), []

def ask():
    barrier.wait()
    found.append(BRAINS.get("script").name)

threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(found)
"""


def test_threads_that_ask_while_the_modules_load_wait_for_them() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    # A process of its own: in this one they are found already.
    asked = subprocess.run([sys.executable, "-c", ASK_AT_ONCE], cwd=root, text=True, capture_output=True)
    assert asked.stdout.strip() == str(["script"] * 4), asked.stderr
