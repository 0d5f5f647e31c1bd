"""One leg's media stream: the exchange as the websocket client of an application."""

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
from yarl import URL

from calls.sandbox.applications import Applications, reason_of
from calls.sandbox.errors import STREAM_REFUSED, CallFailed, Problem
from calls.sandbox.network import url_fault
from calls.sandbox.playout import Playout
from calls.sandbox.record import new_sid
from calls.telephony import protocol, signature
from calls.telephony.twiml import ConnectStream

# An application that reads so slowly that this much piles up loses frames (31930), as at Twilio.
MAX_UNREAD_BYTES: Final = 48 * 1024
MAX_VIOLATIONS: Final = 100
_CLOSE_S: Final = 2.0
_NORMAL_CLOSES: Final = (1000, 1001, 1005)

StreamMark = str | asyncio.Future[None]


class MediaStream:
    """`open`, then `listen` until the application closes; `send_frame` once a tick meanwhile; `close` in any case."""

    def __init__(
        self,
        verb: ConnectStream,
        account_sid: str,
        call_sid: str,
        playout: Playout[StreamMark],
        note: Callable[[Problem], None],
    ) -> None:
        self.sid = new_sid("MZ")
        self._verb = verb
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._playout = playout
        self._note = note
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._sequence = 0
        self._chunk = 0
        self._timestamp_ms = 0
        self._violations = 0
        self.dropped_frames = 0

    async def open(self, applications: Applications) -> None:
        """Raises CallFailed 31920 where the application does not take the stream."""
        url = self._verb.url
        if fault := url_fault(url, schemes=("ws", "wss"), may_be_remote=applications.allow_remote):
            raise CallFailed(11100, fault)
        headers = {signature.HEADER.lower(): applications.signature(url)}
        timeout = aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
        try:
            async with asyncio.timeout(applications.timeout_s):
                self._socket = await applications.session.ws_connect(
                    URL(url, encoded=True), headers=headers, timeout=timeout, max_msg_size=protocol.MAX_MESSAGE_CHARS
                )
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            raise CallFailed(STREAM_REFUSED, f"{url} did not take the stream: {_reason(error)}.") from error
        await self._greet()

    async def _greet(self) -> None:
        start = protocol.Start(self.sid, self._account_sid, self._call_sid, self._verb.parameters)
        await self._send(protocol.connected_message())
        await self._send(protocol.start_message(self._next(), start))

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self._socket.closed

    # --- From the call to the application -----------------------------------------------------------------------------
    async def send_frame(self, payload: bytes) -> None:
        """20 ms of what the leg hears. Never waits: a frame that an application does not read in time is dropped."""
        timestamp_ms = self._timestamp_ms
        self._timestamp_ms += protocol.FRAME_MS
        if self._unread_bytes() > MAX_UNREAD_BYTES:
            self._drop()
            return
        self._chunk += 1
        await self._send(protocol.media_message(self._next(), self.sid, self._chunk, timestamp_ms, payload))

    async def send_mark(self, name: str) -> None:
        await self._send(protocol.mark_message(self._next(), self.sid, name))

    async def send_digit(self, digit: str) -> None:
        await self._send(protocol.dtmf_message(self._next(), self.sid, digit))

    async def close(self) -> None:
        """`stop`, then the close handshake."""
        if self._socket is None:
            return
        await self._send(protocol.stop_message(self._next(), self.sid, self._account_sid, self._call_sid))
        await self._socket.close()

    async def _send(self, text: str) -> None:
        if self._socket is None or self._socket.closed:
            return
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError):
            return  # `listen` learns of the loss and ends the stream

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _unread_bytes(self) -> int:
        assert self._socket is not None
        # aiohttp shows its write buffer nowhere else, and awaiting its flow control would stop every call's clock.
        return self._socket._writer.transport.get_write_buffer_size()

    def _drop(self) -> None:
        if self.dropped_frames == 0:
            self._note(Problem(31930, "The application reads its media stream too slowly; audio is dropped."))
        self.dropped_frames += 1

    # --- From the application to the call -----------------------------------------------------------------------------
    async def listen(self) -> None:
        """Until the application closes the websocket, or has broken the protocol too often."""
        assert self._socket is not None
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._take(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await self._refuse("binary message")
        if self._socket.close_code not in _NORMAL_CLOSES:
            self._note(Problem(31921, f"The application closed its media stream with code {self._socket.close_code}."))

    async def _take(self, text: str) -> None:
        try:
            command = protocol.parse_command(text, self.sid)
        except protocol.Violation as violation:
            await self._refuse(str(violation))
            return
        match command:
            case protocol.PlayMedia(payload):
                if not self._playout.put(payload):
                    await self._refuse("more audio than the buffer holds")
            case protocol.PlayMark(name):
                await self._mark(name)
            case protocol.Clear():
                await self.echo(self._playout.clear())

    async def _mark(self, name: str) -> None:
        if self._playout.buffered_bytes == 0:
            await self.echo(self._playout.reached())
            await self.send_mark(name)
        else:
            self._playout.mark(name)

    async def echo(self, marks: list[StreamMark]) -> None:
        for mark in marks:
            if isinstance(mark, str):
                await self.send_mark(mark)

    async def _refuse(self, reason: str) -> None:
        """Twilio's 31950 for what is not JSON, 31951 for what is not a message; the stream survives a few of them."""
        code = 31950 if reason in ("not JSON", "not an object", "binary message") else 31951
        self._note(Problem(code, f"The application broke the Media Streams protocol: {reason}."))
        self._violations += 1
        if self._violations >= MAX_VIOLATIONS and self._socket is not None:
            await self._socket.close(code=aiohttp.WSCloseCode.POLICY_VIOLATION)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"HTTP {error.status}"
    return reason_of(error)
