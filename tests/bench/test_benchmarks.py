"""The benchmarks start, print a table and the figures that are asked of them. What they measure is not judged here."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bench.__main__ import benchmarks


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "bench", *arguments], capture_output=True, text=True, timeout=300)


def figures(*arguments: str) -> dict[str, Any]:
    done = bench(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    table, last = done.stdout.rstrip().rsplit("\n", 1)
    assert len(table.splitlines()) >= 2
    found: dict[str, Any] = json.loads(last)
    return found


def test_without_a_name_the_benchmarks_are_listed() -> None:
    done = bench()
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("media_path", "reply_overhead", "exchange"))


def test_every_benchmark_says_in_one_line_what_it_measures() -> None:
    assert all(summary.endswith(".") for summary in benchmarks().values())


def test_an_unknown_benchmark_is_named_and_the_known_ones_are_told() -> None:
    done = bench("speed_of_light")
    assert done.returncode == 2
    assert "speed_of_light" in done.stderr
    assert "media_path" in done.stderr


def test_the_reply_overhead_is_measured_for_every_turn() -> None:
    found = figures("reply_overhead", "--turns", "5", "--double-turns", "3")
    assert found["n"] == 5
    assert 0 < found["p50_ms"] <= found["p95_ms"]
    # Through the double: with and without the waits for it.
    assert found["double_n"] == 3
    assert 0 < found["double_own_p50_ms"] <= found["double_own_p95_ms"]
    assert found["double_own_p50_ms"] < found["double_all_p50_ms"]


@pytest.mark.services
def test_the_media_path_is_measured_beside_the_stock_consumer() -> None:
    found = figures("media_path", "--calls", "2", "--seconds", "1", "--warm-up", "1", "--servers", "uvicorn")
    assert found["calls"] == 2
    assert found["p99_ms"] > 0
    assert found["cpu_percent_per_call"] > 0
    assert found["baseline_cpu_percent_per_call"] > 0
    assert "rss_kb_per_call" in found
    assert [run["frames lost"] for run in found["runs"]] == [0, 0]


@pytest.mark.services
def test_the_exchange_is_measured_with_both_legs_of_every_call() -> None:
    found = figures("exchange", "--calls", "2", "--seconds", "1", "--warm-up", "0.2")
    assert found["calls"] == 2
    assert found["cpu_percent_per_call"] > 0
    assert found["late_p99_ms"] >= found["late_p50_ms"] >= 0


@pytest.mark.services
def test_whole_calls_leave_no_task_behind_and_all_end() -> None:
    # Whole calls on real sockets: some seconds of CPU, because less would not be the product.
    found = figures("soak", "--calls", "4", "--at-once", "4")
    assert found["calls"] == 4
    assert set(found["states"]) <= {"busy", "completed", "failed"}
    assert found["states"]["completed"] > 0
    assert found["turns"] >= 3
    assert found["leaked_tasks"] <= 4  # connections of the REST client that are kept alive
    assert found["leaked_fds"] <= 8
    assert "rss_growth_kb_per_call" in found


@pytest.mark.services
def test_lists_over_many_calls_are_measured_on_postgresql() -> None:
    found = figures("big_lists", "--calls", "2000", "--repeats", "1")
    assert found["calls"] == 2000
    assert found["p95_ms"] > 0
    assert found["max_queries"] > 0
