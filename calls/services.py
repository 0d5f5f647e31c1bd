"""What can be done to calls: place, follow, hang up, conclude. Each is safe to call twice."""

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario
from calls import broadcast, dialling, orders
from calls.destinations import check_destination, dialled_number
from calls.lost_answers import adopt_call_sid as adopt_call_sid
from calls.models import Call, CallEvent, Leg, Recording, Transcription
from calls.references import align_references
from calls.refusals import CallRefused as CallRefused
from calls.refusals import TelephonyFailed as TelephonyFailed
from calls.signals import call_ended
from calls.states import LIVE, TERMINAL, Ending, Side, Status, may_become
from calls.telephony import twiml
from calls.telephony.twilio import OVER_CODE, TelephonyError
from calls.telephony_account import telephony
from calls.waiting import waiting_calls


# --- Placing ----------------------------------------------------------------------------------------------------------
def place_call(
    *,
    agent_version: AgentVersion,
    to_number: str = "",
    persona: Persona | None = None,
    scenario: Scenario | None = None,
    idempotency_key: str | None = None,
    notice: str = "",
    send_digits: str = "",
    scenario_snapshot: dict[str, Any] | None = None,
    in_person: bool = False,
) -> Call:
    """Dial. With `to_number` the agent calls it; with a `persona` the persona calls the agent, and `in_person` somebody
    in a browser does.

    Where the limits (KLIX_CALLS_PER_SECOND, KLIX_LINES) do not allow it at once, the call is left in the queue:
    `dialling.is_waiting(call)`. The same `idempotency_key` gives the same call, dialled once. `send_digits` are pressed
    once it is answered; without them, an external agent's own. Raises CallRefused and TelephonyFailed.
    `scenario_snapshot`: the scenario as it was earlier, or on another line; without it, as it is now.
    """
    agent = agent_version.agent
    if [bool(to_number), bool(persona), in_person].count(True) != 1:
        raise CallRefused("Give either a phone number for the agent to call, or a persona to call the agent.", "to")
    side = Side.CALLER if persona or in_person else Side.AGENT
    if side is Side.AGENT and agent.kind == Agent.Kind.EXTERNAL:
        raise CallRefused(f"{agent.name} is external: Klix can call it, but cannot make it call.", "agent")
    kept = snapshot(scenario) if scenario_snapshot is None else scenario_snapshot
    check_destination(agent, side, kept.get("line", {}))
    dialled = to_number or dialled_number(agent)
    digits = send_digits or (agent.send_digits if side is Side.CALLER else "")
    call, is_new = _new_placed_call(
        agent_version, side, dialled, persona, scenario, kept, idempotency_key, notice, digits
    )
    if is_new and (claimed := dialling.claim_next(only=call.pk)) is not None:
        call = claimed
        dialling.dial(call, _fail)
    return call


def _new_placed_call(
    version: AgentVersion,
    side: Side,
    dialled: str,
    persona: Persona | None,
    scenario: Scenario | None,
    scenario_snapshot: dict[str, Any],
    idempotency_key: str | None,
    notice: str,
    send_digits: str,
) -> tuple[Call, bool]:
    is_primary = side is Side.AGENT or version.agent.kind == Agent.Kind.EXTERNAL
    try:
        with transaction.atomic():
            call = Call.objects.create(
                agent=version.agent,
                agent_version=version,
                persona=persona,
                scenario=scenario,
                scenario_snapshot=scenario_snapshot,
                direction=Call.Direction.OUTBOUND,
                from_number=settings.TWILIO_NUMBER,
                to_number=dialled,
                idempotency_key=idempotency_key or None,
                notice=notice,
                send_digits=send_digits,
            )
            Leg.objects.create(call=call, side=side, is_primary=is_primary, is_outbound=True)
    except IntegrityError:
        if not idempotency_key:
            raise
        call = Call.objects.get(idempotency_key=idempotency_key)
        return call, False
    return call, True


def snapshot(scenario: Scenario | None) -> dict[str, Any]:
    """The scenario as it is now: a later edit does not change what this call was about."""
    if scenario is None:
        return {}
    return {
        "name": scenario.name,
        "goal": scenario.goal,
        "facts": scenario.facts,
        "script": scenario.script,
        "outcome": scenario.outcome,
        "line": scenario.line,
        "on_voicemail": scenario.on_voicemail,
        "voicemail_message": scenario.voicemail_message,
    }


def dial_waiting() -> int:
    """Dial as many waiting calls as may be dialled now; how many."""
    dialled = 0
    while waiting_calls().exists() and (call := dialling.claim_next()) is not None:
        dialled += 1
        with contextlib.suppress(TelephonyFailed):  # the call is failed and says why
            dialling.dial(call, _fail)
            broadcast.call_changed_sync(call)
        call.refresh_from_db()
        if dialling.is_waiting(call):
            break  # the exchange has no room
    return dialled


def _fail(call: Call, code: str, message: str) -> None:
    Call.objects.filter(pk=call.pk, status__in=may_become(Status.FAILED)).update(
        status=Status.FAILED,
        ending=Ending.NOT_CONNECTED,
        error_code=code[:20],
        error_message=message[:500],
        ended_at=timezone.now(),
    )
    call.refresh_from_db()
    conclude_if_over(call.pk)


# --- Following --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StatusReport:
    """A status callback, or what a look-up told."""

    status: Status
    sequence: int | None = None
    error_code: str = ""
    error_message: str = ""


def line_measured(leg: Leg, side: Side, told: str) -> None:
    """The exchange tells what the line did to what `side` sent, as JSON; a repeated report changes nothing."""
    try:
        figures = json.loads(told)
        data = {name: float(figures[name]) for name in ("expected", "lost", "jitter_ms")}
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    kept = CallEvent.objects.filter(call=leg.call_id, name="LineMeasured", side=side, data__told_by="exchange")
    if not kept.exists():
        event = CallEvent(call_id=leg.call_id, name="LineMeasured", side=side, data={**data, "told_by": "exchange"})
        event.save()


def follow(leg: Leg, report: StatusReport) -> None:
    """Take over a status. Late, repeated and reordered reports change nothing; a terminal status is never left."""
    if report.sequence is not None:
        newer = Leg.objects.filter(pk=leg.pk, last_sequence__lt=report.sequence)
        newer.update(last_sequence=report.sequence)
    Leg.objects.filter(pk=leg.pk, status__in=may_become(report.status)).update(status=report.status)
    if not leg.is_outbound:
        return  # the placed leg's statuses are the call's
    changes: dict[str, Any] = {"status": report.status}
    if report.status in TERMINAL:
        changes["ended_at"] = timezone.now()
        # A report without an error says nothing against the one that our side of the call has found.
        told = {"error_code": report.error_code, "error_message": report.error_message}
        changes |= {name: value for name, value in told.items() if value}
    moved = Call.objects.filter(pk=leg.call_id, status__in=may_become(report.status)).update(**changes)
    if not moved:
        return
    if report.status is not Status.COMPLETED and report.status in TERMINAL:
        Call.objects.filter(pk=leg.call_id, ending="").update(ending=Ending.NOT_CONNECTED)
    broadcast.call_changed_sync(Call.objects.get(pk=leg.call_id))
    if report.status in TERMINAL:
        conclude_if_over(leg.call_id)


def hang_up(call: Call) -> None:
    """End a live call from our side, or take it out of the queue. Raises TelephonyFailed."""
    if dialling.cancel_waiting(call):
        broadcast.call_changed_sync(Call.objects.get(pk=call.pk))
        conclude_if_over(call.pk)
        return
    leg = call.legs.exclude(call_sid=None).order_by("-is_outbound").first()
    if leg is None or leg.call_sid is None:
        raise CallRefused("This call has not reached the exchange yet. Try again in a moment.")
    # Before the exchange acts: the end of the stream must not be first to name a reason.
    named = Call.objects.filter(pk=call.pk, status__in=LIVE, ending="").update(ending=Ending.OPERATOR_HUNG_UP)
    if leg.is_browser:
        # Without redis this is lost: then the call's process finds the ending with its next lease (calls/pulse.py).
        orders.give_sync(call.public_id, orders.HANG_UP)
        return
    call.refresh_from_db(fields=["answered_at"])  # whoever asked may have read it long ago
    try:
        telephony().hang_up(leg.call_sid, was_answered=call.answered_at is not None)
    except TelephonyError as error:
        if named:
            Call.objects.filter(pk=call.pk, status__in=LIVE, ending=Ending.OPERATOR_HUNG_UP).update(ending="")
        if error.code == OVER_CODE:
            return  # it ended by itself a moment ago: its report says how
        raise TelephonyFailed(error.message, error.code, call) from error


# --- Answering machines -----------------------------------------------------------------------------------------------
def machine_detected(leg: Leg, answered_by: str) -> None:
    """The exchange says who answered; told at most once. On a machine, what the scenario says is done.

    Raises TelephonyFailed where the exchange does not do it.
    """
    call = leg.call
    if not Call.objects.filter(pk=call.pk, answered_by="").update(answered_by=answered_by[:24]):
        return
    policy = call.scenario_snapshot.get("on_voicemail", "")
    if not policy or leg.call_sid is None or not answered_by.startswith(("machine", "fax")):
        return
    if not Call.objects.filter(pk=call.pk, status__in=LIVE, ending="").update(ending=Ending.VOICEMAIL):
        return
    message = call.scenario_snapshot.get("voicemail_message", "")
    try:
        if policy == Scenario.OnVoicemail.MESSAGE and message and answered_by.startswith("machine"):
            language = call.agent_version.language if call.agent_version else ""
            telephony().redirect(leg.call_sid, twiml.say(message, language=language, then_hang_up=True))
        else:
            telephony().hang_up(leg.call_sid)
    except TelephonyError as error:
        raise TelephonyFailed(error.message, error.code, call) from error


# --- Ending -----------------------------------------------------------------------------------------------------------
def stream_ended(leg: Leg, ending: Ending, detail: str = "") -> None:
    """A media stream is over and all it had to say is stored."""
    now = timezone.now()
    # First: once no stream is open, a webhook that is handled at the same time concludes the call as it stands.
    if leg.is_primary:
        Call.objects.filter(pk=leg.call_id, ending="").update(ending=ending, error_message=detail[:500])
    Leg.objects.filter(pk=leg.pk, stream_ended_at=None).update(stream_ended_at=now)
    if not Leg.objects.filter(call_id=leg.call_id, is_outbound=True).exists():
        # Nobody reports an inbound call's status to us: its stream is all there is.
        Call.objects.filter(pk=leg.call_id, status__in=may_become(Status.COMPLETED)).update(
            status=Status.COMPLETED, ended_at=now
        )
    conclude_if_over(leg.call_id)


def conclude_if_over(call_id: int) -> None:
    """Once the status is terminal, no stream is open, recording and transcript are whole: announce the end, once."""
    now = timezone.now()
    over = Call.objects.filter(pk=call_id, status__in=TERMINAL, concluded_at=None)
    open_streams = Leg.objects.filter(call_id=call_id, stream_started_at__isnull=False, stream_ended_at=None)
    if not over.exists() or open_streams.exists():
        return
    if Recording.objects.filter(call_id=call_id, state=Recording.State.OPEN).exists():
        return
    if Transcription.objects.filter(call_id=call_id, state=Transcription.State.WAITING).exists():
        return
    with transaction.atomic():
        # Answered, and no media stream ever came: nobody else names that end.
        if Leg.objects.filter(call_id=call_id, is_outbound=True, stream_started_at=None).exists():
            Call.objects.filter(pk=call_id, ending="").update(ending=Ending.NOT_CONNECTED)
        if not over.update(concluded_at=now, ended_at=Coalesce(F("ended_at"), Value(now))):
            return
        align_references(call_id)
        call = Call.objects.select_related("agent", "agent_version", "persona", "scenario").get(pk=call_id)
        transaction.on_commit(lambda: _announce(call))


def _announce(call: Call) -> None:
    broadcast.call_changed_sync(call)
    call_ended.send(sender=Call, call=call)
