"""Brain "chat": Chat Completions, streamed. What OpenAI, vLLM, Ollama, LocalAI and most others speak."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from openai.types.chat import ChatCompletionChunk

from agents.errors import CutShort, Malformed, Refused
from agents.providers.base import retried_stream
from agents.providers.brain_history import Answer, Call, Entry, Message
from agents.providers.metering import Meter
from agents.providers.openai_brain import BRAIN_OPTIONS, Manner, TextBrain
from agents.providers.openai_client import limits, warm_up
from agents.providers.openai_errors import translated
from agents.providers.openai_settings import Served
from agents.providers.openai_streams import END_OF_TEXT, guarded
from agents.providers.registry import BrainSetup, register_brain
from agents.providers.tools import Tool

NAME: Final = "chat"
DEFAULT_MODEL: Final = "gpt-6-luna"
ENDED: Final = ("stop", "tool_calls", "function_call")


class ChatBrain(TextBrain):
    name = NAME

    async def _ask(self) -> AsyncGenerator[str | Call, None]:
        stream = retried_stream(
            self._stream, provider=self.name, timeout_s=self._served.timeout_s, attempts=self._served.attempts
        )
        async with aclosing(stream):
            async for piece in stream:
                yield piece

    async def _stream(self) -> AsyncGenerator[str | Call, None]:
        with self._served.meter() as meter, translated(self.name):
            stream = await self._served.client().chat.completions.create(**self._request(), stream=True)
            async with stream, aclosing(guarded(stream, self.name)) as chunks:
                async for piece in read_chunks(chunks, meter, self.name):
                    yield piece

    def _forget(self) -> None:
        """The server keeps nothing: each request holds the whole history."""

    def _request(self) -> dict[str, Any]:
        manner = self._manner
        request: dict[str, Any] = {
            "model": self._served.model,
            "messages": chat_messages(manner.instructions, self._history.entries),
            "max_completion_tokens": manner.max_output_tokens,
            "stream_options": {"include_usage": True},
            "timeout": limits(self._served.timeout_s),
        }
        if manner.tools:
            request["tools"] = [{"type": "function", "function": function_of(tool)} for tool in manner.tools]
        if manner.temperature is not None:
            request["temperature"] = manner.temperature
        if manner.reasoning_effort:
            request["reasoning_effort"] = manner.reasoning_effort
        return request


def function_of(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def chat_messages(instructions: str, entries: list[Entry]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions.strip() else []
    for entry in entries:
        match entry:
            case Message(role=role, text=text):
                # "system", which every server knows, for what OpenAI also calls "developer".
                messages.append({"role": "system" if role == "developer" else role, "content": text})
            case Call():
                _add_call(messages, entry)
            case Answer(call=call, output=output):
                messages.append({"role": "tool", "tool_call_id": call.id, "content": output})
    return messages


def _add_call(messages: list[dict[str, Any]], call: Call) -> None:
    """Calls of one round belong to one message, with the text of that round."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    function = {"name": call.name, "arguments": call.arguments}
    messages[-1].setdefault("tool_calls", []).append({"id": call.id, "type": "function", "function": function})


async def read_chunks(
    chunks: AsyncGenerator[ChatCompletionChunk, None], meter: Meter, provider: str
) -> AsyncGenerator[str | Call, None]:
    """Text as it comes, its end where a call begins, calls at the end. Raises CutShort where no finish_reason came,
    Refused, Malformed."""
    reason: str | None = None
    is_writing = False
    calls = CallPieces(provider)
    async for chunk in chunks:
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list):
            raise Malformed(f"{provider} sent a chunk without choices.", provider=provider)
        if getattr(chunk, "usage", None) is not None:
            meter.tokens(chunk.usage)
        for choice in choices[:1]:
            meter.began()
            delta = getattr(choice, "delta", None)
            if getattr(delta, "refusal", None):
                raise Refused(f"{provider} declined to answer.", provider=provider)
            if isinstance(text := getattr(delta, "content", None), str) and text:
                is_writing = True
                yield text
            for piece in getattr(delta, "tool_calls", None) or ():
                calls.add(piece)
                if is_writing:
                    is_writing = False
                    yield END_OF_TEXT
            reason = getattr(choice, "finish_reason", None) or reason
    expect_end(reason, provider)
    for call in calls.whole():
        yield call


def expect_end(reason: str | None, provider: str) -> None:
    if reason is None:
        raise CutShort(f"{provider} broke its answer off.", provider=provider)
    if reason == "length":
        raise CutShort(f"{provider} ran into its token limit. Raise max_output_tokens.", provider=provider)
    if reason == "content_filter":
        raise Refused(f"{provider} withheld its answer (content filter).", provider=provider)
    if reason not in ENDED:
        raise Malformed(f"{provider} ended for a reason that is none of the interface's.", provider=provider)


class CallPieces:
    """Function calls arrive in pieces, each with the index of its call."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._calls: dict[int, dict[str, str]] = {}

    def add(self, piece: Any) -> None:
        try:
            call = self._calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] = piece.id or call["id"]
            call["name"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""
        except (AttributeError, TypeError) as error:
            raise Malformed(f"{self._provider} sent a broken function call.", provider=self._provider) from error

    def whole(self) -> list[Call]:
        return [
            Call(call["id"] or f"call_{index}", call["name"], call["arguments"])
            for index, call in sorted(self._calls.items())
        ]


def check(setup: BrainSetup) -> None:
    chat_brain(setup)


@register_brain(
    NAME,
    label="Chat Completions (OpenAI or any server that speaks it)",
    warm_up=warm_up,
    check=check,
    model=DEFAULT_MODEL,
    options=BRAIN_OPTIONS,
)
def chat_brain(setup: BrainSetup) -> ChatBrain:
    served = Served.read(setup.options, provider=NAME, capability="brain", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    return ChatBrain(served, Manner.read(setup), side=setup.side)
