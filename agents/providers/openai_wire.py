"""A Realtime websocket: events as dictionaries, checked, and audio that is sent without waiting.

The client's own event objects are built without being checked, so the JSON is read here.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final, cast

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.websocket_connection_options import WebSocketConnectionOptions
from websockets.exceptions import ConnectionClosedOK

from agents.errors import CutShort, Malformed, Overloaded, ProviderError
from agents.providers.base import timed
from agents.providers.openai_client import tls_context
from agents.providers.openai_errors import BUSY_CODES, QUOTA_CODES, of_code, of_status, translated
from agents.providers.openai_settings import Served

Event = dict[str, Any]
MULAW: Final[Event] = {"type": "audio/pcmu"}
QUEUED: Final = 1500  # events: 30 s of frames; whoever cannot send for so long has lost the server
# How long a server may take to say goodbye; then its connection is aborted.
GOODBYE_S: Final = 2.0
# A client event that came too late or made no sense is refused without ending the session.
REFUSED: Final = "invalid_request_error"
FATAL_CODES: Final = frozenset({"session_expired", *QUOTA_CODES, *BUSY_CODES})


class Wire:
    """One connection. `send` never waits; what went wrong while sending is raised by `events`."""

    def __init__(self, served: Served, connection: AsyncRealtimeConnection) -> None:
        self.provider = served.provider
        self._served = served
        self._connection = connection
        self._queue: asyncio.Queue[Event] = asyncio.Queue(QUEUED)
        self._failure: ProviderError | None = None
        self._sender = asyncio.get_running_loop().create_task(self._send_all())

    def send(self, kind: str, **data: Any) -> None:
        try:
            self._queue.put_nowait({"type": kind, **data})
        except asyncio.QueueFull:
            self._failure = Overloaded(f"{self.provider} takes audio too slowly.", provider=self.provider)

    def send_audio(self, mulaw: bytes) -> None:
        self.send("input_audio_buffer.append", audio=base64.b64encode(mulaw).decode())

    async def _send_all(self) -> None:
        try:
            with translated(self.provider):
                while True:
                    event = await self._queue.get()
                    await self._connection.send_raw(json.dumps(event))
        except ProviderError as error:
            self._failure = error

    async def receive(self) -> Event:
        """The next event, also "error" where the server merely refused an event of ours.

        Raises ProviderError: CutShort where the connection ended, or what an error event says.
        """
        if self._failure is not None:
            raise self._failure
        event = await self._read()
        if event["type"] == "error":
            error = _part(event, "error")
            if error.get("type") != REFUSED or error.get("code") in FATAL_CODES:
                raise of_code(error.get("code"), self.provider)
        return event

    async def expect(self, kind: str) -> Event:
        """The next event of this kind, within the time limit; others are passed over."""

        async def seek() -> Event:
            while True:
                event = await self.receive()
                if event["type"] == "error":
                    code = error_code(event)
                    raise of_status(400, code, self.provider)
                if event["type"] == kind:
                    return event

        return await timed(seek(), provider=self.provider, timeout_s=self._served.timeout_s)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Until the connection ends, which is CutShort unless we closed it."""
        while True:
            yield await self.receive()

    async def _read(self) -> Event:
        with translated(self.provider):
            try:
                event = json.loads(await self._connection.recv_bytes())
            except ConnectionClosedOK as error:
                raise CutShort(f"{self.provider} ended the session.", provider=self.provider) from error
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            raise Malformed(f"{self.provider} sent an event without a type.", provider=self.provider)
        return event

    async def aclose(self) -> None:
        """The socket is closed when this ends, also where it is cancelled: who says no goodbye in time is cut off."""
        self._sender.cancel()
        try:
            await asyncio.gather(self._sender, return_exceptions=True)
            with suppress(ProviderError), translated(self.provider):
                await self._connection.close()
        finally:
            # OpenAI's connection has no other way to let go at once; harmless where it is closed.
            self._connection._connection.transport.abort()


async def connect(served: Served, session: Event) -> Wire:
    """A session as `session` describes it, ready for audio. Raises ProviderError; not later than the time limit."""
    wire = await timed(_connect(served, session), provider=served.provider, timeout_s=served.timeout_s)
    try:
        await wire.expect("session.created")
        wire.send("session.update", session=session)
        await wire.expect("session.updated")
    except BaseException:
        await wire.aclose()
        raise
    return wire


async def _connect(served: Served, session: Event) -> Wire:
    options: dict[str, Any] = {"max_queue": None, "close_timeout": min(served.timeout_s, GOODBYE_S)}
    if served.endpoint.secure:
        options["ssl"] = tls_context()  # else one would be built for each connection
    websocket = cast(WebSocketConnectionOptions, options)
    realtime = served.client().realtime
    with translated(served.provider):
        if session["type"] == "transcription":
            manager = realtime.connect(extra_query={"intent": "transcription"}, websocket_connection_options=websocket)
        else:
            manager = realtime.connect(model=served.model, websocket_connection_options=websocket)
        return Wire(served, await manager.enter())


def error_code(event: Event) -> str:
    code = _part(event, "error").get("code")
    return code if isinstance(code, str) else ""


def text_of(event: Event, name: str, provider: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{provider} sent an event without {name}.", provider=provider)
    return value


def item_of(event: Event) -> str:
    item = event.get("item_id")
    return item if isinstance(item, str) else ""


def ms_of(event: Event, name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0


def audio_of(event: Event, provider: str) -> bytes:
    try:
        return base64.b64decode(text_of(event, "delta", provider), validate=True)
    except ValueError as error:
        raise Malformed(f"{provider} sent audio that is not base64.", provider=provider) from error


def expect_completed(event: Event, provider: str) -> Event:
    """The response of a `response.done` that is whole, or was cancelled by us or the far end's speech."""
    response = _part(event, "response")
    details = response.get("status_details") or {}
    match response.get("status"):
        case "completed" | "cancelled":
            return response
        case "incomplete":
            raise CutShort(f"{provider} ran into its token limit. Raise max_output_tokens.", provider=provider)
        case "failed":
            raise of_code((details.get("error") or {}).get("code"), provider)
    raise Malformed(f"{provider} ended a response without a status.", provider=provider)


def _part(event: Event, name: str) -> Event:
    value = event.get(name)
    return value if isinstance(value, dict) else {}
