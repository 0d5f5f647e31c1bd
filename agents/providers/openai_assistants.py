"""Brain "assistants": threads and runs, streamed, for servers that still speak it. OpenAI closed it on 2026-08-26.

After a reply that was cut, the thread holds words that nobody heard: the next turn begins a new thread with the history
as it was heard. Option `assistant_id`; without it an assistant is made for the call and deleted after it.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from openai import APIStatusError
from openai.types.beta import AssistantStreamEvent

from agents.errors import CutShort, Malformed, Misconfigured, ProviderError
from agents.providers.base import retried_stream, timed
from agents.providers.brain_history import Answer, Call, Message
from agents.providers.metering import Meter
from agents.providers.openai_brain import BRAIN_OPTIONS, Manner, TextBrain
from agents.providers.openai_chat import DEFAULT_MODEL, function_of
from agents.providers.openai_client import limits, warm_up
from agents.providers.openai_errors import of_code, translated
from agents.providers.openai_options import DEFAULT_BASE_URL, OPENAI_HOST, read_text
from agents.providers.openai_settings import Served
from agents.providers.openai_streams import expect_text, guarded, read_to_end
from agents.providers.registry import BrainSetup, Option, register_brain

NAME: Final = "assistants"
CLOSED: Final = (
    "This server does not speak the Assistants interface: OpenAI closed it on 2026-08-26. Choose the brain 'responses' "
    "(OpenAI) or 'chat' (most other servers), or give base_url a server that still speaks it (and check assistant_id)."
)
GONE: Final = (404, 405, 410, 501)
logger = logging.getLogger(__name__)


class AssistantsBrain(TextBrain):
    name = NAME

    def __init__(self, served: Served, manner: Manner, *, side: str, assistant: str = "") -> None:
        super().__init__(served, manner, side=side)
        self._assistant = assistant
        self._made = False
        self._thread = ""
        self._threads: list[str] = []
        self._run = ""  # waits for the outputs of functions
        self._sent = 0

    async def _ask(self) -> AsyncGenerator[str | Call, None]:
        stream = retried_stream(
            self._stream, provider=self.name, timeout_s=self._served.timeout_s, attempts=self._served.attempts
        )
        async with aclosing(stream):
            async for piece in stream:
                yield piece
        self._sent = len(self._history.entries)

    def _forget(self) -> None:
        self._thread, self._run, self._sent = "", "", 0

    async def _stream(self) -> AsyncGenerator[str | Call, None]:
        with self._served.meter() as meter, told_closed(self.name):
            stream = await self._start()
            async with aclosing(guarded(stream, self.name)) as events:
                async for piece in self._read(events, meter):
                    yield piece

    async def _start(self) -> AsyncIterator[AssistantStreamEvent]:
        threads = self._served.client().beta.threads
        timeout = limits(self._served.timeout_s)
        if self._run:
            outputs: Any = [
                {"tool_call_id": entry.call.id, "output": entry.output}
                for entry in self._history.entries[self._sent :]
                if isinstance(entry, Answer)
            ]
            return await threads.runs.submit_tool_outputs(
                self._run, thread_id=self._thread, tool_outputs=outputs, stream=True, timeout=timeout
            )
        self._assistant = self._assistant or await self._make()
        await self._bring_up_to_date()
        return await threads.runs.create(
            self._thread,
            assistant_id=self._assistant,
            instructions=self._instructions(),
            max_completion_tokens=max(256, self._manner.max_output_tokens),
            stream=True,
            timeout=timeout,
            extra_body={"tools": self._tools()},
        )

    async def _make(self) -> str:
        made = await self._served.client().beta.assistants.create(
            model=self._served.model, timeout=limits(self._served.timeout_s)
        )
        self._made = True
        return expect_text(getattr(made, "id", None), "an assistant id", self.name)

    async def _bring_up_to_date(self) -> None:
        """The thread gets what was said since: by the far end; in a new thread, by both."""
        threads = self._served.client().beta.threads
        timeout = limits(self._served.timeout_s)
        is_new = not self._thread
        messages: list[Any] = [
            {"role": entry.role, "content": entry.text}
            for entry in self._history.entries[self._sent :]
            if isinstance(entry, Message) and (entry.role == "user" or (is_new and entry.role == "assistant"))
        ]
        if is_new:
            thread = await threads.create(messages=messages, timeout=timeout)
            self._thread = expect_text(getattr(thread, "id", None), "a thread id", self.name)
            self._threads.append(self._thread)
        else:
            for message in messages:
                await threads.messages.create(self._thread, **message, timeout=timeout)
        self._sent = len(self._history.entries)

    def _instructions(self) -> str:
        """With what a thread cannot hold: notes of the line, and functions that were called in a thread given up."""
        last = self._history.entries[-1]
        notes = [last.text] if isinstance(last, Message) and last.role == "developer" else []
        notes += [
            f"(You called {entry.call.name}({entry.call.arguments}) and got: {entry.output})"
            for entry in self._history.entries
            if isinstance(entry, Answer)
        ]
        return "\n\n".join([self._manner.instructions, *notes])

    def _tools(self) -> list[dict[str, Any]]:
        return [{"type": "function", "function": function_of(tool)} for tool in self._manner.tools]

    async def _read(
        self, events: AsyncGenerator[AssistantStreamEvent, None], meter: Meter
    ) -> AsyncGenerator[str | Call, None]:
        async for event in events:
            data: Any = getattr(event, "data", None)
            match getattr(event, "event", None):
                case "thread.message.delta":
                    meter.began()
                    yield message_text(data, self.name)
                case "thread.run.requires_action":
                    self._run = expect_text(getattr(data, "id", None), "a run id", self.name)
                    for call in required_calls(data, self.name):
                        yield call
                    await read_to_end(events)
                    return
                case "thread.run.completed":
                    self._run = ""
                    meter.tokens(getattr(data, "usage", None))
                    await read_to_end(events)
                    return
                case "thread.run.failed" | "error":
                    raise of_code(getattr(getattr(data, "last_error", data), "code", None), self.name)
                case "thread.run.incomplete" | "thread.run.expired" | "thread.run.cancelled":
                    raise CutShort(f"{self.name} did not finish its answer.", provider=self.name)
                case None:
                    raise Malformed(f"{self.name} sent an event without a name.", provider=self.name)
        raise CutShort(f"{self.name} broke its answer off.", provider=self.name)

    async def aclose(self) -> None:
        """The call is over: what was said on it does not stay with the provider."""
        await super().aclose()
        beta = self._served.client().beta
        deletions: list[Awaitable[object]] = [beta.threads.delete(thread) for thread in self._threads]
        if self._made:
            deletions.append(beta.assistants.delete(self._assistant))
        for deletion in deletions:
            try:
                with translated(self.name):
                    await timed(deletion, provider=self.name, timeout_s=self._served.timeout_s)
            except ProviderError as error:
                logger.warning("A thread stays at the provider: %s", type(error).__name__)


def message_text(data: Any, provider: str) -> str:
    try:
        return "".join(part.text.value or "" for part in data.delta.content or () if part.type == "text")
    except (AttributeError, TypeError) as error:
        raise Malformed(f"{provider} sent a message without text.", provider=provider) from error


def required_calls(data: Any, provider: str) -> list[Call]:
    try:
        calls = data.required_action.submit_tool_outputs.tool_calls
        return [Call(call.id, call.function.name, call.function.arguments) for call in calls]
    except (AttributeError, TypeError) as error:
        raise Malformed(f"{provider} sent a broken function call.", provider=provider) from error


@contextmanager
def told_closed(provider: str) -> Iterator[None]:
    """As `translated`; what a server does not know is most likely the whole interface."""
    try:
        with translated(provider):
            yield
    except Misconfigured as error:
        cause = error.__cause__
        if isinstance(cause, APIStatusError) and cause.status_code in GONE and cause.code != "model_not_found":
            raise Misconfigured(CLOSED, provider=provider) from error
        raise


def check(setup: BrainSetup) -> None:
    assistants_brain(setup)


@register_brain(
    NAME,
    label="Assistants (closed by OpenAI; for servers that still speak it)",
    warm_up=warm_up,
    check=check,
    model=DEFAULT_MODEL,
    options=(*BRAIN_OPTIONS, Option("assistant_id", "an assistant of that server", "one is made for each call")),
)
def assistants_brain(setup: BrainSetup) -> AssistantsBrain:
    """Raises Misconfigured, for OpenAI's own server whatever the key is."""
    if urlsplit(read_text(setup.options, "base_url", DEFAULT_BASE_URL)).hostname == OPENAI_HOST:
        raise Misconfigured(CLOSED, provider=NAME)
    served = Served.read(setup.options, provider=NAME, capability="brain", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    assistant = read_text(setup.options, "assistant_id")
    return AssistantsBrain(served, Manner.read(setup), side=setup.side, assistant=assistant)
