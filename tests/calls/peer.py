"""A media stream's far end in tests: speaks ASGI to the real consumer, on a clock of frames fed."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from calls.audio import mulaw
from calls.media_consumer import live_sessions, media_stream
from calls.media_session import MediaSession
from calls.telephony import protocol
from tests.calls.line import settle, speech

ACCOUNT = "AC" + "0" * 32
STREAM = "MZ" + "0" * 32
FRAME = protocol.FRAME_BYTES
SILENCE = b"\xff" * FRAME


class Peer:
    def __init__(self, headers: dict[str, str] | None = None, client: str = "127.0.0.1") -> None:
        self.scope = {
            "type": "websocket",
            "path": "/ws",
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "client": (client, 40000),
        }
        self.sent: list[dict[str, Any]] = []
        self.now_ms = 0
        self._sequence = 0
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self.run: asyncio.Task[None] | None = None
        self.is_gone = False  # what is sent to it fails from now on

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if self.is_gone:
            raise OSError("the peer is gone")
        self.sent.append(dict(message))

    def open(self) -> None:
        self.run = asyncio.create_task(media_stream(self.scope, self._inbox.get, self._send))

    def text(self, text: str) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def binary(self, content: bytes) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "bytes": content})

    def start(self, call_sid: str, parameters: dict[str, str] | None = None, stream_sid: str = STREAM) -> None:
        self.text(protocol.connected_message())
        self.text(protocol.start_message(1, protocol.Start(stream_sid, ACCOUNT, call_sid, parameters or {})))

    def frame(self, payload: bytes = SILENCE) -> None:
        self._sequence += 1
        self.text(protocol.media_message(self._sequence, STREAM, self._sequence, self.now_ms, payload))
        self.now_ms += protocol.FRAME_MS

    async def frames(self, ms: int, payload: bytes = b"") -> None:
        """`ms` of silence, or of `payload`; each frame is taken before the next one is sent."""
        for start in range(0, ms * 8, FRAME):
            self.frame(payload[start : start + FRAME] or SILENCE)
            await settle(4)

    async def say(self, ms: int) -> None:
        await self.frames(ms, mulaw.encode(speech(ms)))

    async def hang_up(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
        assert self.run is not None
        await self.run

    @property
    def session(self) -> MediaSession:
        (only,) = live_sessions
        return only

    @property
    def unread(self) -> int:
        return self._inbox.qsize()

    def commands(self, event: str) -> list[dict[str, Any]]:
        texts = [json.loads(message["text"]) for message in self.sent if message["type"] == "websocket.send"]
        return [command for command in texts if command["event"] == event]

    @property
    def played(self) -> bytes:
        return b"".join(base64.b64decode(each["media"]["payload"]) for each in self.commands("media"))

    @property
    def closed(self) -> dict[str, Any] | None:
        return next((message for message in self.sent if message["type"] == "websocket.close"), None)


async def until(condition: Callable[[], object], *, within_s: float = 20) -> None:
    """Lets the loop and the threads work until the condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  (the condition is of threads: nobody sets an event)
            await asyncio.sleep(0)


@asynccontextmanager
async def connected(call_sid: str, parameters: dict[str, str] | None = None, **peer: Any) -> AsyncIterator[Peer]:
    """A stream whose session runs; hangs up at the end, if that has not happened."""
    far = Peer(**peer)
    far.open()
    far.start(call_sid, parameters)
    await until(lambda: live_sessions or far.closed)
    try:
        yield far
    finally:
        assert far.run is not None
        if not far.run.done():
            await far.hang_up()
