"""Place the demo call: James orders a burger and changes her mind."""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.models import Agent, AgentVersion, Persona, Scenario
from calls.models import Call
from calls.services import CallRefused, TelephonyFailed, place_call
from calls.states import TERMINAL
from evaluations.models import Evaluation
from klix_site.launch.welcome import wait_until_ready

AGENT: Final = "burger_bot"
PERSONA: Final = "James"
SCENARIO: Final = "Burger order with a change"
POLL_S: Final = 0.5
FINISHED: Final = (Evaluation.State.DONE, Evaluation.State.FAILED)


class Command(BaseCommand):
    help = "Places the demo call and prints the address of its page; --wait prints what came of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", action="store_true", help="until it is evaluated, and print what came of it")
        parser.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="how long --wait waits")

    def handle(self, *, wait: bool, timeout: float, **options: Any) -> None:
        version, persona, scenario = demo()
        if unready := wait_until_ready(f"http://127.0.0.1:{settings.PORT}", 30):
            raise CommandError("Klix is not ready. " + " ".join(unready.values()) + " Start it with: make run")
        call = self._place(version, persona, scenario)
        self.stdout.write(f"{persona} calls {version.agent}: {settings.PUBLIC_BASE_URL}{call.get_absolute_url()}")
        if wait:
            self.stdout.write("\n".join(report(wait_for_evaluation(call, timeout))))

    def _place(self, version: AgentVersion, persona: Persona, scenario: Scenario) -> Call:
        try:
            return place_call(agent_version=version, persona=persona, scenario=scenario)
        except (CallRefused, TelephonyFailed) as error:
            raise CommandError(error.message) from error


def demo() -> tuple[AgentVersion, Persona, Scenario]:
    """Raises CommandError if the demo is not loaded."""
    agent = Agent.objects.filter(name=AGENT).first()
    version = agent.current_version if agent else None
    persona = Persona.objects.filter(name=PERSONA).first()
    scenario = Scenario.objects.filter(name=SCENARIO).first()
    if version is None or persona is None or scenario is None:
        raise CommandError("The demo is not loaded. Load it with: manage.py load_demo")
    return version, persona, scenario


def wait_for_evaluation(call: Call, timeout_s: float) -> Evaluation:
    """The finished evaluation of the call. Raises CommandError when it takes too long."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        evaluation = call.evaluations.filter(state__in=FINISHED).first()
        if evaluation is not None:
            return evaluation
        time.sleep(POLL_S)
    call.refresh_from_db()
    what = "is not evaluated" if call.status in TERMINAL else "is not over"
    raise CommandError(f"After {timeout_s:g} s the call {what}; its status is {call.status}.")


def report(evaluation: Evaluation) -> Iterator[str]:
    """The lines to print: the call, each verdict, each figure."""
    call = evaluation.call
    call.refresh_from_db()
    yield f"Call {call.status}, {call.turns.count()} turns. {call.error_message or call.ending}"
    yield f"Verdict: {evaluation.outcome or evaluation.error}"
    for verdict in evaluation.verdicts.all():
        yield f"  {verdict.outcome:<15} {verdict.criterion_name}: {verdict.reason}"
    for figure in evaluation.measurements.all():
        value = figure.note if figure.value is None else f"{figure.value:g} {figure.unit}"
        yield f"  {figure.metric:<22} {value} (n={figure.n})"
