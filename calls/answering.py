"""Who answers a call that rings at one of our numbers, and which media stream may speak for which leg.

Each of these is safe to call twice: webhooks come twice, and a token admits once.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.models import Agent, Persona
from calls.models import BROWSER_SID, Call, Leg, Recording
from calls.recording_files import raw_path
from calls.states import LIVE, Ending, Side, Status, may_become
from calls.tokens import new_token, token_hash

UNSIGNED = "A media stream of a test tool on this machine, without signature (KLIX_ALLOW_UNSIGNED_MEDIA)."
# How long an incoming call waits to learn whose other end it is; the exchange waits 15 s for us.
SID_LOOKS = 40
SID_LOOK_EVERY_S = 0.1


# --- Who answers ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Incoming:
    """The exchange asks who answers."""

    call_sid: str
    from_number: str
    to_number: str
    parent_call_sid: str = ""


def answer_incoming(incoming: Incoming) -> Leg | None:
    """The leg that answers a call to one of our numbers; None if nobody does."""
    if known := Leg.objects.select_related("call").filter(call_sid=incoming.call_sid).first():
        return known
    if placed := _placed_to(incoming):
        return _join(placed, incoming)
    agent = Agent.objects.filter(phone_number=incoming.to_number, kind=Agent.Kind.HOSTED, archived_at=None).first()
    return None if agent is None else inbound_leg(agent, incoming)


def inbound_leg(agent: Agent, incoming: Incoming, notice: str = "") -> Leg | None:
    """The leg of a new inbound call; None if the agent has no version that could answer."""
    if (version := agent.current_version) is None:
        return None
    try:
        with transaction.atomic():
            call = Call.objects.create(
                agent=agent,
                agent_version=version,
                direction=Call.Direction.INBOUND,
                status=Status.RINGING,
                from_number=incoming.from_number,
                to_number=incoming.to_number,
                notice=notice,
                lease_until=timezone.now() + timedelta(seconds=2 * settings.CALL_LEASE_S),
            )
            return Leg.objects.create(
                call=call, side=Side.AGENT, is_primary=True, is_outbound=False, call_sid=incoming.call_sid
            )
    except IntegrityError:  # the same webhook, sent twice at once
        return Leg.objects.select_related("call").filter(call_sid=incoming.call_sid).first()


def _placed_to(incoming: Incoming) -> Call | None:
    """The call of ours that rings here: we play both parties of it. By its parent's CallSid where the exchange tells
    that, else the oldest call that we placed to this number and that nobody has answered."""
    live = Call.objects.filter(status__in=LIVE, direction=Call.Direction.OUTBOUND).order_by("id")
    waiting = live.filter(to_number=incoming.to_number, from_number=incoming.from_number)
    if not incoming.parent_call_sid:
        return waiting.exclude(legs__is_outbound=False).first()
    # The phone may ring before the answer to our dialling is stored: until then its CallSid is nobody's.
    for _ in range(SID_LOOKS):
        if call := live.filter(legs__call_sid=incoming.parent_call_sid).first():
            return call
        if not waiting.filter(legs__is_outbound=True, legs__call_sid=None).exists():
            return None
        time.sleep(SID_LOOK_EVERY_S)
    return None


def _join(call: Call, incoming: Incoming) -> Leg | None:
    placed = call.legs.get(is_outbound=True)
    side = Side(placed.side).other
    if side is Side.AGENT and call.agent.kind == Agent.Kind.EXTERNAL:
        return None  # its own application answers; Klix does not play it
    if side is Side.CALLER and call.persona_id is None:
        persona = persona_at(incoming.to_number)
        if persona is None:
            return None
        Call.objects.filter(pk=call.pk, persona=None).update(persona=persona)
    try:
        with transaction.atomic():
            return Leg.objects.create(
                call=call, side=side, is_primary=side is Side.AGENT, is_outbound=False, call_sid=incoming.call_sid
            )
    except IntegrityError:  # joined already, by the same webhook sent twice or by another call to this number
        return Leg.objects.filter(call=call, call_sid=incoming.call_sid).first()


def persona_at(number: str) -> Persona | None:
    """Who answers a number in the sandbox: its persona, else the first that answers calls at all. None outside."""
    if settings.TELEPHONY != "sandbox":
        return None
    personas = Persona.objects.filter(archived_at=None)
    if persona := personas.filter(phone_number=number).first():
        return persona
    return personas.exclude(phone_number="").order_by("id").first()


# --- Media streams ----------------------------------------------------------------------------------------------------
def new_stream_token(leg: Leg) -> str:
    """The token that admits one media stream to this leg; a new one makes the old one void."""
    token = new_token()
    Leg.objects.filter(pk=leg.pk).update(stream_token_hash=token_hash(token))
    return token


def claim_stream(call_sid: str, stream_sid: str, token: str) -> Leg | None:
    """The leg that a media stream may speak for; None if the token is wrong or was used. Admits once."""
    if not token:
        return None
    live = Leg.objects.filter(call_sid=call_sid, call__status__in=LIVE, call__concluded_at=None)
    claimed = live.filter(stream_token_hash=token_hash(token)).update(
        stream_token_hash="", stream_sid=stream_sid, stream_started_at=timezone.now()
    )
    if not claimed:
        return None
    return _begun(call_sid)


def answer_unsigned(call_sid: str, stream_sid: str, agent_name: str = "") -> Leg | None:
    """The leg of a test tool's stream, which no exchange announced: an inbound call of its own, answered by the agent
    of that name, else by the first hosted one. None if there is no such agent, or the call is known already."""
    hosted = Agent.objects.filter(kind=Agent.Kind.HOSTED, archived_at=None).order_by("id")
    agent = (hosted.filter(name=agent_name) if agent_name else hosted).first()
    if agent is None or Leg.objects.filter(call_sid=call_sid).exists():
        return None
    leg = inbound_leg(agent, Incoming(call_sid, "", agent.phone_number), notice=UNSIGNED)
    if leg is None:
        return None
    Leg.objects.filter(pk=leg.pk).update(stream_sid=stream_sid, stream_started_at=timezone.now())
    return _begun(call_sid)


def _begun(call_sid: str) -> Leg:
    """The leg whose stream begins, with all that its session asks of it: there, no query may be made."""
    leg = Leg.objects.select_related("call__agent", "call__agent_version", "call__persona").get(call_sid=call_sid)
    stream_started(leg)
    return leg


def stream_started(leg: Leg) -> None:
    if leg.is_primary:
        now = timezone.now()
        Call.objects.filter(pk=leg.call_id, status__in=may_become(Status.IN_PROGRESS)).update(status=Status.IN_PROGRESS)
        Call.objects.filter(pk=leg.call_id, answered_at=None).update(answered_at=now)
        renew_leases([leg.call_id])
        Recording.objects.get_or_create(call_id=leg.call_id, defaults={"file": raw_path(leg.call.public_id).name})


def renew_leases(call_ids: Collection[int]) -> set[int]:
    """The calls live: the sweep leaves them alone for a while.

    Returns those that an operator has ended and no exchange ends: from a browser.
    """
    live = Call.objects.filter(pk__in=call_ids)
    live.update(lease_until=timezone.now() + timedelta(seconds=settings.CALL_LEASE_S))
    ended = live.filter(ending=Ending.OPERATOR_HUNG_UP, legs__call_sid__startswith=BROWSER_SID)
    return set(ended.values_list("pk", flat=True))
