"""The exchange's HTTP face, on loopback only: whoever reaches it could place calls and read who was called."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from calls.sandbox import rest_calls, rest_numbers
from calls.sandbox.exchange import Exchange
from calls.sandbox.network import is_loopback
from calls.sandbox.rest import EXCHANGE, guard


class NotLoopback(ValueError):
    """The exchange was told to listen where other machines could reach it."""


def check_host(host: str) -> None:
    if not is_loopback(host):
        raise NotLoopback(
            f"The sandbox listens on this machine only: {host!r} is not a loopback address. Use 127.0.0.1."
        )


def make_app(exchange: Exchange) -> web.Application:
    app = web.Application(middlewares=[guard])
    app[EXCHANGE] = exchange
    app.add_routes([*rest_calls.routes, *rest_numbers.routes])
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/stats", _stats)
    app.cleanup_ctx.append(_lifetime)
    return app


async def _lifetime(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[EXCHANGE].aclose()


async def _healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _stats(request: web.Request) -> web.Response:
    return web.json_response(request.app[EXCHANGE].stats())


async def serve(
    exchange: Exchange, host: str, port: int, *, on_ready: Callable[[str], None], stop: asyncio.Event | None = None
) -> None:
    """Until SIGINT or SIGTERM, or until `stop` is set. Raises NotLoopback, and OSError for a taken port."""
    check_host(host)
    runner = web.AppRunner(make_app(exchange), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        on_ready(site_url(runner))
        await _stopped(stop)
    finally:
        await runner.cleanup()


def site_url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _stopped(stop: asyncio.Event | None) -> None:
    if stop is not None:
        await stop.wait()
        return
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
