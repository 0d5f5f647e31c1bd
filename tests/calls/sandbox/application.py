"""A scripted Twilio application on loopback, and an exchange to call it: real sockets, a clock that tests turn."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web
from twilio.rest import Client

from calls.sandbox.clock import ScriptedClock
from calls.sandbox.directory import Directory
from calls.sandbox.exchange import Exchange, Setup
from calls.sandbox.server import make_app, site_url
from calls.telephony import twiml

SID = "AC" + "0" * 32
TOKEN = "t" * 32
KLIX, AGENT = "+15550100000", "+15550100123"
SILENT, BUSY, NO_ANSWER, FAILED = (f"+1555010090{n}" for n in range(4))
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


async def until(condition: Callable[[], object]) -> None:
    """Lets the loop and its sockets work until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (the condition is of sockets and threads: nobody sets an event)
            await asyncio.sleep(0)


@dataclass
class Request:
    path: str
    url: str
    method: str
    form: dict[str, str]
    headers: Mapping[str, str]


@dataclass
class Stream:
    """The application's end of a media stream."""

    socket: web.WebSocketResponse
    headers: Mapping[str, str]
    messages: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    @property
    def sid(self) -> str:
        return str(self.of("start")[0]["streamSid"])

    @property
    def audio(self) -> bytes:
        return b"".join(base64.b64decode(message["media"]["payload"]) for message in self.of("media"))

    @property
    def marks(self) -> list[str]:
        return [message["mark"]["name"] for message in self.of("mark")]

    @property
    def digits(self) -> str:
        return "".join(message["dtmf"]["digit"] for message in self.of("dtmf"))

    async def play(self, payload: bytes) -> None:
        await self.send(event="media", media={"payload": base64.b64encode(payload).decode()})

    async def mark(self, name: str) -> None:
        await self.send(event="mark", mark={"name": name})

    async def clear(self) -> None:
        await self.send(event="clear")

    async def send(self, **message: object) -> None:
        await self.socket.send_json({"streamSid": self.sid, **message})


class Application:
    """Answers each path with the document set for it; keeps what it was asked; takes streams at /ws…"""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.statuses: dict[str, int] = {}
        self.contents: dict[str, bytes] = {}
        self.silent: set[str] = set()  # paths that get no answer
        self.deaf: set[str] = set()  # streams that are not read
        self.requests: list[Request] = []
        self.streams: dict[str, Stream] = {}
        self.base = ""

    def at(self, path: str) -> str:
        return self.base + path

    def stream_url(self, path: str) -> str:
        return self.base.replace("http", "ws", 1) + path

    def answers(self, path: str, *verbs: twiml.Verb) -> None:
        self.documents[path] = twiml.render(*verbs)

    def streams_at(self, path: str, stream_path: str, *then: twiml.Verb) -> None:
        self.answers(path, twiml.ConnectStream(self.stream_url(stream_path), {"token": "secret"}), *then)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/ws"):
            return await self._stream(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        url = self.base + request.raw_path
        self.requests.append(Request(request.path, url, request.method, form, request.headers))
        if request.path in self.silent:
            await asyncio.Event().wait()
        status = self.statuses.get(request.path, 200)
        if request.path in self.contents:
            return web.Response(body=self.contents[request.path], content_type="audio/wav")
        return web.Response(text=self.documents.get(request.path, ""), status=status, content_type="text/xml")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        stream = self.streams[request.path] = Stream(socket, request.headers)
        if request.path in self.deaf:
            stream.messages.append(json.loads(await socket.receive_str()))
            await stream.closed.wait()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                stream.messages.append(message.json())
        stream.closed.set()
        return socket


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class World:
    application: Application
    exchange: Exchange
    clock: ScriptedClock
    client: Client

    async def place(self, **parameters: Any) -> Any:
        """By the official client, which blocks: in a thread."""
        wanted = {"to": AGENT, "from_": KLIX, "url": self.application.at("/caller"), **parameters}
        return await asyncio.to_thread(lambda: self.client.calls.create(**wanted))

    async def fetch(self, sid: str) -> Any:
        return await asyncio.to_thread(lambda: self.client.calls(sid).fetch())

    async def update(self, sid: str, **parameters: str) -> Any:
        return await asyncio.to_thread(lambda: self.client.calls(sid).update(**parameters))

    async def stream(self, path: str) -> Stream:
        """The stream at `path`, once it has started."""
        streams = self.application.streams
        await until(lambda: path in streams and streams[path].of("start"))
        return streams[path]

    async def two_streams(self, **parameters: Any) -> tuple[Any, Stream, Stream]:
        """A call whose both legs stream: the call, the caller's stream, the agent's stream."""
        self.application.streams_at("/caller", "/ws/caller")
        self.application.streams_at("/voice", "/ws/agent")
        call = await self.place(**parameters)
        return call, await self.stream("/ws/caller"), await self.stream("/ws/agent")

    async def ended(self, sid: str) -> str:
        """The status that the call ended with."""
        record = self.exchange.call(sid)
        assert record is not None
        await until(lambda: record.is_over)
        return record.status.value

    async def play_out(self, seconds: float) -> None:
        await self.clock.advance(seconds)


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield site_url(runner)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def world(
    directory: Directory | None = None, webhook_timeout_s: float = 15.0, clock: Any = None, **options: Any
) -> AsyncIterator[World]:
    application, clock = Application(), clock or ScriptedClock()
    web_app = web.Application()
    web_app.router.add_route("*", "/{path:.*}", application.handle)
    async with serving(web_app) as application.base:
        setup = Setup(
            SID, TOKEN, application.at("/voice"), application.at("/far-status"), webhook_timeout_s=webhook_timeout_s
        )
        exchange = Exchange(setup, directory, clock=clock, **options)
        async with serving(make_app(exchange)) as base:
            client = Client(SID, TOKEN)
            client.api.base_url = base
            yield World(application, exchange, clock, client)
            client.http_client.session.close()


async def reports(telephone: World, count: int, path: str = "/status") -> list[dict[str, str]]:
    """The first `count` status callbacks, in the order in which they came."""
    async with asyncio.timeout(10):
        while len(telephone.application.asked(path)) < count:
            # Lets retries become due.
            await telephone.play_out(0.5)
    return [request.form for request in telephone.application.asked(path)]


def tracked(telephone: World, **more: Any) -> dict[str, Any]:
    return {"status_callback": telephone.application.at("/status"), "status_callback_event": ALL_EVENTS, **more}
