"""The load of `media_path`: many callers on media streams, as the exchange sends them."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from calls.telephony import protocol, signature

FRAME_S = protocol.FRAME_MS / 1000


@dataclass
class Stream:
    call_sid: str
    token: str
    sent: list[float] = field(default_factory=list)  # monotonic seconds
    late: list[float] = field(default_factory=list)  # seconds behind the moment at which a frame was due
    socket: ClientConnection | None = None

    @property
    def sid(self) -> str:
        return "MZ" + self.call_sid[2:]

    async def open(self, url: str, auth_token: str, tasks: asyncio.TaskGroup) -> "asyncio.Task[None]":
        """Connect and start. Returns the task that reads what the agent says."""
        headers = {signature.HEADER: signature.sign(auth_token, url)}
        self.socket = await connect(
            url, additional_headers=headers, compression=None, ping_interval=None, max_queue=None
        )
        start = protocol.Start(self.sid, "AC" + "0" * 32, self.call_sid, {"token": self.token})
        await self.socket.send(protocol.connected_message())
        await self.socket.send(protocol.start_message(1, start))
        return tasks.create_task(self._listen(self.socket))

    async def send(self, number: int, payload: bytes) -> None:
        assert self.socket is not None
        await self.socket.send(protocol.media_message(number + 2, self.sid, number + 1, number * 20, payload))

    async def _listen(self, socket: ClientConnection) -> None:
        """Marks go back when their audio would have been played."""
        loop, end_at = asyncio.get_running_loop(), 0.0
        with contextlib.suppress(ConnectionError):
            async for text in socket:
                message = json.loads(text)
                if message["event"] == "media":
                    seconds = len(message["media"]["payload"]) * 3 / 4 / protocol.SAMPLE_RATE_HZ
                    end_at = max(end_at, loop.time()) + seconds
                elif message["event"] == "mark":
                    echo = protocol.mark_message(0, self.sid, message["mark"]["name"])
                    loop.call_at(end_at, _send_later, socket, echo)

    async def close(self, listening: "asyncio.Task[None]") -> None:
        assert self.socket is not None
        listening.cancel()
        await self.socket.close()


def _send_later(socket: ClientConnection, text: str) -> None:
    _sending.add(task := asyncio.ensure_future(_send_quietly(socket, text)))
    task.add_done_callback(_sending.discard)


async def _send_quietly(socket: ClientConnection, text: str) -> None:
    with contextlib.suppress(OSError, ConnectionClosed):  # a mark of a stream that is closed by now
        await socket.send(text)


_sending: set[asyncio.Future[None]] = set()


@dataclass(frozen=True)
class Used:
    """By the server, between two moments (monotonic seconds) after the warm-up."""

    began_at: float
    ended_at: float
    cpu_s: float
    rss_kb: float  # more than before the calls


async def drive(
    pid: int, port: int, auth_token: str, streams: list[Stream], frames: list[bytes], warm_up_s: float, seconds: float
) -> Used:
    """One call to warm up (the last of `streams`), then all others at once."""
    url = f"ws://127.0.0.1:{port}/ws"
    await _until_listening(port)
    server, (*measured, first) = psutil.Process(pid), streams
    await _one_call(first, url, auth_token, frames)
    before_kb = server.memory_info().rss / 1024
    async with asyncio.TaskGroup() as tasks:
        listening = [await stream.open(url, auth_token, tasks) for stream in measured]
        start_at = time.monotonic() + 0.5
        feeding = tasks.create_task(_feed(measured, frames, start_at, warm_up_s + seconds))
        await asyncio.sleep(start_at + warm_up_s - time.monotonic())
        before, began = server.cpu_times(), time.monotonic()
        await asyncio.sleep(seconds)
        after, ended = server.cpu_times(), time.monotonic()
        rss_kb = server.memory_info().rss / 1024 - before_kb
        await feeding
        await asyncio.sleep(1.0)  # the last frames arrive
        for task in listening:
            task.cancel()
    return Used(began, ended, after.user + after.system - before.user - before.system, rss_kb)


async def _one_call(stream: Stream, url: str, auth_token: str, frames: list[bytes]) -> None:
    """A whole cycle as fast as it goes: what the first call loads is no later call's memory."""
    async with asyncio.TaskGroup() as tasks:
        listening = await stream.open(url, auth_token, tasks)
        await asyncio.sleep(0.5)
        for number, payload in enumerate(frames):
            await stream.send(number, payload)
            if number % 10 == 0:
                await asyncio.sleep(FRAME_S)
        await asyncio.sleep(0.5)
        await stream.close(listening)


async def _feed(streams: list[Stream], frames: list[bytes], start_at: float, seconds: float) -> None:
    """50 frames a second and call on absolute times, the calls spread evenly over the 20 ms and over the cycle."""
    offsets = [index * len(frames) // len(streams) for index in range(len(streams))]
    for number in range(int(seconds / FRAME_S)):
        for index, stream in enumerate(streams):
            due = start_at + (number + index / len(streams)) * FRAME_S
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            stream.sent.append(now := time.monotonic())
            stream.late.append(now - due)
            await stream.send(number, frames[(offsets[index] + number) % len(frames)])


async def _until_listening(port: int) -> None:
    for _ in range(400):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
    raise SystemExit("The server of the benchmark does not listen.")
