"""Every kind of answer read once, ahead of the first call.

The client builds the classes of an answer when the first one of its kind arrives: up to half a second of work on the
event loop, in which every call of the process would stand still. Here the answers are made up and no request leaves the
process.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx2
from openai import AsyncOpenAI

ADDRESS: Final = "http://rehearsal.invalid/v1"
MODEL: Final = "none"
FILE: Final = ("turn.wav", b"RIFF", "audio/wav")


def whole(**answer: Any) -> tuple[str, str]:
    return "application/json", json.dumps(answer)


def events(*sent: Mapping[str, Any], name: str = "") -> tuple[str, str]:
    lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for data in sent]
    return "text/event-stream", "".join(lines)


RESPONSE: Final = {"id": "r", "object": "response", "created_at": 1, "status": "completed", "output": []}
CHOICE: Final = {"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}
MESSAGE: Final = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
DELTA: Final = {"index": 0, "type": "text", "text": {"value": "Hi.", "annotations": []}}

# (the path's end, whether it is streamed) → type and body of the answer
ANSWERS: Final[Mapping[tuple[str, bool], tuple[str, str]]] = {
    ("/chat/completions", True): events({"id": "c", "object": "chat.completion.chunk", "choices": [CHOICE]}),
    ("/chat/completions", False): whole(id="c", object="chat.completion", choices=[MESSAGE]),
    ("/conversations", False): whole(id="v", object="conversation"),
    ("/responses", True): events(
        {"type": "response.output_text.delta", "delta": "Hi."},
        {"type": "response.output_item.done", "item": {"type": "function_call", "name": "a", "arguments": "{}"}},
        {"type": "response.completed", "response": RESPONSE},
    ),
    ("/audio/transcriptions", True): events(
        {"type": "transcript.text.delta", "delta": "Hi."}, {"type": "transcript.text.done", "text": "Hi."}
    ),
    ("/audio/transcriptions", False): whole(text="Hi.", language="english", duration=1, words=[]),
    ("/audio/translations", False): whole(text="Hi."),
    ("/assistants", False): whole(id="a", object="assistant"),
    ("/threads", False): whole(id="t", object="thread"),
    ("/messages", False): whole(id="m", object="thread.message"),
    ("/runs", True): events({"id": "m", "delta": {"content": [DELTA]}}, name="thread.message.delta"),
}


def answer(request: httpx2.Request) -> httpx2.Response:
    streamed = b'"stream":true' in request.content or b'name="stream"' in request.content
    for (path, is_stream), (kind, body) in ANSWERS.items():
        if request.url.path.endswith(path) and is_stream is streamed:
            return httpx2.Response(200, headers={"content-type": kind}, content=body)
    return httpx2.Response(200, json={"id": "x", "deleted": True})


def rehearse() -> None:
    """Blocking, about a second; for a thread that has no event loop."""
    asyncio.run(_rehearse())


async def _rehearse() -> None:
    transport = httpx2.MockTransport(answer)
    async with (
        httpx2.AsyncClient(transport=transport) as http,
        AsyncOpenAI(api_key=MODEL, base_url=ADDRESS, max_retries=0, http_client=http) as client,
    ):
        await _speak(client)
        await _think(client)
        await _think_with_threads(client)


async def _speak(client: AsyncOpenAI) -> None:
    audio = client.audio
    await audio.transcriptions.create(file=FILE, model=MODEL)
    await audio.transcriptions.create(file=FILE, model=MODEL, response_format="verbose_json")
    await _read(await audio.transcriptions.create(file=FILE, model=MODEL, stream=True))
    await audio.translations.create(file=FILE, model=MODEL)


async def _think(client: AsyncOpenAI) -> None:
    chat: Any = {"messages": [{"role": "user", "content": "Hi."}], "model": MODEL}
    await client.chat.completions.create(**chat)
    await _read(await client.chat.completions.create(**chat, stream=True))
    await client.conversations.create()
    await client.conversations.delete("v")
    await _read(await client.responses.create(input="Hi.", model=MODEL, stream=True))


async def _think_with_threads(client: AsyncOpenAI) -> None:
    beta: Any = client.beta  # deprecated, and so marked
    await beta.assistants.create(model=MODEL)
    await beta.threads.create()
    await beta.threads.messages.create("t", role="user", content="Hi.")
    await _read(await beta.threads.runs.create("t", assistant_id="a", stream=True))
    await beta.threads.delete("t")
    await beta.assistants.delete("a")


async def _read(stream: AsyncIterator[object]) -> None:
    async for _ in stream:
        pass
