"""Brain "responses": the Responses interface, streamed, with the history in a Conversation of the server.

After a reply that was cut, or broke, the server's conversation holds words that nobody heard: it is given up for a new
one, which gets the history as it was heard with the next turn. That is made while the far end still speaks.
Option `history`: "server", or "local" for servers without Conversations (the whole history goes with each request).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from openai.types.responses import ResponseStreamEvent

from agents.errors import CutShort, Malformed, ProviderError, Refused
from agents.providers.base import retried_stream, timed
from agents.providers.brain_history import Answer, Call, Entry, Message
from agents.providers.metering import Meter
from agents.providers.openai_brain import BRAIN_OPTIONS, Manner, TextBrain
from agents.providers.openai_chat import DEFAULT_MODEL, function_of
from agents.providers.openai_client import limits, warm_up
from agents.providers.openai_errors import of_code, translated
from agents.providers.openai_options import read_choice
from agents.providers.openai_settings import Served
from agents.providers.openai_streams import END_OF_TEXT, expect_text, guarded, read_to_end
from agents.providers.registry import BrainSetup, Option, register_brain

NAME: Final = "responses"
logger = logging.getLogger(__name__)


class ResponsesBrain(TextBrain):
    name = NAME

    def __init__(self, served: Served, manner: Manner, *, side: str, on_server: bool = True) -> None:
        super().__init__(served, manner, side=side)
        self._on_server = on_server
        self._conversation = ""
        self._given_up: list[str] = []
        self._renewal: asyncio.Task[None] | None = None
        self._sent = 0  # so many entries of the history are in the conversation
        self._replied = False  # and what we said right after them is there too

    async def _ask(self) -> AsyncGenerator[str | Call, None]:
        if self._renewal is not None:
            await asyncio.wait([self._renewal])
        stream = retried_stream(
            self._stream, provider=self.name, timeout_s=self._served.timeout_s, attempts=self._served.attempts
        )
        async with aclosing(stream):
            async for piece in stream:
                yield piece
        self._sent, self._replied = len(self._history.entries), True

    async def _stream(self) -> AsyncGenerator[str | Call, None]:
        with self._served.meter() as meter, translated(self.name):
            request = await self._request()
            stream = await self._served.client().responses.create(**request, stream=True)
            async with stream, aclosing(guarded(stream, self.name)) as events:
                async for piece in read_events(events, meter, self.name):
                    yield piece

    async def _request(self) -> dict[str, Any]:
        manner = self._manner
        request: dict[str, Any] = {
            "model": self._served.model,
            "instructions": manner.instructions,
            "input": [item_of(entry) for entry in self._unsent()],
            "max_output_tokens": manner.max_output_tokens,
            "timeout": limits(self._served.timeout_s),
        }
        if self._on_server:
            self._conversation = self._conversation or await self._create()
            request["conversation"] = self._conversation
        else:
            request["store"] = False
        if manner.tools:
            request["tools"] = [{"type": "function", "strict": False, **function_of(tool)} for tool in manner.tools]
        if manner.temperature is not None:
            request["temperature"] = manner.temperature
        if manner.reasoning_effort:
            request["reasoning"] = {"effort": manner.reasoning_effort}
        return request

    def _unsent(self) -> list[Entry]:
        if not self._on_server:
            return self._history.entries
        entries = self._history.entries[self._sent :]
        while self._replied and entries and is_own(entries[0]):
            entries = entries[1:]
        return entries

    async def _create(self) -> str:
        conversation = await self._served.client().conversations.create(timeout=limits(self._served.timeout_s))
        return expect_text(getattr(conversation, "id", None), "a conversation id", self.name)

    # --- Giving a conversation up -------------------------------------------------------------------------------------
    def _forget(self) -> None:
        self._sent, self._replied = 0, False
        if self._conversation:
            self._given_up.append(self._conversation)
            self._conversation = ""
            self._renewal = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        """Ahead of the next turn. A failure is not one yet: the next turn tries again, and says so if it fails."""
        try:
            with translated(self.name):
                self._conversation = await timed(self._create(), provider=self.name, timeout_s=self._served.timeout_s)
            await self._delete()
        except ProviderError as error:
            logger.info("A conversation could not be renewed yet: %s", type(error).__name__)

    async def _delete(self) -> None:
        while self._given_up:
            with translated(self.name):
                await timed(
                    self._served.client().conversations.delete(self._given_up[0]),
                    provider=self.name,
                    timeout_s=self._served.timeout_s,
                )
            self._given_up.pop(0)

    async def aclose(self) -> None:
        """The call is over: what was said on it does not stay with the provider."""
        await super().aclose()
        if self._renewal is not None:
            await asyncio.wait([self._renewal])
        if self._conversation:
            self._given_up.append(self._conversation)
            self._conversation = ""
        try:
            await self._delete()
        except ProviderError as error:
            logger.warning("A conversation stays at the provider: %s", type(error).__name__)


def is_own(entry: Entry) -> bool:
    return isinstance(entry, Call) or (isinstance(entry, Message) and entry.role == "assistant")


def item_of(entry: Entry) -> dict[str, Any]:
    match entry:
        case Message(role=role, text=text):
            return {"role": role, "content": text}
        case Call(id=call_id, name=name, arguments=arguments):
            return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        case Answer(call=call, output=output):
            return {"type": "function_call_output", "call_id": call.id, "output": output}


async def read_events(
    events: AsyncGenerator[ResponseStreamEvent, None], meter: Meter, provider: str
) -> AsyncGenerator[str | Call, None]:
    """Text as it comes, its end where a call begins, calls when whole. Raises CutShort where `response.completed` did
    not come."""
    is_writing = False
    async for event in events:
        match getattr(event, "type", None):
            case "response.output_text.delta":
                meter.began()
                is_writing = True
                yield expect_text(getattr(event, "delta", None), "text", provider)
            case "response.function_call_arguments.delta" if is_writing:
                is_writing = False
                yield END_OF_TEXT
            case "response.output_item.done":
                item = getattr(event, "item", None)
                if getattr(item, "type", None) == "function_call":
                    meter.began()
                    yield read_call(item, provider)
            case "response.completed":
                meter.tokens(getattr(getattr(event, "response", None), "usage", None))
                await read_to_end(events)
                return
            case str(kind):
                expect_no_error(kind, event, provider)
            case _:
                raise Malformed(f"{provider} sent an event without a type.", provider=provider)
    raise CutShort(f"{provider} broke its answer off.", provider=provider)


def read_call(item: object, provider: str) -> Call:
    parts = (expect_text(getattr(item, name, None), name, provider) for name in ("call_id", "name", "arguments"))
    return Call(*parts)


def expect_no_error(kind: str, event: object, provider: str) -> None:
    response = getattr(event, "response", None)
    if kind.startswith("response.refusal"):
        raise Refused(f"{provider} declined to answer.", provider=provider)
    if kind == "response.incomplete":
        if getattr(getattr(response, "incomplete_details", None), "reason", None) == "content_filter":
            raise Refused(f"{provider} withheld its answer (content filter).", provider=provider)
        raise CutShort(f"{provider} ran into its token limit. Raise max_output_tokens.", provider=provider)
    if kind == "response.failed":
        raise of_code(getattr(getattr(response, "error", None), "code", None), provider)
    if kind == "error":
        raise of_code(getattr(event, "code", None), provider)


def check(setup: BrainSetup) -> None:
    responses_brain(setup)


@register_brain(
    NAME,
    label="Responses and Conversations (OpenAI)",
    warm_up=warm_up,
    check=check,
    model=DEFAULT_MODEL,
    options=(
        *BRAIN_OPTIONS,
        Option(
            "history", '"server": in a Conversation there, "local": sent with each turn, for other servers', "server"
        ),
    ),
)
def responses_brain(setup: BrainSetup) -> ResponsesBrain:
    served = Served.read(setup.options, provider=NAME, capability="brain", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    on_server = read_choice(setup.options, "history", ("server", "local")) == "server"
    return ResponsesBrain(served, Manner.read(setup), side=setup.side, on_server=on_server)
