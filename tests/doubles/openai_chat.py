"""The double's `/chat/completions`: whole, streamed, with functions and structured output."""

from typing import Any

from aiohttp import web

from tests.doubles.openai_faults import Ended, Fault, Stream, error, spoiled
from tests.doubles.openai_script import Reply, Script

USAGE = {
    "prompt_tokens": 50,
    "completion_tokens": 7,
    "total_tokens": 57,
    "prompt_tokens_details": {"cached_tokens": 30},
}


async def completions(
    request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
) -> web.StreamResponse:
    if problem := _unanswered_call(body["messages"]):
        return error(400, problem)
    if body.get("stream"):
        return await _streamed(request, script, script.reply(fault), fault)
    if fault is not None and (answer := spoiled(fault)) is not None:
        return answer
    reply = script.reply(fault)
    message = {
        "role": "assistant",
        "content": None if reply.refusal else reply.text,
        "refusal": reply.text if reply.refusal else None,
        "tool_calls": _calls(reply) or None,
    }
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason, "logprobs": None}
    envelope = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return web.json_response({**envelope, "choices": [choice], "usage": USAGE})


def _unanswered_call(messages: list[dict[str, Any]]) -> str | None:
    """As OpenAI: each call of a message is answered by the messages right after it."""
    for index, message in enumerate(messages):
        wanted = {call["id"] for call in message.get("tool_calls") or ()}
        following = messages[index + 1 : index + 1 + len(wanted)]
        if wanted != {answer.get("tool_call_id") for answer in following}:
            return "invalid_tool_calls"
    return None


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(reply.calls)
    ]


async def _streamed(request: web.Request, script: Script, reply: Reply, fault: Fault | None) -> web.StreamResponse:
    stream = Stream(request, fault, script.piece_s)
    await stream.open()
    try:
        await stream.event(_chunk({"role": "assistant", "content": ""}))
        field = "refusal" if reply.refusal else "content"
        for word in reply.words:
            await stream.event(_chunk({field: word}))
        for delta in _call_deltas(reply):
            await stream.event(_chunk(delta))
        await stream.event(_chunk({}, reply.finish_reason))
        await stream.event({**_chunk({}), "choices": [], "usage": USAGE})
        await stream.event("[DONE]")
    except Ended:
        pass
    return await stream.close()


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def _call_deltas(reply: Reply) -> list[dict[str, Any]]:
    """The name first, then the arguments in two pieces."""
    deltas = []
    for index, (name, arguments) in enumerate(reply.calls):
        head = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        middle = len(arguments) // 2
        parts = (arguments[:middle], arguments[middle:])
        deltas += [{"tool_calls": [head]}]
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in parts]
    return deltas
