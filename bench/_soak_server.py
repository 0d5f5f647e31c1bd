"""The process that `soak` measures:  python -m bench._with_django _soak_server CALLS AT_ONCE

Holds the web server and the exchange in one loop, places the calls, and prints what it held before and after as JSON.
"""

import asyncio
import contextlib
import gc
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest.mock import patch

import psutil
import uvicorn
from aiohttp import web
from django.conf import settings
from django.core.management import call_command
from django.db import close_old_connections
from django.utils import timezone

from agents.models import AgentVersion, Persona
from agents.ports import VoiceActivity
from agents.providers.registry import EARS
from agents.providers.scripted import ScriptedActivity
from agents.services import create_agent
from calls import parties, services
from calls.media_consumer import live_sessions
from calls.models import Call, Leg, Turn
from calls.sandbox.clock import ScriptedClock
from calls.sandbox.exchange import Exchange, Setup
from calls.sandbox.server import make_app
from calls.states import TERMINAL, Status
from klix_site.warm_up import warm_up

BUSY: Final = "+15550100901"
FRAME_S: Final = 0.02
ROUNDS_A_FRAME: Final = 20  # of the loop: sockets, sessions and playout of one frame
CALL_WITHIN_S: Final = 60.0  # on the calls' clock
THREADS: Final = 4
SETTLE_WITHIN_S: Final = 30.0
SCRIPT: Final = {
    "steps": [
        {"when": {"greeted": True}, "do": [{"say": "A table for two."}]},
        {"when": {"heard": "yes"}, "do": [{"say": "Thank you."}, {"hang_up": "done"}]},
    ]
}
STAYS: Final = {"steps": [{"when": {"greeted": True}, "do": [{"say": "A table for two."}]}]}
Result = TypeVar("Result")
process = psutil.Process()


def by_energy(name: str = "") -> VoiceActivity:
    """A tone is speech: a network that knows voices would hear none here."""
    return ScriptedActivity()


async def db(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """In a thread, with connections as fresh as a request has them."""

    def run() -> Result:
        close_old_connections()
        return function(*arguments, **named)

    return await asyncio.to_thread(run)


# --- Who talks --------------------------------------------------------------------------------------------------------
def make_agent() -> AgentVersion:
    version = create_agent(
        "Soak",
        phone_number="+15550100300",
        brain="scripted",
        brain_options={"greeting": "Hello.", "replies": ["Yes.", "Bye."]},
        ears="scripted",
        ears_options={"texts": ["a table for two", "thank you"]},
        voice="scripted:tone",
    ).current_version
    assert version is not None
    return version


def make_persona(name: str, number: str, script: dict[str, Any]) -> Persona:
    return Persona.objects.create(
        name=name,
        phone_number=number,
        brain="script",
        brain_options={"script": script},
        ears="scripted",
        ears_options={"texts": ["hello", "yes", "bye"]},
        voice="scripted:tone",
    )


# --- The calls --------------------------------------------------------------------------------------------------------
class Soak:
    def __init__(self, exchange: Exchange, clock: ScriptedClock) -> None:
        self._exchange = exchange
        self._clock = clock

    async def prepare(self) -> None:
        self._agent = await db(make_agent)
        self._leaves = await db(make_persona, "Leaves", "+15550100400", SCRIPT)
        self._stays = await db(make_persona, "Stays", "+15550100401", STAYS)

    async def batch(self, first: int, count: int) -> list[int]:
        """Places the calls, and returns their keys when all are concluded."""
        calls = await asyncio.gather(*(self._place(index) for index in range(first, first + count)))
        keys = [call.pk for call in calls]
        staying = [call.pk for call in calls if call.persona_id == self._stays.pk]
        await self._until(lambda: not _without_a_word(staying))
        for key in staying:
            await db(lambda key=key: services.hang_up(Call.objects.get(pk=key)))
        await self._until(lambda: not Call.objects.filter(pk__in=keys, concluded_at=None).exists())
        return keys

    async def _place(self, index: int) -> Call:
        if index % 10 == 9:
            return await db(services.place_call, agent_version=self._agent, to_number=BUSY)
        persona = self._stays if index % 10 in (3, 6) else self._leaves
        return await db(services.place_call, agent_version=self._agent, persona=persona)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Calls go on; what their threads still do is waited for before more time passes."""
        for _ in range(round(CALL_WITHIN_S / (10 * FRAME_S))):
            if await db(condition):
                return
            await self._run(10)
        raise SystemExit(f"Not over within {CALL_WITHIN_S:g} s: {await db(_unfinished)}")

    async def _run(self, frames: int) -> None:
        for _ in range(frames):
            await self._clock.advance(FRAME_S)
            for _ in range(ROUNDS_A_FRAME):
                await asyncio.sleep(0)

    async def settle(self) -> dict[str, int]:
        """What the process holds when it has come to rest."""
        loop, seen, since = asyncio.get_running_loop(), (-1, -1), 0.0
        end = loop.time() + SETTLE_WITHIN_S
        while loop.time() < end:
            await self._run(25)  # callbacks that are sent again
            now = (len(asyncio.all_tasks()), process.num_fds())
            if now != seen or live_sessions or self._exchange.live_legs:
                seen, since = now, loop.time()
            if loop.time() - since > 2:
                break
            await asyncio.sleep(0.1)
        gc.collect()
        database = sum(settings.DATABASES["default"]["NAME"] in target for target in _open_targets())
        return {
            "tasks": seen[0],
            "fds": seen[1] - database,
            "database_fds": database,
            "sockets": len(process.net_connections()),
            "rss_kb": process.memory_info().rss // 1024,
        }


def _open_targets() -> list[str]:
    """What each open file descriptor refers to."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one of the directory itself is gone again
            found.append(str(descriptor.readlink()))
    return found


def _without_a_word(keys: list[int]) -> bool:
    """Whether one of them is live and nobody has said anything on it."""
    silent = Call.objects.filter(pk__in=keys).exclude(status__in=TERMINAL).exclude(turns__is_final=True)
    return silent.exists()


def _unfinished() -> list[object]:
    waiting = Call.objects.filter(concluded_at=None)
    legs = Leg.objects.filter(call__in=waiting).values_list("side", "status", "stream_started_at", "stream_ended_at")
    return [*waiting.values_list("status", "ending", "error_message"), *legs]


# --- The processes' parts, in one -------------------------------------------------------------------------------------
@asynccontextmanager
async def serving(exchange: Exchange) -> AsyncIterator[None]:
    EARS.all()  # importing the providers takes longer than a call on a scripted clock
    # The speech models, which no call here uses, would hide a leak behind half a gigabyte.
    with patch.object(warm_up, "start"):
        from klix_site.asgi import application
    config = uvicorn.Config(
        application,
        port=settings.PORT,
        log_level="error",
        lifespan="off",
        ws="websockets-sansio",
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    serve = asyncio.create_task(server.serve())
    runner = web.AppRunner(make_app(exchange), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", settings.SANDBOX_PORT).start()
        while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.05)
        yield
    finally:
        await runner.cleanup()
        server.should_exit = True
        await serve


async def measure(calls: int, at_once: int) -> dict[str, Any]:
    # As many threads, each with its connections, after the first batch as after the last.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    clock = ScriptedClock(timezone.now())  # by its dates a call whose answer was lost is looked up
    voice_url = f"{settings.CALLBACK_BASE_URL}/twilio/voice"
    exchange = Exchange(Setup(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, voice_url), clock=clock)
    async with serving(exchange):
        soak = Soak(exchange, clock)
        await soak.prepare()
        await soak.batch(0, at_once)
        begin, keys = await soak.settle(), []
        for first in range(0, calls, at_once):
            keys += await soak.batch(first, min(at_once, calls - first))
            print(f"{len(keys)} of {calls} calls are over.", file=sys.stderr, flush=True)
        end = await soak.settle()
    states = Counter(await db(lambda: list(Call.objects.filter(pk__in=keys).values_list("status", flat=True))))
    if not set(states) <= {status.value for status in TERMINAL}:
        raise SystemExit(f"Not every call came to its end: {dict(states)}")
    if not states[Status.COMPLETED]:
        raise SystemExit(f"No call was completed: {dict(states)}")
    turns = await db(lambda: Turn.objects.filter(call__in=keys, is_final=True).count())
    return {"begin": begin, "end": end, "states": dict(states), "turns": turns}


def main(calls: str, at_once: str) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    with patch.object(parties, "make_activity", by_energy):
        print(json.dumps(asyncio.run(measure(int(calls), int(at_once)))), flush=True)
