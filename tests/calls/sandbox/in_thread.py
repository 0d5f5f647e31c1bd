"""The sandbox exchange in a thread of its own, for tests that block."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from calls.sandbox.exchange import Exchange, Setup
from calls.sandbox.server import serve


@dataclass
class RunningSandbox:
    exchange: Exchange
    url: str
    loop: asyncio.AbstractEventLoop


@contextmanager
def running_sandbox(setup: Setup) -> Iterator[RunningSandbox]:
    started: list[RunningSandbox] = []
    is_ready, stops = threading.Event(), []

    async def main() -> None:
        exchange, stop, loop = Exchange(setup), asyncio.Event(), asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))

        def ready(url: str) -> None:
            started.append(RunningSandbox(exchange, url, loop))
            is_ready.set()

        await serve(exchange, "127.0.0.1", 0, on_ready=ready, stop=stop)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert is_ready.wait(10)
        yield started[0]
    finally:
        stops[0]()
        thread.join()
