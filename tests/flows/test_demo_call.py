"""The demo call on an unplugged machine: placed, heard, recorded, measured and judged with loopback alone."""

import json
import re
import socket
import wave

import numpy as np
import pytest

from agents.providers.registry import make_activity
from tests.flows import seen
from tests.flows.network import Unplugged
from tests.product import Product

pytestmark = pytest.mark.services


def test_who_wants_to_leave_the_machine_is_counted(machine: Unplugged) -> None:
    before = machine.attempts()
    with machine.plugged_out():
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as leaving, pytest.raises(OSError, match="unreachable"):
                leaving.connect(("192.0.2.1", 53))
    assert machine.attempts() == before + 2


@pytest.fixture(scope="module")
def demo_call(machine: Unplugged, _running: Product) -> int:
    """Its row, evaluated."""
    with machine.plugged_out():
        said = _running.manage("place_demo_call", "--wait", timeout_s=330)
    assert "completed" in said, said
    return seen.newest_call(_running)


def test_the_demo_call_is_completed_by_two_speakers(isolated: Product, demo_call: int) -> None:
    call = seen.call(isolated, demo_call)
    assert call["status"] == "completed"
    assert call["ending"] in ("agent-hung-up", "caller-hung-up")  # whoever is quicker after the goodbyes
    turns = seen.turns(isolated, demo_call)
    assert len(turns) >= 6
    assert {turn["side"] for turn in turns} == {"agent", "caller"}
    assert all(turn["is_final"] for turn in turns)


def test_the_orders_words_are_in_the_transcript(isolated: Product, demo_call: int) -> None:
    turns = seen.turns(isolated, demo_call)
    caller = " ".join(turn["text"] for turn in turns if turn["side"] == "caller").lower()
    agent = " ".join(turn["text"] for turn in turns if turn["side"] == "agent").lower()
    for words in (r"(two|2) cheese ?burgers", r"large fries", r"milk ?shake", r"james"):
        assert re.search(words, caller), (words, caller)
        assert re.search(words, agent), (words, agent)
    assert re.search(r"sixteen (dollars )?(and )?twenty[ -]five|\$?16\.25", agent)


def test_what_the_caller_was_known_to_say_is_beside_what_was_heard(isolated: Product, demo_call: int) -> None:
    caller = [turn for turn in seen.turns(isolated, demo_call) if turn["side"] == "caller"]
    assert all(turn["reference"] for turn in caller if turn["text"])


def test_it_is_evaluated_once_with_verdicts_and_figures(isolated: Product, demo_call: int) -> None:
    (evaluation,) = seen.evaluations(isolated, demo_call)
    assert evaluation["state"] == "done"
    verdicts = seen.rows(isolated, "SELECT * FROM evaluations_verdict WHERE evaluation_id = ?", evaluation["id"])
    assert verdicts
    assert all(verdict["reason"] or json.loads(verdict["evidence"]) for verdict in verdicts)
    figures = seen.rows(isolated, "SELECT * FROM evaluations_measurement WHERE evaluation_id = ?", evaluation["id"])
    measured = {figure["metric"]: figure["value"] for figure in figures}
    assert measured["reply_time"] > 0
    assert 0 < measured["talk_share"] < 1


def test_the_recording_has_both_speakers_each_on_their_channel(isolated: Product, demo_call: int) -> None:
    stored = seen.recording(isolated, demo_call)
    assert stored["state"] == "ready"
    with wave.open(str(isolated.var_dir / "recordings" / stored["file"])) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    for channel, side in enumerate(("caller", "agent")):
        spoken_ms = sum(t["end_ms"] - t["start_ms"] for t in seen.turns(isolated, demo_call) if t["side"] == side)
        windows = make_activity().probabilities(np.ascontiguousarray(frames[:, channel])) > 0.5
        assert 0.5 * spoken_ms < 32 * windows.sum() < 1.5 * spoken_ms


def test_its_pages_and_its_recording_open(isolated: Product, demo_call: int) -> None:
    call = seen.call(isolated, demo_call)
    session = isolated.session()
    page = f"{isolated.base_url}/calls/{call['public_id'][:8]}"
    public_id = isolated.api("GET", "/api/v1/calls/").json()["results"][0]["id"]
    page = f"{isolated.base_url}/calls/{public_id}/"
    assert session.get(page, timeout=30).status_code == 200
    assert session.get(page + "recording/", timeout=30).content[:4] == b"RIFF"


def test_nothing_wanted_to_leave_the_machine(machine: Unplugged, isolated: Product, demo_call: int) -> None:
    assert seen.call(isolated, demo_call)["status"] == "completed"
    # The two are those of the first test here; they are there whichever tests ran.
    assert machine.attempts() in (0, 2)
