"""The folders of metrics and criteria, asked by many threads before anybody has loaded them."""

import subprocess
import sys

import pytest

CODE = """
import threading
from {module} import {ask}

counts, start = [], threading.Barrier(8)

def look():
    start.wait()
    counts.append(len({ask}()))

threads = [threading.Thread(target=look) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(counts), *sorted(set(counts)))
"""


@pytest.mark.parametrize(
    ("module", "ask"),
    [("evaluations.metrics.registry", "all_metrics"), ("evaluations.criteria.registry", "all_types")],
)
def test_threads_that_ask_at_once_all_see_all(module: str, ask: str) -> None:
    code = CODE.format(module=module, ask=ask)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    threads, *counts = map(int, done.stdout.split())
    assert threads == 8
    assert len(counts) == 1
    assert counts[0] > 5
