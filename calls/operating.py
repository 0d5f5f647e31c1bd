"""What a person at Klix does on a live call: type a line, take it over, call an agent from the browser."""

import uuid
from typing import Final

from django.conf import settings

from agents.models import Agent
from calls import broadcast, orders
from calls.answering import Incoming, inbound_leg
from calls.models import BROWSER_SID, Call, Leg
from calls.refusals import CallRefused, TelephonyFailed
from calls.services import place_call
from calls.states import LIVE, Ending, Status
from calls.telephony import twiml
from calls.telephony.twilio import TelephonyError
from calls.telephony_account import telephony

MAX_LINE_CHARS: Final = 500
TYPED: Final = "An operator typed words for Klix to say."
TOOK_OVER: Final = "A person took over: from there on it is not the agent that speaks."


# --- From the browser -------------------------------------------------------------------------------------------------
def call_from_browser(agent_id: uuid.UUID, username: str) -> Leg | None:
    """The leg of a new call between a person's browser and the agent; None if it cannot be called.

    With a hosted agent it is the agent's, and no exchange takes part. An external one is dialled, as for a persona:
    then it is the person's, and the call may have to wait. Raises CallRefused, TelephonyFailed.
    """
    agent = Agent.objects.filter(public_id=agent_id, archived_at=None).first()
    version = agent.current_version if agent else None
    if agent is None or version is None:
        return None
    notice = f"Called from the browser by {username}."
    if agent.kind == Agent.Kind.EXTERNAL:
        call = place_call(agent_version=version, notice=notice, in_person=True)
        return Leg.objects.select_related("call").get(call=call, is_outbound=True)
    incoming = Incoming(f"{BROWSER_SID}{uuid.uuid4().hex}", "", agent.phone_number)
    return inbound_leg(agent, incoming, notice=notice)


# --- On a live call ---------------------------------------------------------------------------------------------------
def dictate(call: Call, text: str) -> None:
    """Klix's own party says this line now, in place of what it is saying. Raises CallRefused."""
    line = " ".join(text.split())
    if not line or len(line) > MAX_LINE_CHARS:
        raise CallRefused(f"Type a line of 1 to {MAX_LINE_CHARS} characters.", "line")
    check_conversation(call)
    if not orders.give_sync(call.public_id, orders.SAY, text=line):
        raise CallRefused("The call cannot be reached: Redis does not answer. Try again in a moment.")
    annotate(call, TYPED)


def check_conversation(call: Call) -> None:
    """Raises CallRefused where no conversation goes on of which we hold an end."""
    talking = Leg.objects.filter(call=call, is_primary=True, stream_started_at__isnull=False, stream_ended_at=None)
    if Status(call.status) not in LIVE or not talking.exists():
        raise CallRefused("This call is not going on: nobody is on the line.")


def annotate(call: Call, sentence: str) -> None:
    """What who reads this call should know first; each sentence once."""
    call.refresh_from_db(fields=["notice"])
    if sentence not in call.notice:
        Call.objects.filter(pk=call.pk).update(notice=f"{call.notice} {sentence}".strip()[:300])
        broadcast.call_changed_sync(call)


def take_over(call: Call, number: str) -> None:
    """Connect the far end of a live call to a person's phone; Klix's own party leaves.

    Raises CallRefused, TelephonyFailed.
    """
    leg = call.legs.exclude(call_sid=None).filter(is_primary=True).first()
    if leg is None or leg.call_sid is None or not call.is_live or call.answered_at is None:
        raise CallRefused("Only a call that is going on can be taken over.")
    if leg.is_browser:
        raise CallRefused("A call from the browser cannot be connected to a telephone.")
    document = twiml.render(twiml.Dial(number, caller_id=settings.TWILIO_NUMBER))
    # Before the exchange acts: the end of the stream must not be first to name a reason.
    named = Call.objects.filter(pk=call.pk, status__in=LIVE, ending="").update(ending=Ending.TAKEN_OVER)
    try:
        telephony().redirect(leg.call_sid, document)
    except TelephonyError as error:
        if named:
            Call.objects.filter(pk=call.pk, ending=Ending.TAKEN_OVER).update(ending="")
        raise TelephonyFailed(error.message, error.code, call) from error
    annotate(call, TOOK_OVER)
