"""An independent Media Streams client against `/ws`, in real time: the protocol kept, and the reply cut on barge-in."""

import asyncio
import io
import re
import wave
from pathlib import Path

import numpy as np
import pytest
import streamdouble.api
import streamdouble.scenario
import streamdouble.session

from tests.agents.providers.sound import speech
from tests.flows import seen
from tests.product import Product

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real voice: barge-in hears speech, not tones."""
    samples = asyncio.run(speech("joe:joe", "Wait a moment. Two cheeseburgers with large fries, please."))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.asarray(samples, np.int16).tobytes())
    path = tmp_path_factory.mktemp("clips") / "question.wav"
    path.write_bytes(content.getvalue())
    return path


def run(product: Product, steps: list[object]) -> streamdouble.api.CallReport:
    url = product.base_url.replace("http", "ws", 1) + "/ws"
    config = streamdouble.session.SessionConfig(custom_parameters={"agent": "burger_bot"}, max_drain_s=4, max_call_s=60)
    scenario = streamdouble.scenario.parse({"name": "barge-in", "steps": steps})
    return asyncio.run(streamdouble.api.run_scenario(url, scenario, config=config))


def test_a_caller_who_interrupts_is_heard_and_no_rule_is_broken(isolated: Product, question: Path) -> None:
    report = run(
        isolated,
        [
            {"wait_for": {"event": "audio", "timeout": 20}},
            {"wait": 0.5},
            {"say": str(question)},
            {"expect": "clear"},
            {"wait_for": {"event": "quiet", "timeout": 15}},
            {"expect": "no_violations"},
            {"expect": "audio"},
        ],
    )
    assert report.violations == []
    assert report.result.failed_expectations == []
    assert report.result.unknown_events == []
    pk = seen.newest_call(isolated)
    over = seen.wait_for(isolated, lambda: [each for each in [seen.call(isolated, pk)] if each["concluded_at"]])
    assert (over[0]["status"], over[0]["direction"]) == ("completed", "inbound")
    turns = seen.turns(isolated, pk)
    assert turns[0]["heard"] is not None  # the greeting was cut: what was heard of it is kept
    assert turns[0]["heard"] != turns[0]["text"]
    heard = " ".join(turn["text"] for turn in turns if turn["side"] == "caller").lower()
    # "Cheese burghers" is as well heard.
    assert re.search(r"(two|2) cheese ?burgh?ers", heard), heard


def test_a_caller_who_vanishes_leaves_a_finished_call(isolated: Product) -> None:
    run(isolated, [{"wait_for": {"event": "audio", "timeout": 20}}, {"wait": 0.5}, "hangup"])
    pk = seen.newest_call(isolated)
    over = seen.wait_for(isolated, lambda: [each for each in [seen.call(isolated, pk)] if each["concluded_at"]])
    assert (over[0]["status"], over[0]["ending"]) == ("completed", "connection-lost")
