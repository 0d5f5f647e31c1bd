"""What the OpenAI double can be told to do wrong."""

import asyncio
import json
from dataclasses import dataclass, field
from enum import Enum, auto

from aiohttp import web


class Kind(Enum):
    RATE_LIMITED = auto()  # 429 without retry-after
    RATE_LIMITED_BRIEFLY = auto()  # 429, retry-after-ms 1
    RATE_LIMITED_FOR_LONG = auto()  # 429, retry-after 60
    NO_QUOTA = auto()  # 429 with the code insufficient_quota
    SERVER_ERROR = auto()
    STALL_BEFORE = auto()  # no answer at all
    STALL_INSIDE = auto()  # some of the stream, then nothing
    CUT = auto()  # some of the stream, then the connection breaks
    ENDED_EARLY = auto()  # some of the stream, then a proper end without the last event
    BAD_JSON = auto()
    WRONG_SCHEMA = auto()
    REFUSAL = auto()
    ERROR_INSIDE = auto()  # some of the stream, then an error event
    TOO_LONG = auto()  # the token limit ended the answer


@dataclass
class Fault:
    path: str  # a part of the path of the requests it hits
    kind: Kind
    times: int  # how many more requests it hits
    after: int = 1  # events or chunks that still come, for what happens inside a stream


@dataclass
class Faults:
    planned: list[Fault] = field(default_factory=list)

    def take(self, path: str) -> Fault | None:
        for fault in self.planned:
            if fault.path in path and fault.times > 0:
                fault.times -= 1
                return fault
        return None


def error(status: int, code: str | None, headers: dict[str, str] | None = None) -> web.Response:
    body = {"error": {"message": "injected", "type": "injected", "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


async def before(fault: Fault) -> web.Response | None:
    """The answer of a fault that happens before anything else; None for one that happens inside."""
    match fault.kind:
        case Kind.RATE_LIMITED:
            return error(429, "rate_limit_exceeded")
        case Kind.RATE_LIMITED_BRIEFLY:
            return error(429, "rate_limit_exceeded", {"retry-after-ms": "1"})
        case Kind.RATE_LIMITED_FOR_LONG:
            return error(429, "rate_limit_exceeded", {"retry-after": "60"})
        case Kind.NO_QUOTA:
            return error(429, "insufficient_quota")
        case Kind.SERVER_ERROR:
            return error(500, "server_error")
        case Kind.STALL_BEFORE:
            await asyncio.Event().wait()
    return None


def spoiled(fault: Fault) -> web.Response | None:
    """A whole answer gone wrong."""
    if fault.kind is Kind.BAD_JSON:
        return web.Response(text='{"text": "hel', content_type="application/json")
    if fault.kind is Kind.WRONG_SCHEMA:
        return web.json_response({"unexpected": True})
    return None


class Stream:
    """An answer in pieces, as server-sent events or bytes, spoiled where a fault says so."""

    def __init__(self, request: web.Request, fault: Fault | None, pause_s: float) -> None:
        self._request = request
        self._fault = fault
        self._pause_s = pause_s
        self._sent = 0
        self._response = web.StreamResponse()

    async def open(self, content_type: str = "text/event-stream") -> None:
        self._response.content_type = content_type
        await self._response.prepare(self._request)

    async def event(self, data: object, name: str = "") -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        if await self._spoil(name):
            return
        prefix = f"event: {name}\n" if name else ""
        await self.chunk(f"{prefix}data: {text}\n\n".encode(), counted=True)

    async def chunk(self, data: bytes, *, counted: bool = False) -> None:
        if not counted:
            await self._spoil("")
        await self._response.write(data)
        self._sent += 1
        await asyncio.sleep(self._pause_s)

    async def _spoil(self, name: str) -> bool:
        if self._fault is None or self._sent < self._fault.after:
            return False
        match self._fault.kind:
            case Kind.STALL_INSIDE:
                await asyncio.Event().wait()
            case Kind.CUT:
                assert self._request.transport is not None
                self._request.transport.abort()
                raise Ended
            case Kind.ENDED_EARLY:
                raise Ended
            case Kind.BAD_JSON:
                await self._response.write(b'data: {"brok\n\n')
                raise Ended
            case Kind.WRONG_SCHEMA:
                prefix = f"event: {name}\n" if name else ""
                await self._response.write(f'{prefix}data: {{"unexpected": true}}\n\n'.encode())
                raise Ended
            case Kind.ERROR_INSIDE:
                await self._response.write(b'data: {"error": {"message": "injected", "code": "server_error"}}\n\n')
                raise Ended
        return False

    async def close(self) -> web.StreamResponse:
        if self._request.transport is not None and not self._request.transport.is_closing():
            await self._response.write_eof()
        return self._response


class Ended(Exception):
    """The stream was ended by its fault."""
