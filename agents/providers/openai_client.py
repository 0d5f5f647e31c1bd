"""One OpenAI client per running event loop and endpoint.

A client belongs to the loop in which it was first used. Building its TLS context blocks for 40-100 ms, so there is one
per process, made by `warm_up` in a thread before the first call; what is built inside a call is cheap.
"""

import asyncio
import gc
import ssl
import threading
from weakref import WeakKeyDictionary

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from agents.providers.openai_options import Endpoint

CONNECT_TIMEOUT_S = 3.0
# Longer than the pause between two turns: a new TLS connection costs two round trips more.
KEEP_ALIVE_S = 55.0
TURNS_TO_CLOSE = 40  # of the loop: twice as many as a stream has generators
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=KEEP_ALIVE_S)

_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Endpoint, AsyncOpenAI]]" = WeakKeyDictionary()
_lock = threading.Lock()
_contexts: list[ssl.SSLContext] = []


def tls_context() -> ssl.SSLContext:
    """The one of this process."""
    with _lock:
        if not _contexts:
            _contexts.append(httpx2.create_ssl_context())
        return _contexts[0]


def warm_up() -> None:
    """Blocking; for a thread, before the first call."""
    tls_context()


def client_for(endpoint: Endpoint) -> AsyncOpenAI:
    """The running loop's client for this endpoint. It retries nothing by itself: `base.retried` does."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if endpoint not in clients:
        clients[endpoint] = _build(endpoint)
    return clients[endpoint]


def _build(endpoint: Endpoint) -> AsyncOpenAI:
    transport = DefaultAsyncHttpxClient(verify=tls_context(), limits=LIMITS, follow_redirects=False)
    return AsyncOpenAI(api_key=endpoint.api_key, base_url=endpoint.base_url, max_retries=0, http_client=transport)


def limits(timeout_s: float) -> httpx2.Timeout:
    """For `timeout=` of one request of a live turn."""
    return httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))


async def close_clients() -> None:
    """Closes the clients of the running loop; for the end of a process or a test."""
    clients = _clients.pop(asyncio.get_running_loop(), {})
    for client in clients.values():
        await client.close()
    if clients:
        await _close_generators()


async def _close_generators() -> None:
    """Of a stream that failed the client leaves its generators, one inside the other, to the collector and the loop,
    which closes one in a turn or two. A loop that ends before closes all at once, each amid another's closing."""
    gc.collect()
    for _ in range(TURNS_TO_CLOSE):
        await asyncio.sleep(0)
