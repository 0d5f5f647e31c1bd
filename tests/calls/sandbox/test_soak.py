"""Two hundred calls at the exchange: every one comes to its end, and nothing is left over."""

import asyncio
import gc
import tracemalloc

import psutil

from tests.calls.sandbox.application import World, until, world

CALLS = 200
AT_ONCE = 20
# The exchange keeps the last calls' records; what is beyond that, per call, would be a leak.
KEPT_BYTES = 12_000


async def one_call(telephone: World, index: int) -> str:
    call = await telephone.place(twiml=HANGS_UP if index % 4 == 0 else None, url=_caller(telephone, index))
    record = telephone.exchange.call(call.sid)
    assert record is not None
    if index % 4 == 1:
        await until(lambda: record.is_answered)
        await telephone.update(call.sid, status="completed")
    elif index % 4 == 2:
        await telephone.update(call.sid, status="completed")
    else:
        # Whoever is left talks for a while, and then its stream is closed or its limit is reached.
        await until(lambda: record.is_answered or record.is_over)
        telephone.exchange.hang_up(record)
    await until(lambda: record.is_over)
    return record.status.value


HANGS_UP = "<Response><Pause length='1'/><Hangup/></Response>"


def _caller(telephone: World, index: int) -> str | None:
    return None if index % 4 == 0 else telephone.application.at("/caller")


async def a_round(telephone: World, calls: int) -> list[str]:
    endings: list[str] = []
    for first in range(0, calls, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, calls))
        endings += await asyncio.gather(*(one_call(telephone, index) for index in numbers))
        await telephone.play_out(0.2)
    telephone.application.requests.clear()
    telephone.application.streams.clear()
    return endings


async def test_two_hundred_calls_leave_nothing_behind() -> None:
    process = psutil.Process()
    async with world() as telephone:
        telephone.application.streams_at("/caller", "/ws/caller")
        telephone.application.streams_at("/voice", "/ws/agent")
        await a_round(telephone, AT_ONCE)  # what is made once is made now
        await settled(telephone)
        sockets, tasks = len(process.net_connections()), working_tasks()
        files = len(process.open_files())
        tracemalloc.start()
        before = memory()
        endings = await a_round(telephone, CALLS)
        await settled(telephone)
        grown = memory() - before
        tracemalloc.stop()
        assert len(endings) == CALLS
        assert set(endings) <= {"completed", "canceled"}
        assert all(call.is_over for call in telephone.exchange.calls())
        assert working_tasks() <= tasks
        assert len(process.open_files()) <= files
        assert len(process.net_connections()) <= sockets + 2 * AT_ONCE  # kept-alive connections of the REST client
        assert grown < CALLS * 2 * KEPT_BYTES


def working_tasks() -> int:
    """Without those of the servers' kept-alive connections, whose number is the REST client's affair."""
    return sum("RequestHandler" not in repr(task.get_coro()) for task in asyncio.all_tasks())


async def settled(telephone: World) -> None:
    await until(lambda: telephone.exchange.live_legs == 0)
    await telephone.play_out(10)  # callbacks that are sent again
    await until(lambda: len(telephone.exchange._tasks) == 0)


def memory() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
