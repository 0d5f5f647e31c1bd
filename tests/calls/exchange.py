"""Klix's web process and a real sandbox exchange, on loopback in the test's loop, on a clock that tests turn."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import uvicorn
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.test import override_settings
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona
from agents.services import create_agent
from calls import services
from calls.media_consumer import live_sessions, media_stream
from calls.models import Call, CallEvent, Leg, Turn
from calls.sandbox.clock import ScriptedClock
from calls.sandbox.exchange import Exchange, Setup
from calls.sandbox.server import make_app
from tests.calls.sandbox.application import serving

AGENT, PERSONA, STRANGER = "+15550100300", "+15550100400", "+15550100999"
SILENT, BUSY, NO_ANSWER = "+15550100900", "+15550100901", "+15550100902"
PATIENCE_S = 20.0
Result = TypeVar("Result")


@dataclass
class Telephone:
    """`exchange` may be stopped by leaving it out of the settings: see `gone`."""

    exchange: Exchange
    clock: ScriptedClock
    base: str

    async def place(self, **wanted: Any) -> Call:
        return await db(services.place_call, **wanted)

    async def run(self, seconds: float) -> None:
        """So much of the calls' time. After each frame all that can be done at once is done."""
        for _ in range(round(seconds / 0.02)):
            await self.clock.advance(0.02)
            for _ in range(40):
                await asyncio.sleep(0)

    async def streaming(self, count: int) -> None:
        """Until so many sessions run, while time stands still: nobody speaks to a line that is not connected."""
        async with asyncio.timeout(20):
            while len(live_sessions) < count:  # noqa: ASYNC110  (sockets and threads: nobody sets an event)
                await asyncio.sleep(0)

    async def until(self, condition: Callable[[], object], *, within_s: float = 30) -> None:
        """Calls go on until the condition, which may ask the database, holds. Providers and the database live by the
        wall's clock: when `within_s` of the calls' time are over they are given `PATIENCE_S` of it."""
        for _ in range(round(within_s / 0.2)):
            if await db(condition):
                return
            await self.run(0.2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not await db(condition):
                    pass  # the question to the database lets the others go on
                return
        problems = [problem for call in self.exchange.calls() for problem in call.problems]
        raise AssertionError(f"Not within {within_s} s. Calls: {await db(_state)}; problems: {problems}")


def _state() -> list[object]:
    legs = list(Leg.objects.values("side", "status", "stream_started_at", "stream_ended_at"))
    turns = list(Turn.objects.values_list("side", "text", "start_ms", "end_ms", "is_final"))
    events = list(CallEvent.objects.values_list("name", "data"))
    return [*Call.objects.values("status", "ending", "error_message"), *legs, *turns, *events]


async def db(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """In a thread: the loop must serve what the function asks for over the network."""
    return await asyncio.to_thread(function, *arguments, **named)


@asynccontextmanager
async def telephone() -> AsyncIterator[Telephone]:
    async with web_process() as base:
        setup = Setup(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, f"{base}/twilio/voice")
        exchange = Exchange(setup, clock=(clock := ScriptedClock(timezone.now())))
        # Around the exchange: when it stops, it still reports how its calls ended, signed for this address.
        with override_settings(CALLBACK_BASE_URL=base):
            async with serving(make_app(exchange)) as api:
                with override_settings(TWILIO_API_BASE_URL=api):
                    yield Telephone(exchange, clock, base)


@asynccontextmanager
async def web_process() -> AsyncIterator[str]:
    application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": media_stream})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application, log_level="error", lifespan="off", ws="websockets-sansio")
        server = uvicorn.Server(config)
        serve = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serve


# --- Who talks --------------------------------------------------------------------------------------------------------
def scripted_agent(name: str = "Echo", number: str = AGENT, **options: Any) -> AgentVersion:
    agent = create_agent(
        name,
        phone_number=number,
        brain="scripted",
        brain_options={"greeting": "Hello.", "replies": ["Yes.", "Good."], **options},
        ears="scripted",
        ears_options={"texts": ["a table please", "for two"]},
        voice="scripted:tone",
    )
    version = agent.current_version
    assert version is not None
    return version


def scripted_persona(name: str = "Ada", number: str = PERSONA, **options: Any) -> Persona:
    return Persona.objects.create(
        name=name,
        phone_number=number,
        brain="scripted",
        brain_options={"replies": ["A table please.", "For two."], **options},
        ears="scripted",
        ears_options={"texts": ["hello", "yes", "good"]},
        voice="scripted:tone",
    )


def external_agent(number: str) -> AgentVersion:
    version = create_agent("Elsewhere", kind=Agent.Kind.EXTERNAL, phone_number=number).current_version
    assert version is not None
    return version
