"""What the text brains on OpenAI's interfaces share: stimuli, the history, function calls, the end of the call.

Options beside those of `Served.read`: `greeting` (said as it is when the call is answered), `speaks_first`,
`silence_ms` (speak up after so much silence; 0: never), `max_output_tokens`, `temperature`, `reasoning_effort`,
`tools`, `hang_up` (may end the call), `max_turns`; for a caller also `goal`, `manner`, `patience`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from agents.errors import Malformed
from agents.ports import (
    Action,
    Answered,
    Attention,
    DigitPressed,
    HangUp,
    Heard,
    Note,
    Say,
    Silence,
    Stimulus,
)
from agents.providers.brain_history import Answer, Call, History, Message
from agents.providers.caller_instructions import caller_instructions, left_role
from agents.providers.openai_options import read_flag, read_number, read_text
from agents.providers.openai_settings import SERVER_OPTIONS, Served
from agents.providers.openai_streams import END_OF_TEXT
from agents.providers.registry import BrainSetup, Option
from agents.providers.tools import HANG_UP, HANG_UP_TOOL, Result, Tool, Toolbox, parse_arguments, read_tools

MAX_ROUNDS: Final = 6  # of calling functions before the reply must be spoken
CALLER_TURNS: Final = 60
BRAIN_OPTIONS: Final = (
    *SERVER_OPTIONS,
    Option("greeting", "said as it is when the call is answered"),
    Option("speaks_first", "speak when the call is answered: true or false", "true for an agent"),
    Option("silence_ms", "speak up after so much silence; 0: never", "10000"),
    Option("max_output_tokens", "longest reply", "400"),
    Option("temperature", "how freely it writes", "the model's own"),
    Option("reasoning_effort", "how long it thinks, of a model that does", "the model's own"),
    Option("tools", "functions it may call, each with an answer or a webhook's url; see docs/providers.md", "[]"),
    Option("hang_up", "it may end the call: true or false", "true"),
    Option("max_turns", "most replies; 0: no limit", f"0, {CALLER_TURNS} for a caller"),
    Option("goal", "of a caller: what it wants; its scenario's wins"),
    Option("manner", "of a caller: how it speaks; its persona's wins"),
    Option("patience", "of a caller: when it gives up"),
)
# A caller who speaks while a function works is answered after so long, with its result or without.
STILL_WORKING_S: Final = 1.0
STILL_WORKING: Final = "(Not known yet: the function still works. Do not call it again; its result will stand here.)"
TOO_LATE: Final = "The call ended before the function answered."
SPEAK_FIRST: Final = "(The call was just answered. You speak first.)"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a brain behaves, from its setup."""

    instructions: str
    greeting: str
    speaks_first: bool
    silence_ms: int
    max_output_tokens: int
    temperature: float | None
    reasoning_effort: str
    max_turns: int
    tools: tuple[Tool, ...]
    allow_private: bool

    def message(self, stimulus: Stimulus) -> Message | None:
        """The stimulus as the model is told of it; None: it is not."""
        match stimulus:
            case Heard(text=text):
                return Message("user", text)
            case Answered() if self.speaks_first:
                return Message("developer", SPEAK_FIRST)
            case Silence(duration_ms=duration_ms):
                return Message("developer", f"(Nobody has spoken for {round(duration_ms / 1000)} seconds.)")
            case DigitPressed(digit=digit):
                return Message("user", f"(Pressed {digit} on the phone's keypad.)")
        return None

    @classmethod
    def read(cls, setup: BrainSetup) -> "Manner":
        """Raises Misconfigured."""
        options = setup.options
        is_caller = setup.side == "caller"
        greeting = read_text(options, "greeting")
        temperature = read_number(options, "temperature", -1.0, at_least=-1.0)
        hang_up = (HANG_UP_TOOL,) if read_flag(options, "hang_up", True) else ()
        return cls(
            instructions=instructions_of(setup),
            greeting=greeting,
            speaks_first=read_flag(options, "speaks_first", bool(greeting) or not is_caller),
            silence_ms=int(read_number(options, "silence_ms", 10_000)),
            max_output_tokens=int(read_number(options, "max_output_tokens", 400, at_least=16)),
            temperature=None if temperature < 0 else temperature,
            reasoning_effort=read_text(options, "reasoning_effort"),
            max_turns=int(read_number(options, "max_turns", CALLER_TURNS if is_caller else 0)),
            tools=(*read_tools(options.get("tools")), *hang_up),
            allow_private=read_flag(options, "allow_private_webhooks", False),
        )


def instructions_of(setup: BrainSetup) -> str:
    if setup.side != "caller":
        return setup.prompt
    return caller_instructions(
        prompt=setup.prompt,
        goal=read_text(setup.options, "goal"),
        facts=setup.facts,
        manner=read_text(setup.options, "manner"),
        patience=read_text(setup.options, "patience"),
        language=setup.language,
    )


def unanswered(call: Call) -> Note:
    """Of a function that still worked when the call was over."""
    return Note("tool_answered", {"name": call.name, "call": call.id, "output": TOO_LATE, "ok": False})


class TextBrain(ABC):
    """A brain that writes; an adapter says how to ask its interface for one round of a reply."""

    name: str

    def __init__(self, served: Served, manner: Manner, *, side: str) -> None:
        self._served = served
        self._manner = manner
        self._side = side
        self._history = History()
        self._toolbox = Toolbox(manner.tools, allow_private=manner.allow_private)
        self._turns = 0
        self._working: dict[asyncio.Task[Result], Call] = {}  # functions whose result no reply has told of yet

    @abstractmethod
    def _ask(self) -> AsyncGenerator[str | Call, None]:
        """One round: text in pieces and calls, from the history. Raises ProviderError; CutShort if it did not end."""

    @abstractmethod
    def _forget(self) -> None:
        """The last round is not, or not as it was written, what the history holds: a server's copy is void."""

    @property
    def attention(self) -> Attention:
        return Attention(silence_ms=self._manner.silence_ms or None)

    async def respond(self, stimulus: Stimulus) -> AsyncIterator[Action]:
        if isinstance(stimulus, Answered) and self._manner.greeting and self._manner.speaks_first:
            self._history.begin_reply()
            self._history.say(self._manner.greeting)
            yield Say(self._manner.greeting)
            return
        message = self._manner.message(stimulus)
        if message is None:
            return
        self._history.add(message)
        self._history.begin_reply()
        self._turns += 1
        if self._manner.max_turns and self._turns > self._manner.max_turns:
            yield HangUp(f"more than {self._manner.max_turns} turns")
            return
        async with aclosing(self._results()) as notes:
            async for note in notes:
                yield note
        ended = False
        try:
            async with aclosing(self._rounds()) as actions:
                async for action in actions:
                    yield action
            ended = True
        finally:
            if not ended:
                self._history.drop_unanswered()
                self._forget()

    def was_cut(self, heard: str) -> None:
        self._history.cut(heard)
        self._forget()

    def was_dictated(self, text: str) -> None:
        self._history.begin_reply()
        self._history.say(text)
        self._forget()

    async def aclose(self) -> None:
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await self._toolbox.aclose()

    async def _rounds(self) -> AsyncGenerator[Action, None]:
        for _ in range(MAX_ROUNDS):
            calls: list[Call] = []
            async with aclosing(self._round(calls)) as pieces:
                async for text in pieces:
                    yield Say(text)
            if note := self._left_role():
                yield note
            for call in calls:
                async with aclosing(self._call(call)) as actions:
                    async for action in actions:
                        yield action
                if call.name == HANG_UP:
                    return
            if not calls:
                return
        raise Malformed(f"{self.name} calls functions without end.", provider=self.name)

    async def _round(self, calls: list[Call]) -> AsyncGenerator[str, None]:
        """The text of one round; its calls are added to `calls`. However it ends, the history holds what was given."""
        written: list[str] = []
        try:
            async with aclosing(self._ask()) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Call):
                        calls.append(piece)
                    elif piece:
                        written.append(piece)
                        yield piece
        finally:
            self._history.say("".join(written).removesuffix(END_OF_TEXT))
        self._history.add(*calls)

    # --- Functions ----------------------------------------------------------------------------------------------------
    async def _call(self, call: Call) -> AsyncGenerator[Action, None]:
        """A barge-in ends this, not the function, which has a time limit of its own."""
        arguments = parse_arguments(call.arguments)
        yield Note("tool_called", {"name": call.name, "arguments": arguments or {}, "call": call.id})
        self._history.add(Answer(call, STILL_WORKING))
        task = asyncio.get_running_loop().create_task(self._work(call))
        self._working[task] = call
        result = await asyncio.shield(task)
        yield self._told(task)
        if call.name == HANG_UP and result.ok:
            yield HangUp(str((arguments or {}).get("reason", "")))

    async def _work(self, call: Call) -> Result:
        result = await self._toolbox.call(call.name, call.arguments)
        self._history.answer(call, result.output)
        return result

    async def _results(self) -> AsyncGenerator[Note, None]:
        """Of functions that outlived their reply."""
        if self._working:
            await asyncio.wait(self._working, timeout=STILL_WORKING_S)
        for task in [task for task in self._working if task.done()]:
            # A server's copy of the history holds that it is not known yet.
            self._forget()
            yield self._told(task)

    async def last_notes(self) -> list[Note]:
        notes = [note async for note in self._results()]
        return [*notes, *(unanswered(call) for call in self._working.values())]

    def _told(self, task: asyncio.Task[Result]) -> Note:
        call, result = self._working.pop(task), task.result()
        data = {"name": call.name, "call": call.id, "output": result.output, "ok": result.ok}
        return Note("tool_answered", {**data, "took_ms": round(result.took_ms, 1)})

    def _left_role(self) -> Note | None:
        last = self._history.entries[-1] if self._history.entries else None
        if self._side != "caller" or not isinstance(last, Message) or last.role != "assistant":
            return None
        words = left_role(last.text)
        return Note("left_role", {"words": words}) if words else None
