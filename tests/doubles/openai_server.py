"""A loopback double of OpenAI's interfaces, to which the official client talks over real sockets.

It runs in a thread with an event loop of its own, so that blocking code and commands can be tested against it too.

    with OpenAIDouble() as openai:
        openai.script.replies.append(Reply("Hello."))
        options = openai.options  # base_url and api_key for a provider
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from email.message import Message
from email.parser import BytesParser
from typing import Any, Self

from aiohttp import web

from tests.doubles import openai_audio, openai_chat
from tests.doubles.openai_assistants import Assistants
from tests.doubles.openai_faults import Fault, before, error
from tests.doubles.openai_realtime import realtime
from tests.doubles.openai_responses import Conversations
from tests.doubles.openai_script import Asked, Script

Handler = Callable[[web.Request, Script, dict[str, Any], Fault | None], Awaitable[web.StreamResponse]]
KEY = "sk-double"


class OpenAIDouble:
    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.conversations = Conversations()
        self.assistants = Assistants()
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="openai-double", daemon=True)

    @property
    def options(self) -> dict[str, Any]:
        return {"base_url": self.url, "api_key": KEY}

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    # --- Serving ------------------------------------------------------------------------------------------------------
    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._app(), handler_cancellation=True, shutdown_timeout=0.05, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=30 * 1024 * 1024)
        conversations, assistants = self.conversations, self.assistants
        for path, handler in (
            ("/audio/transcriptions", openai_audio.transcriptions),
            ("/audio/translations", openai_audio.translations),
            ("/audio/speech", openai_audio.speech),
            ("/chat/completions", openai_chat.completions),
            ("/conversations", conversations.create),
            ("/responses", conversations.responses),
            ("/assistants", assistants.create_assistant),
            ("/threads", assistants.create_thread),
            ("/threads/{thread}/messages", assistants.create_message),
            ("/threads/{thread}/runs", assistants.run),
            ("/threads/{thread}/runs/{run}/submit_tool_outputs", assistants.submit),
        ):
            app.router.add_post(f"/v1{path}", self._handled(handler))
        app.router.add_delete("/v1/conversations/{id}", self._handled(conversations.delete))
        app.router.add_delete("/v1/threads/{id}", self._handled(assistants.delete))
        app.router.add_delete("/v1/assistants/{id}", self._handled(assistants.delete))
        app.router.add_get("/v1/models", self._handled(self._models))
        app.router.add_get("/v1/models/{id}", self._handled(self._model))
        app.router.add_get("/v1/realtime", self._handled(realtime))
        return app

    def _handled(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await _body(request)
            self._log(request, body)
            if request.headers.get("authorization") != f"Bearer {KEY}":
                return error(401, "invalid_api_key")
            fault = self.script.faults.take(request.path)
            if fault is not None and (answer := await before(fault)) is not None:
                return answer
            if not self.script.assistants_open and ("/threads" in request.path or "/assistants" in request.path):
                return error(404, None)
            if not self._known(request, body):
                return error(404, "model_not_found")
            return await handler(request, self.script, body, fault)

        return handle

    def _log(self, request: web.Request, body: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.transport.get_extra_info("peername") if request.transport else None
        headers["x-double-port"] = str(peer[1] if peer else "")
        self.script.asked.append(Asked(request.method, request.path, body, headers, dict(request.query)))

    def _known(self, request: web.Request, body: dict[str, Any]) -> bool:
        model = body.get("model") or request.query.get("model")
        return model is None or model in self.script.models

    # --- Models -------------------------------------------------------------------------------------------------------
    async def _models(self, _: web.Request, script: Script, __: dict[str, Any], ___: Fault | None) -> web.Response:
        return web.json_response({"object": "list", "data": [self._entry(name) for name in script.models]})

    async def _model(self, request: web.Request, script: Script, _: dict[str, Any], __: Fault | None) -> web.Response:
        name = request.match_info["id"]
        return web.json_response(self._entry(name)) if name in script.models else error(404, "model_not_found")

    def _entry(self, name: str) -> dict[str, Any]:
        date = self.script.models[name]
        return {"id": name, "object": "model", "created": 1, "owned_by": "double", "shutdown_date": date}


async def _body(request: web.Request) -> dict[str, Any]:
    if request.method != "POST":
        return {}
    if request.content_type == "application/json":
        body = await request.json()
        return body if isinstance(body, dict) else {}
    return read_form(request.headers["content-type"], await request.read())


def read_form(content_type: str, data: bytes) -> dict[str, Any]:
    """The fields of a multipart form: text, lists of text for names that end in [], files as bytes."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    for part in BytesParser().parsebytes(head + data).get_payload():
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        if name.endswith("[]"):
            fields.setdefault(name, []).append(content.decode())
        else:
            fields[name] = content if part.get_filename() else content.decode()
    return fields
