"""kill -9 of the worker, the web process and redis at the worst moment: nothing hangs, nothing is done twice, nothing
that was said is lost."""

import json
import os
import signal
import time
from contextlib import suppress

import psutil
import pytest

from agents.providers.registry import make_activity
from calls.audio import wav
from evaluations.stretches import Span, spans_of
from tests.flows import seen
from tests.product import Product, wait_until_healthy

pytestmark = [pytest.mark.services, pytest.mark.long]
ENDPOINTING_MS = 600
PERSONA = "+15550100200"  # James, who answers calls in the sandbox
LONG_CALL = """
import json, wave
from django.conf import settings
from tests.factories import finished_call
from calls.models import Recording
call = finished_call(scored=False)
path = settings.RECORDINGS_DIR / call.recording.file
with wave.open(str(path)) as file: frames = file.readframes(file.getnframes())
with wave.open(str(path), "wb") as file:
    file.setnchannels(2); file.setsampwidth(2); file.setframerate(8000)
    for _ in range(6): file.writeframes(frames)
print(json.dumps(call.pk))
"""

HANG_UP = "from calls.models import Call; from calls.services import hang_up; hang_up(Call.objects.get(pk={}))"


def kill(product: Product, name: str) -> None:
    for pid in product.processes(name):
        with suppress(psutil.NoSuchProcess):
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)


def place(product: Product, name: str) -> int:
    order = {"name": name, "prompt": "Ask how the day was.", "phone_number": PERSONA}
    answer = product.api("POST", "/call", json=order)
    assert answer.status_code == 201, answer.text
    assert answer.json()["call_sid"].startswith("CA")
    return seen.newest_call(product)


def untold(product: Product, pk: int) -> list[Span]:
    """Speech in the recording that is neither in a turn nor known to be without words."""
    frames, _ = wav.read(product.var_dir / "recordings" / seen.recording(product, pk)["file"])
    told = [Span(turn["side"], turn["start_ms"], turn["end_ms"]) for turn in seen.turns(product, pk)]
    noises = "SELECT side, at_ms, data FROM calls_callevent WHERE call_id = ? AND name = 'NoWords'"
    for noise in seen.rows(product, noises, pk):
        told.append(Span(noise["side"], noise["at_ms"], json.loads(noise["data"])["end_ms"]))
    return spans_of(frames, make_activity(), ENDPOINTING_MS, told)


def test_a_worker_killed_while_it_evaluates_evaluates_once(isolated: Product) -> None:
    pk = seen.made(isolated, LONG_CALL)
    # Nobody asked for its evaluation: the sweep finds it.
    running = "SELECT id FROM evaluations_evaluation WHERE call_id = ? AND state = 'running'"
    seen.wait_for(isolated, lambda: seen.rows(isolated, running, pk), every_s=0.002)
    kill(isolated, "worker")
    assert [each["state"] for each in seen.evaluations(isolated, pk)] == ["running"]  # it died in its middle
    done = seen.wait_for(
        isolated, lambda: [each for each in seen.evaluations(isolated, pk) if each["state"] == "done"], within_s=90
    )
    assert len(seen.evaluations(isolated, pk)) == 1
    assert done[0]["attempts"] == 2
    saved = "SELECT metric, count(*) AS n FROM evaluations_measurement WHERE evaluation_id = ? GROUP BY metric"
    assert {each["n"] for each in seen.rows(isolated, saved, done[0]["id"])} == {1}
    wait_until_healthy(isolated, 60)


def test_a_call_whose_web_process_is_killed_ends_with_all_that_was_said(isolated: Product) -> None:
    pk = place(isolated, "Killed")
    first = "SELECT id FROM calls_turn WHERE call_id = ? AND is_final = 1"
    seen.wait_for(isolated, lambda: len(seen.rows(isolated, first, pk)) >= 2, within_s=60)
    said = seen.turns(isolated, pk)
    (raw,) = (isolated.var_dir / "recordings").glob("*.ulaw2")
    lag_s = time.time() - raw.stat().st_mtime
    kill(isolated, "web")
    kept_bytes = raw.stat().st_size
    assert lag_s < 2  # it is written at least every second
    over = seen.wait_for(
        isolated, lambda: [each for each in [seen.call(isolated, pk)] if each["concluded_at"]], within_s=90
    )
    assert over[0]["status"] == "completed"
    recording = seen.recording(isolated, pk)
    assert recording["state"] == "ready"
    assert recording["duration_ms"] == kept_bytes // 16
    after = {turn["id"]: turn for turn in seen.turns(isolated, pk)}
    assert {turn["id"] for turn in said} <= set(after)
    assert all(turn["is_final"] for turn in after.values())
    assert untold(isolated, pk) == []
    wait_until_healthy(isolated, 60)
    assert isolated.api("GET", "/api/v1/calls/").status_code == 200
    live = "SELECT id FROM calls_call WHERE status IN ('queued', 'initiated', 'ringing', 'in-progress')"
    assert seen.rows(isolated, live) == []


def test_a_call_goes_on_while_redis_is_gone_for_five_seconds(isolated: Product) -> None:
    pk = place(isolated, "Without redis")
    final = "SELECT id FROM calls_turn WHERE call_id = ? AND is_final = 1"
    seen.wait_for(isolated, lambda: seen.rows(isolated, final, pk), within_s=60)
    before = seen.rows(isolated, final, pk)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        kill(isolated, "redis")
        os.sched_yield()
    seen.wait_for(isolated, lambda: len(seen.rows(isolated, final, pk)) >= len(before) + 2, within_s=60)
    # Redis may still be away (its keeper waits longer after each death): to sign in and to hang up need it not.
    assert isolated.session().get(f"{isolated.base_url}/", timeout=30).status_code == 200
    isolated.manage("shell", "-v", "0", "-c", HANG_UP.format(pk))
    wait_until_healthy(isolated, 60)
    over = seen.wait_for(isolated, lambda: [each for each in [seen.call(isolated, pk)] if each["concluded_at"]])[0]
    assert (over["status"], over["ending"]) == ("completed", "operator-hung-up")
    seen.wait_for(
        isolated, lambda: [each for each in seen.evaluations(isolated, pk) if each["state"] == "done"], within_s=60
    )
    assert len(seen.evaluations(isolated, pk)) == 1
