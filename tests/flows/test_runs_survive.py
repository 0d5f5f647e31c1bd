"""A run of 100 calls through the whole product, whose processes are killed three times at random moments."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product, running_product

pytestmark = [pytest.mark.services, pytest.mark.long]

CASES = 100
PATIENCE_S = 420.0
# Calls of two seconds: the agent says a word and hangs up. Leases are short, so that what died is soon missed.
SETTINGS = {
    "KLIX_RUN_LINES": "12",
    "KLIX_RING_TIMEOUT_S": "5",
    "KLIX_CALL_LEASE_S": "5",
    "KLIX_EVALUATION_LEASE_S": "10",
    "TWILIO_TIMEOUT_S": "3",
}
DEFINE = """
from agents.models import Persona, Scenario
from agents.services import create_agent
from evaluations.models import Criterion, Suite
talker = {"steps": [{"id": "hello", "when": {"answered": True}, "do": [{"say": "Hello."}, {"hang_up": "done"}]}]}
create_agent("Quick", phone_number="+15550100777", brain="script", brain_options={"script": talker},
             ears="scripted", voice="scripted:tone")
silent = Persona.objects.create(name="Silent", brain="scripted", ears="scripted", voice="scripted:tone")
suite = Suite.objects.create(name="Quick calls", repeats=10)
for number in range(10):
    suite.scenarios.add(Scenario.objects.create(name=f"Quick {number}", persona=silent))
suite.criteria.add(Criterion.objects.create(name="Says hello", kind="phrase",
    config={"phrase": "hello", "match": "words", "by": "agent", "when": "any"}))
"""
COUNT = """
import json
from calls.models import Call, Leg
from evaluations.models import Evaluation, RunCase
cases = list(RunCase.objects.select_related("call"))
calls = list(Call.objects.filter(idempotency_key__startswith="run:").values_list("idempotency_key", flat=True))
print(json.dumps({
    "states": [case.state for case in cases],
    "outcomes": [case.outcome for case in cases],
    "reasons": [case.reason for case in cases],
    "counted": [case.call_key for case in cases],
    "attempts": sum(case.attempt for case in cases),
    "histories": sum(len(case.history) for case in cases),
    "calls": calls,
    "dialled": Leg.objects.filter(is_outbound=True).exclude(call_sid=None).count(),
    "evaluated": list(Evaluation.objects.filter(state="done").values_list("call__idempotency_key", flat=True)),
    "unsettled": Call.objects.filter(concluded_at=None).count(),
}))
"""


@pytest.fixture
def own_product(tmp_path: Path) -> Iterator[Product]:
    with running_product(tmp_path, **SETTINGS) as running:
        running.manage("shell", "-v", "0", "-c", DEFINE)
        yield running


def progress(product: Product, run_id: str) -> dict[str, Any]:
    """Asked again while the web process is being replaced."""
    end = time.monotonic() + 60
    while True:
        try:
            answer = product.api("GET", f"/api/v1/runs/{run_id}/")
        except OSError:
            assert time.monotonic() < end
            continue
        if answer.status_code == 200:
            told: dict[str, Any] = answer.json()
            return told
        assert answer.status_code >= 500, answer.text
        assert time.monotonic() < end


def wait_until_done(product: Product, run_id: str, cases: int) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE_S
    while (told := progress(product, run_id))["progress"]["done"] < cases or (
        cases == CASES and told["state"] == "running"
    ):
        assert time.monotonic() < end, told["progress"]
        time.sleep(0.2)
    return told


def test_a_run_killed_three_times_finishes_with_each_case_done_once(own_product: Product) -> None:
    chance = random.Random(20)
    begun = own_product.api("POST", "/api/v1/runs/", json={"suite": "Quick calls", "agent": "Quick"}).json()
    moments = sorted(chance.sample(range(5, 85), 3))
    victims = chance.sample(["worker", "web", "worker"], 3)
    for moment, name in zip(moments, victims, strict=True):
        wait_until_done(own_product, begun["id"], moment)
        for victim in own_product.processes(name):
            os.kill(victim, signal.SIGKILL)
    ended = wait_until_done(own_product, begun["id"], CASES)
    assert ended["state"] == "finished"
    found = json.loads(own_product.manage("shell", "-v", "0", "-c", COUNT))
    assert found["states"] == ["done"] * CASES
    assert found["outcomes"] == ["pass"] * CASES, [each for each in found["reasons"] if each]
    # Each attempt has one call and was dialled once; each case counts exactly one of them, judged once.
    assert len(found["calls"]) == len(set(found["calls"])) == found["attempts"] == CASES + found["histories"]
    assert set(found["counted"]) <= set(found["calls"])
    assert len(set(found["counted"])) == CASES
    assert found["dialled"] <= len(found["calls"])
    assert set(found["counted"]) <= set(found["evaluated"])
    assert len(found["evaluated"]) == len(set(found["evaluated"]))
    assert found["unsettled"] == 0
