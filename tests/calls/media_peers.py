"""A far end that is admitted to the real consumer at `/ws`, and one that is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from django.conf import settings

from calls import answering
from calls.media_consumer import live_sessions
from calls.models import Call, Leg
from calls.states import Side, Status
from calls.telephony import signature
from calls.telephony_account import stream_url
from tests.calls.exchange import db, scripted_agent
from tests.calls.peer import Peer, connected

CALL = "CA" + "1" * 32


def signed() -> dict[str, str]:
    return {signature.HEADER: signature.sign(settings.TWILIO_AUTH_TOKEN, stream_url())}


def announced() -> str:
    """A call that the exchange has announced; the token of its stream."""
    version = scripted_agent()
    call = Call.objects.create(agent=version.agent, agent_version=version, direction="inbound", status=Status.RINGING)
    leg = Leg.objects.create(call=call, side=Side.AGENT, is_primary=True, is_outbound=False, call_sid=CALL)
    return answering.new_stream_token(leg)


@asynccontextmanager
async def call() -> AsyncIterator[Peer]:
    async with connected(CALL, {"token": await db(announced)}, headers=signed()) as far:
        assert far.closed is None, far.closed
        yield far


async def refusal(far: Peer) -> dict[str, Any]:
    far.open()
    assert far.run is not None
    await far.run
    assert not live_sessions
    assert far.closed is not None
    return far.closed
