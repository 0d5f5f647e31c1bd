"""A run as it stands in the middle of its work, and a row of finished ones, for the pages about runs."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario
from calls.models import Call
from calls.states import Status
from evaluations.run_models import Run, RunCase, Suite
from evaluations.runs.starting import start_run
from tests.factories import add_turns, finished_call

WANTS = (
    "Asks for a fully booked slot",
    "Speaks Italian, then English",
    "Caller corrects the party size",
    "Cancels with the wrong name",
    "Allergy question, then books",
    "Silence for 12 seconds",
)
CALLERS = ("Dana, in a hurry", "Giulia, bilingual")


def make_suite(name: str = "Nightly", repeats: int = 1) -> Suite:
    tag = uuid4().hex[:4]
    suite = Suite.objects.create(name=f"{name} {tag}", repeats=repeats)
    suite.personas.set([Persona.objects.create(name=f"{caller} {tag}") for caller in CALLERS])
    suite.scenarios.set([Scenario.objects.create(name=f"{want} {tag}", goal="A table.") for want in WANTS])
    return suite


def make_agent() -> Agent:
    tag = uuid4().hex[:4]
    agent = Agent.objects.create(name=f"Osteria Lucia booking {tag}", phone_number=f"+1555{int(tag, 16):07d}")
    for number in (1, 2):
        AgentVersion.objects.create(agent=agent, number=number, prompt="Take bookings.")
    return agent


def make_run(suite: Suite, agent: Agent, version: int = 2) -> Run:
    run, _ = start_run(suite, AgentVersion.objects.get(agent=agent, number=version))
    return run


def settle(case: RunCase, outcome: str, *, ended_ago_s: int = 0) -> Call:
    """A whole call for the case, with turns and figures, that came out so."""
    run = case.run
    Call.objects.filter(idempotency_key=case.call_key).delete()
    call = finished_call(agent=run.agent_version.agent, recorded=False)
    # The factory makes a caller and a scenario of its own; the case has others.
    Call.objects.filter(pk=call.pk).update(
        persona=case.persona,
        scenario=case.scenario,
        agent_version=run.agent_version,
        idempotency_key=case.call_key,
        concluded_at=timezone.now(),
    )
    call.evaluations.update(outcome=outcome)
    if outcome == "pass":
        call.evaluations.get().verdicts.filter(outcome="fail").update(outcome="pass", reason="")
    finished_at = timezone.now() - timedelta(seconds=ended_ago_s)
    RunCase.objects.filter(pk=case.pk).update(
        state=RunCase.State.DONE, call=call, outcome=outcome, finished_at=finished_at
    )
    return call


def put_on_the_phone(case: RunCase, turns: int = 5) -> Call:
    call = Call.objects.create(
        agent=case.run.agent_version.agent,
        agent_version=case.run.agent_version,
        persona=case.persona,
        scenario=case.scenario,
        direction=Call.Direction.OUTBOUND,
        status=Status.IN_PROGRESS,
        answered_at=timezone.now() - timedelta(seconds=41),
        idempotency_key=case.call_key,
        lease_until=timezone.now() + timedelta(hours=1),
    )
    add_turns(call, turns)
    RunCase.objects.filter(pk=case.pk).update(state=RunCase.State.CALLING, call=call)
    return call


def live_run() -> Run:
    """12 calls: two fail, two pass, one was not answered, two are on the phone, one is dialled, four wait."""
    run = make_run(make_suite(), make_agent())
    cases = list(run.cases.order_by("index"))
    for case, outcome in zip(cases, ("pass", "fail", "pass", "fail"), strict=False):
        settle(case, outcome)
    RunCase.objects.filter(pk=cases[4].pk).update(
        state="done", outcome="error", cause="line", reason="Nobody picked up.", finished_at=timezone.now()
    )
    for case in cases[5:7]:
        put_on_the_phone(case)
    RunCase.objects.filter(pk=cases[7].pk).update(state="placing", claimed_until=timezone.now() + timedelta(hours=1))
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(minutes=4))
    run.refresh_from_db()
    return run


def finished_runs(count: int = 6) -> list[Run]:
    """One suite against one agent, day after day, the last half against a new version."""
    suite, agent, runs = make_suite("Weekly"), make_agent(), []
    suite.scenarios.set(suite.scenarios.all()[:2])
    for number in range(count):
        run = make_run(suite, agent, 1 if number < count // 2 else 2)
        for place, case in enumerate(run.cases.order_by("index")):
            settle(case, "fail" if (place + number) % 4 == 0 else "pass")
        began = timezone.now() - timedelta(days=count - number)
        Run.objects.filter(pk=run.pk).update(
            state=Run.State.FINISHED, created_at=began, finished_at=began + timedelta(minutes=7)
        )
        run.refresh_from_db()
        runs.append(run)
    return runs
