"""The call's page on its providers: cost, times with Klix's own apart, and what failed."""

import pytest
from django.conf import LazySettings
from django.test import Client

from agents.ports import Usage
from calls.costs import priced
from calls.models import Call
from calls.states import Side
from evaluations.report.page import call_report
from tests.factories import finished_call

pytestmark = pytest.mark.django_db


def timed_call() -> Call:
    call = finished_call(recorded=False)
    for number, turn in enumerate(call.turns.filter(side=Side.AGENT).order_by("index")):
        turn.latencies = {"brain_first_sentence_ms": 300 + number, "tts_first_byte_ms": 90, "own_ms": 4}
        turn.save(update_fields=["latencies"])
    return call


def test_the_times_of_providers_and_klixs_own_are_told_apart() -> None:
    times = {time.label: time for time in call_report(timed_call()).times}
    assert times["Klix's own"].p50_ms == 4
    assert times["Klix's own"].is_own
    assert not times["Voice, first sound"].is_own
    assert times["Brain, first sentence"].p50_ms < times["Brain, first sentence"].p95_ms


def test_the_page_shows_cost_times_and_what_failed(admin_client: Client, settings: LazySettings) -> None:
    settings.PRICES = {"gpt-6-luna": {"input": 2, "output": 10}}
    call = timed_call()
    usage = Usage("brain", "chat", "gpt-6-luna", input_tokens=1000, output_tokens=100, first_ms=300.0, total_ms=500.0)
    call.events.create(name="ProviderUsed", side="agent", at_ms=1, data=priced(usage))
    missing = {
        "capability": "translation",
        "provider": "openai",
        "message": "OpenAI needs a key: set OPENAI_API_KEY, or the base URL of a server of your own.",
        "outcome": "turns are not translated",
    }
    for _ in range(2):
        call.events.create(name="ProviderFailed", side="agent", at_ms=0, data=missing)
    page = admin_client.get(f"/calls/{call.public_id}/").content.decode()
    assert "0.003" in page
    assert "1 request" in page
    assert "Klix&#x27;s own" in page
    assert page.count("Translation: OpenAI needs a key: set OPENAI_API_KEY") == 1
    assert "turns are not translated" in page
    answer = admin_client.get(f"/api/v1/calls/{call.public_id}/").json()
    assert float(answer["cost"]["total"]) == 0.003
    assert [turn["latencies"] for turn in answer["turns"] if "own_ms" in turn["latencies"]]
