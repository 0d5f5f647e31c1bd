"""Ears "openai-live": a Realtime transcription session, which writes while the caller still speaks.

Turns end where the call's own endpointing commits, or, with the option `endpointing` "server", where the server's voice
activity says so: it gets all of the call's audio then.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from agents.errors import CutShort, ProviderError
from agents.ports import Audio, EndedTurn, Transcript
from agents.providers.base import retried, timed
from agents.providers.metering import Meter
from agents.providers.mulaw import Encoder
from agents.providers.openai_client import warm_up
from agents.providers.openai_ears import KEYWORDS, guidance
from agents.providers.openai_errors import of_status
from agents.providers.openai_languages import code_of
from agents.providers.openai_options import read_choice, read_number, read_words
from agents.providers.openai_settings import SERVER_OPTIONS, Served
from agents.providers.openai_wire import MULAW, Event, Wire, connect, error_code, item_of, ms_of, text_of
from agents.providers.registry import EarsSetup, Option, register_ears

NAME: Final = "openai-live"
DEFAULT_MODEL: Final = "gpt-live-transcribe"
MIN_COMMIT_MS: Final = 100  # a server refuses to commit less
PREFIX_MS: Final = 300  # that a server's voice activity keeps from before the speech
NOTHING_TO_COMMIT: Final = "input_audio_buffer_commit_empty"
PADDING: Final = b"\xff" * 800  # 100 ms of μ-law silence


class OpenAILiveEars:
    name = NAME

    def __init__(
        self, served: Served, *, silence_ms: int = 500, server_ends_turns: bool = False, keywords: Sequence[str] = ()
    ) -> None:
        self.endpointing_ms = silence_ms if server_ends_turns else None
        self._served = served
        self._keywords = keywords  # the agent's own
        self._silence_ms = silence_ms

    async def transcribe(self, audio: Audio, *, language: str = "", keywords: Sequence[str] = ()) -> Transcript:
        """One turn in a session of its own, for whoever has the whole turn already."""
        stream = await self.open(lambda text: None, language=language, keywords=keywords)
        try:
            stream.push(audio)
            return await stream.commit()
        finally:
            await stream.aclose()

    async def open(
        self,
        on_partial: Callable[[str], None],
        *,
        on_turn: Callable[[EndedTurn], None] | None = None,
        language: str = "",
        keywords: Sequence[str] = (),
    ) -> "LiveTurns":
        session = self._session(language, keywords, server_ends_turns=on_turn is not None)
        wire = await retried(
            lambda: connect(self._served, session),
            provider=self.name,
            timeout_s=2 * self._served.timeout_s,
            attempts=self._served.attempts,
        )
        return LiveTurns(self._served, wire, on_partial, on_turn, silence_ms=self._silence_ms)

    def _session(self, language: str, keywords: Sequence[str], *, server_ends_turns: bool) -> Event:
        vad = {"type": "server_vad", "prefix_padding_ms": PREFIX_MS, "silence_duration_ms": self._silence_ms}
        model = self._served.model
        transcription = {"model": model, **guidance(model, language, (*self._keywords, *keywords))}
        return {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": MULAW,
                    "transcription": transcription,
                    "turn_detection": vad if server_ends_turns else None,
                }
            },
        }


Waiting = tuple["asyncio.Future[Transcript]", Meter]


class LiveTurns:
    """A session. One task reads its events for as long as it lives."""

    def __init__(
        self,
        served: Served,
        wire: Wire,
        on_partial: Callable[[str], None],
        on_turn: Callable[[EndedTurn], None] | None,
        *,
        silence_ms: int,
    ) -> None:
        self._served, self._wire = served, wire
        self._on_partial, self._on_turn = on_partial, on_turn
        self._silence_ms = silence_ms
        self._began_ms: dict[str, int] = {}  # by item, of the server's voice activity
        self._ended_ms: dict[str, int] = {}
        self._texts: set[asyncio.Task[Transcript]] = set()  # of turns that the server ended
        self._encoder = Encoder()
        self._pushed = 0  # bytes since the last commit
        self._uncommitted: deque[Waiting] = deque()  # in the order of their commits
        self._waiting: dict[str, Waiting] = {}  # by item: turns may be transcribed in another order
        self._partial: dict[str, str] = {}
        self._failure: ProviderError | None = None
        self._reader = asyncio.get_running_loop().create_task(self._read())

    def push(self, audio: Audio) -> None:
        mulaw = self._encoder.push(audio)
        self._pushed += len(mulaw)
        if mulaw:
            self._wire.send_audio(mulaw)

    async def commit(self) -> Transcript:
        if self._failure is not None:
            raise self._failure
        pushed, self._pushed = self._pushed, 0
        if not pushed:
            return Transcript("")
        if pushed < 8 * MIN_COMMIT_MS:
            self._wire.send_audio(PADDING)
        done: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        with self._served.meter() as meter:
            meter.used(audio_ms=pushed / 8)
            self._uncommitted.append((done, meter))
            self._wire.send("input_audio_buffer.commit")
            return await timed(done, provider=NAME, timeout_s=self._served.timeout_s)

    async def _read(self) -> None:
        try:
            async for event in self._wire.events():
                self._handle(event)
        except ProviderError as error:
            self._failure = error
            for done, _ in (*self._uncommitted, *self._waiting.values()):
                if not done.done():
                    done.set_exception(error)

    def _handle(self, event: Event) -> None:
        match event["type"]:
            case "input_audio_buffer.speech_started" if item := item_of(event):
                self._began_ms[item] = ms_of(event, "audio_start_ms") + PREFIX_MS
            case "input_audio_buffer.speech_stopped" if item := item_of(event):
                self._ended_ms[item] = ms_of(event, "audio_end_ms") - self._silence_ms
            case "input_audio_buffer.committed" if item := item_of(event):
                if self._claim(item) is None and self._on_turn is not None:
                    self._on_turn(self._ended(item))
            case "conversation.item.input_audio_transcription.delta":
                self._add(text_of(event, "item_id", NAME), text_of(event, "delta", NAME))
            case "conversation.item.input_audio_transcription.completed":
                self._finish(event)
            case "conversation.item.input_audio_transcription.failed":
                raise CutShort(f"{NAME} could not transcribe a turn.", provider=NAME)
            case "error" if self._on_turn is not None and error_code(event) == NOTHING_TO_COMMIT:
                # The server ended the turn a moment before we did.
                if self._uncommitted:
                    self._uncommitted.popleft()[0].set_result(Transcript(""))
            case "error":
                raise of_status(400, error_code(event), NAME)

    def _claim(self, item: str) -> Waiting | None:
        """Who waits for this item: the oldest commit, if the server did not tell which item a commit made."""
        if item not in self._waiting and self._uncommitted:
            self._waiting[item] = self._uncommitted.popleft()
        return self._waiting.get(item)

    def _ended(self, item: str) -> EndedTurn:
        """The server ended a turn of its own accord; its text is to come."""
        done: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        meter = self._served.meter()
        meter.__enter__()
        meter.used(audio_ms=self._pushed / 8)
        self._pushed = 0
        self._waiting[item] = (done, meter)
        task = asyncio.get_running_loop().create_task(self._text(done, meter))
        self._texts.add(task)
        task.add_done_callback(self._texts.discard)
        start_ms = self._began_ms.pop(item, 0)
        return EndedTurn(start_ms, max(start_ms, self._ended_ms.pop(item, start_ms)), task)

    async def _text(self, done: "asyncio.Future[Transcript]", meter: Meter) -> Transcript:
        with ExitStack() as stack:
            stack.push(meter)
            return await timed(done, provider=NAME, timeout_s=self._served.timeout_s)

    def _add(self, item: str, delta: str) -> None:
        self._partial[item] = self._partial.get(item, "") + delta
        if (waiting := self._waiting.get(item) if self._on_turn else self._claim(item)) is not None:
            waiting[1].began()
        self._on_partial(self._partial[item])

    def _finish(self, event: Event) -> None:
        item = text_of(event, "item_id", NAME)
        self._partial.pop(item, None)
        transcript = Transcript(text_of(event, "transcript", NAME).strip(), _language(event))
        if (waiting := self._claim(item)) is not None:
            done, meter = waiting
            self._waiting.pop(item)
            if not done.done():  # else its time limit passed, and nobody waits for it any more
                meter.tokens(event.get("usage"))
                done.set_result(transcript)

    async def lost(self) -> None:
        await asyncio.wait([self._reader])

    async def aclose(self) -> None:
        tasks = [self._reader, *self._texts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._wire.aclose()


def _language(event: Event) -> str:
    languages = event.get("languages")
    first = languages[0] if isinstance(languages, list) and languages else {}
    code = first.get("code") if isinstance(first, dict) else None
    return code_of(code) if isinstance(code, str) else ""


def check(setup: EarsSetup) -> None:
    openai_live_ears(setup)


@register_ears(
    NAME,
    label="OpenAI live transcription (Realtime), text while the caller speaks",
    warm_up=warm_up,
    check=check,
    model=DEFAULT_MODEL,
    options=(
        *SERVER_OPTIONS,
        Option(
            "endpointing",
            '"call": Klix decides where a turn ends, "server": the server does, and hears silence too',
            "call",
        ),
        Option("silence_duration_ms", "silence that ends a turn at the server", "500"),
        KEYWORDS,
    ),
)
def openai_live_ears(setup: EarsSetup) -> OpenAILiveEars:
    served = Served.read(setup.options, provider=NAME, capability="ears", model=DEFAULT_MODEL, on_usage=setup.on_usage)
    return OpenAILiveEars(
        served,
        silence_ms=int(read_number(setup.options, "silence_duration_ms", 500)),
        server_ends_turns=read_choice(setup.options, "endpointing", ("call", "server")) == "server",
        keywords=read_words(setup.options, "keywords"),
    )
