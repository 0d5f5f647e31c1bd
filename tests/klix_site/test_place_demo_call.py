"""The demo call's command."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from agents.models import Persona, Scenario
from agents.services import create_agent
from calls.models import Call
from calls.states import Status
from evaluations.models import Evaluation, Measurement
from klix_site.management.commands import place_demo_call
from tests.klix_site.exchange import Exchange, running_exchange

pytestmark = pytest.mark.django_db


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with running_exchange() as running, override_settings(TWILIO_API_BASE_URL=running.url):
        yield running


@pytest.fixture
def call() -> Call:
    version = create_agent(place_demo_call.AGENT, phone_number="+15550100001").versions.get()
    return Call.objects.create(agent=version.agent, agent_version=version, direction="outbound")


def test_without_the_demo_it_says_how_to_load_it() -> None:
    with pytest.raises(CommandError, match="load_demo"):
        call_command("place_demo_call")


def test_persona_and_scenario_of_the_demo_are_found(call: Call) -> None:
    persona = Persona.objects.create(name=place_demo_call.PERSONA)
    scenario = Scenario.objects.create(name=place_demo_call.SCENARIO)
    assert place_demo_call.demo() == (call.agent_version, persona, scenario)


def test_the_call_goes_to_the_agents_number(exchange: Exchange, call: Call) -> None:
    persona = Persona.objects.create(name=place_demo_call.PERSONA)
    scenario = Scenario.objects.create(name=place_demo_call.SCENARIO)
    assert call.agent_version is not None
    placed = place_demo_call.Command(stdout=StringIO())._place(call.agent_version, persona, scenario)
    assert exchange.dialled == ["+15550100001"]
    assert (placed.persona, placed.scenario) == (persona, scenario)


def test_a_refusal_of_the_exchange_is_said(exchange: Exchange, call: Call) -> None:
    exchange.refusal = {"status": 400, "code": 21211, "message": "Invalid number"}
    persona = Persona.objects.create(name=place_demo_call.PERSONA)
    scenario = Scenario.objects.create(name=place_demo_call.SCENARIO)
    assert call.agent_version is not None
    with pytest.raises(CommandError):
        place_demo_call.Command()._place(call.agent_version, persona, scenario)


def test_waiting_ends_with_what_the_call_is_doing(call: Call) -> None:
    with pytest.raises(CommandError, match="the call is not over; its status is queued"):
        place_demo_call.wait_for_evaluation(call, 0)
    Call.objects.update(status=Status.COMPLETED)
    with pytest.raises(CommandError, match="the call is not evaluated; its status is completed"):
        place_demo_call.wait_for_evaluation(call, 0)


def test_the_report_shows_verdict_and_figures(call: Call) -> None:
    Call.objects.update(status=Status.COMPLETED)
    evaluation = Evaluation.objects.create(call=call, state=Evaluation.State.DONE, outcome="pass")
    Measurement.objects.create(evaluation=evaluation, metric="reply", metric_version=1, unit="ms", value=640, n=3)
    Measurement.objects.create(evaluation=evaluation, metric="pace", metric_version=1, unit="wpm", value=None, note="-")
    assert place_demo_call.wait_for_evaluation(call, 10) == evaluation
    lines = list(place_demo_call.report(evaluation))
    assert lines[:2] == ["Call completed, 0 turns. ", "Verdict: pass"]
    assert "640 ms (n=3)" in lines[2]
    assert "- (n=0)" in lines[3]
