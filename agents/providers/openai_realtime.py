"""Speech-to-speech brain "realtime": GA Realtime, the phone's μ-law straight through, the server's voice activity.

Options beside those of the text brains: `voice`, `threshold`, `prefix_padding_ms`, `silence_duration_ms` (of the
server's voice activity), `transcription_model`. A session ends after 60 minutes at OpenAI.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from agents.errors import Misconfigured, ProviderError
from agents.ports import (
    Answered,
    Attention,
    FarSpeechStarted,
    FarSpeechStopped,
    FarTranscribed,
    HangUp,
    Note,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SpeechEvent,
    Stimulus,
)
from agents.providers.base import retried
from agents.providers.brain_history import Call
from agents.providers.caller_instructions import left_role
from agents.providers.metering import Meter
from agents.providers.openai_brain import BRAIN_OPTIONS, STILL_WORKING_S, Manner, unanswered
from agents.providers.openai_chat import function_of
from agents.providers.openai_client import warm_up
from agents.providers.openai_ears import KEYWORDS, guidance
from agents.providers.openai_options import read_number, read_text, read_words
from agents.providers.openai_settings import Served
from agents.providers.openai_wire import (
    MULAW,
    Event,
    Wire,
    audio_of,
    connect,
    error_code,
    expect_completed,
    item_of,
    ms_of,
    text_of,
)
from agents.providers.registry import BrainSetup, Option, register_speech_brain
from agents.providers.tools import HANG_UP, Result, Toolbox, parse_arguments

NAME: Final = "realtime"
DEFAULT_MODEL: Final = "gpt-realtime-2.1"
# A reply that we cancel, or a turn that we commit, may have ended by itself a moment before.
TOO_LATE: Final = frozenset({"response_cancel_not_active", "input_audio_buffer_commit_empty"})
HEARD: Final = "conversation.item.input_audio_transcription"


@dataclass(frozen=True, slots=True)
class Listening:
    """How the server hears the far end."""

    voice: str
    transcription_model: str
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    language: str
    keywords: tuple[str, ...]

    @classmethod
    def read(cls, setup: BrainSetup) -> "Listening":
        options = setup.options
        return cls(
            voice=read_text(options, "voice", "marin"),
            transcription_model=read_text(options, "transcription_model", "gpt-transcribe"),
            threshold=read_number(options, "threshold", 0.5),
            prefix_padding_ms=int(read_number(options, "prefix_padding_ms", 300)),
            silence_duration_ms=int(read_number(options, "silence_duration_ms", 500)),
            language=setup.language,
            keywords=(*read_words(options, "keywords"), *setup.keywords),
        )

    def session(self, manner: Manner) -> Event:
        vad = {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_duration_ms,
            "create_response": True,
            "interrupt_response": True,
        }
        model = self.transcription_model
        transcription = {"model": model, **guidance(model, self.language, self.keywords)}
        return {
            "type": "realtime",
            "instructions": manner.instructions,
            "output_modalities": ["audio"],
            "max_output_tokens": max(1024, manner.max_output_tokens),  # of audio, which needs more of them than text
            "audio": {
                "input": {"format": MULAW, "transcription": transcription, "turn_detection": vad},
                "output": {"format": MULAW, "voice": self.voice},
            },
            "tools": [{"type": "function", **function_of(tool)} for tool in manner.tools],
        }


class RealtimeBrain:
    name = NAME

    def __init__(self, served: Served, manner: Manner, listening: Listening, *, side: str) -> None:
        self._served, self._manner, self._listening, self._side = served, manner, listening, side
        self._toolbox = Toolbox(manner.tools, allow_private=manner.allow_private)
        self._wire: Wire | None = None
        self._meter: Meter | None = None
        self._item = ""
        self._texts: dict[str, str] = {}  # item → what was said or heard so far
        self._ended: set[str] = set()
        self._sent: dict[str, int] = {}  # item → bytes of its audio
        self._pushed = 0  # bytes
        self._happenings: asyncio.Queue[SpeechEvent | ProviderError] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: dict[str, Call] = {}  # functions by the id of their call
        self._idle = asyncio.Event()  # no function works
        self._idle.set()

    async def open(self) -> None:
        session = self._listening.session(self._manner)
        self._wire = await retried(
            lambda: connect(self._served, session),
            provider=NAME,
            timeout_s=2 * self._served.timeout_s,
            attempts=self._served.attempts,
        )
        self._spawn(self._read(self._wire))

    @property
    def attention(self) -> Attention:
        return Attention(silence_ms=self._manner.silence_ms or None)

    def push(self, mulaw: bytes) -> None:
        self._pushed += len(mulaw)
        self._open.send_audio(mulaw)

    def tell(self, stimulus: Stimulus) -> bool:
        if (message := self._manner.message(stimulus)) is None:
            return False
        if self._meter is not None:
            self._open.send("response.cancel")  # only one reply at a time is allowed
        if isinstance(stimulus, Answered):
            first = f'(Say exactly this: "{self._manner.greeting}")' if self._manner.greeting else message.text
            self._open.send("response.create", response={"instructions": f"{self._manner.instructions}\n\n{first}"})
            return True
        content = [{"type": "input_text", "text": message.text}]
        role = "user" if message.role == "user" else "system"
        self._open.send("conversation.item.create", item={"type": "message", "role": role, "content": content})
        self._open.send("response.create")
        return True

    def commit(self) -> None:
        self._open.send("input_audio_buffer.commit")

    def truncate(self, item: str, audio_end_ms: int) -> None:
        """Cancels a reply that still comes, and tells the server how much of it was played."""
        if item not in self._ended:
            self._open.send("response.cancel")
        played_ms = min(audio_end_ms, self._sent.get(item, 0) // 8)  # more than there is would be refused
        self._open.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=played_ms)

    async def events(self) -> AsyncIterator[SpeechEvent]:
        while True:
            happened = await self._happenings.get()
            if isinstance(happened, ProviderError):
                raise happened
            yield happened

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, wire: Wire) -> None:
        """In a task of its own, as are functions: a slow one delays nothing."""
        try:
            async for event in wire.events():
                for happened in self._happened(event):
                    self._happenings.put_nowait(happened)
        except ProviderError as error:
            self._happenings.put_nowait(error)

    @property
    def _open(self) -> Wire:
        if self._wire is None:
            raise Misconfigured("The realtime brain must be opened before it can listen.", provider=NAME)
        return self._wire

    def _happened(self, event: Event) -> Iterator[SpeechEvent]:
        match event["type"]:
            case "input_audio_buffer.speech_started":
                # The server's times are those of the audio that it gives to the model: with padding and silence.
                at_ms = ms_of(event, "audio_start_ms") + self._listening.prefix_padding_ms
                yield FarSpeechStarted(min(at_ms, self._pushed // 8), item_of(event))
            case "input_audio_buffer.speech_stopped":
                at_ms = ms_of(event, "audio_end_ms") - self._listening.silence_duration_ms
                yield FarSpeechStopped(max(0, at_ms), item_of(event))
            case "response.created":
                self._meter = self._served.meter()
                self._meter.__enter__()
            case "response.output_audio.delta" | "response.output_audio_transcript.delta":
                yield self._replied(event)
            case "response.done":
                yield from self._done(event)
            case "error" if error_code(event) not in TOO_LATE:
                yield Note("refused", {"code": error_code(event)})
            case str(kind) if kind.startswith(HEARD):
                if (heard := self._heard(event, kind.removeprefix(f"{HEARD}."))) is not None:
                    yield heard

    def _replied(self, event: Event) -> ReplyAudio | ReplyText:
        item = self._item = text_of(event, "item_id", NAME)
        if self._meter is not None:
            self._meter.began()
        if event["type"] == "response.output_audio_transcript.delta":
            self._texts[item] = self._texts.get(item, "") + text_of(event, "delta", NAME)
            return ReplyText(item, self._texts[item])
        audio = audio_of(event, NAME)
        self._sent[item] = self._sent.get(item, 0) + len(audio)
        if self._meter is not None:
            self._meter.used(audio_ms=self._meter.usage.audio_ms + len(audio) / 8)
        return ReplyAudio(item, audio)

    def _heard(self, event: Event, kind: str) -> FarTranscribed | Note | None:
        item = text_of(event, "item_id", NAME)
        if kind == "delta":
            self._texts[item] = self._texts.get(item, "") + text_of(event, "delta", NAME)
            return FarTranscribed(item, self._texts[item], final=False)
        if kind == "completed":
            self._texts.pop(item, None)
            self._meter_ears(event)
            return FarTranscribed(item, text_of(event, "transcript", NAME).strip(), final=True)
        # The model hears the audio itself: a transcription that failed is missing on the page, not on the call.
        return Note("transcription_failed", {"item": item}) if kind == "failed" else None

    def _meter_ears(self, event: Event) -> None:
        """Transcription is another model's work, beside the conversation; it is paid for by itself."""
        meter = Meter(
            self._served.on_usage, capability="ears", provider=NAME, model=self._listening.transcription_model
        )
        with meter:
            meter.tokens(event.get("usage"))

    def _done(self, event: Event) -> Iterator[SpeechEvent]:
        with ExitStack() as stack:
            if self._meter is not None:
                stack.push(self._meter)
            meter, self._meter = self._meter, None
            response = expect_completed(event, NAME)
            if meter is not None:
                meter.tokens(response.get("usage"))
        if said := bool(self._item):
            item, self._item = self._item, ""
            self._ended.add(item)
            text = self._texts.pop(item, "")
            yield ReplyEnded(item, text, cut=response["status"] == "cancelled")
            if self._side == "caller" and (words := left_role(text)):
                yield Note("left_role", {"words": words})
        calls = [read_call(item) for item in response.get("output") or () if item.get("type") == "function_call"]
        if not calls and not said:
            yield ReplyEnded("", "", cut=response["status"] == "cancelled")
        if calls:
            self._spawn(self._call_all(calls))

    async def _call_all(self, calls: list[Call]) -> None:
        happens = self._happenings.put_nowait
        for call in calls:
            arguments = parse_arguments(call.arguments) or {}
            happens(Note("tool_called", {"name": call.name, "arguments": arguments, "call": call.id}))
            result = await self._work(call)
            data: dict[str, Any] = {"name": call.name, "call": call.id, "output": result.output, "ok": result.ok}
            happens(Note("tool_answered", {**data, "took_ms": round(result.took_ms, 1)}))
            if call.name == HANG_UP and result.ok:
                happens(HangUp(str(arguments.get("reason", ""))))
                return
            output = {"type": "function_call_output", "call_id": call.id, "output": result.output}
            self._open.send("conversation.item.create", item=output)
        self._open.send("response.create")

    async def _work(self, call: Call) -> Result:
        self._working[call.id] = call
        self._idle.clear()
        try:
            return await self._toolbox.call(call.name, call.arguments)
        finally:
            del self._working[call.id]
            if not self._working:
                self._idle.set()

    async def last_notes(self) -> list[Note]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STILL_WORKING_S):
                await self._idle.wait()
        notes = [unanswered(call) for call in self._working.values()]
        while not self._happenings.empty():
            happened = self._happenings.get_nowait()
            if isinstance(happened, Note):
                notes.insert(0, happened)
        return notes

    async def aclose(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
        wire, self._wire = self._wire, None
        try:
            if wire is not None:
                await wire.aclose()
        finally:
            await self._toolbox.aclose()


def read_call(item: Event) -> Call:
    return Call(text_of(item, "call_id", NAME), text_of(item, "name", NAME), text_of(item, "arguments", NAME))


def check(setup: BrainSetup) -> None:
    realtime_brain(setup)


OPTIONS: Final = (
    *(option for option in BRAIN_OPTIONS if option.name not in ("temperature", "reasoning_effort")),
    Option("voice", "who speaks", "marin"),
    Option("threshold", "how loud speech must be to count, 0 to 1", "0.5"),
    Option("prefix_padding_ms", "audio kept from before the speech", "300"),
    Option("silence_duration_ms", "silence that ends a turn", "500"),
    Option("transcription_model", "writes down what the far end says", "gpt-transcribe"),
    KEYWORDS,
)


@register_speech_brain(
    NAME,
    label="Realtime, speech to speech (OpenAI)",
    warm_up=warm_up,
    check=check,
    model=DEFAULT_MODEL,
    options=OPTIONS,
)
def realtime_brain(setup: BrainSetup) -> RealtimeBrain:
    served = Served.read(setup.options, provider=NAME, capability="brain", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    return RealtimeBrain(served, Manner.read(setup), Listening.read(setup), side=setup.side)
