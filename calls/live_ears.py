"""Ears that hear a turn while it is being spoken. asyncio only, no Django.

Audio that comes before the stream is open waits, bounded; a stream that fails is opened anew for the next turn, and the
turn it failed on is transcribed from its audio like any other.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from agents.errors import ProviderError, TimedOut, Unreachable
from agents.ports import Audio, EarsStream, EndedTurn, SpeechToText, StreamingSpeechToText, Transcript

# The turn that the provider ended, on the call's clock, and its text to come.
OnEndedTurn = Callable[[int, int, "asyncio.Task[Transcript | ProviderError]"], None]
WAITING_PIECES = 1_000  # 20 s of frames


def live_ears(
    ears: SpeechToText,
    on_partial: Callable[[str], None],
    on_turn: OnEndedTurn,
    on_lost: Callable[[], None],
    *,
    timeout_s: float,
    tasks: asyncio.TaskGroup,
    language: str,
    keywords: Sequence[str],
) -> "LiveEars | None":
    """None for ears that take whole turns only."""
    if not hasattr(ears, "open"):
        return None
    return LiveEars(
        cast(StreamingSpeechToText, ears), on_partial, on_turn, on_lost, timeout_s, tasks, language, keywords
    )


class LiveEars:
    """`push` is on the audio path and does not wait."""

    def __init__(
        self,
        ears: StreamingSpeechToText,
        on_partial: Callable[[str], None],
        on_turn: OnEndedTurn,
        on_lost: Callable[[], None],
        timeout_s: float,
        tasks: asyncio.TaskGroup,
        language: str,
        keywords: Sequence[str],
    ) -> None:
        self._ears = ears
        self.endpointing_ms = ears.endpointing_ms  # None: turns end at `commit`
        self._on_partial = on_partial
        self._on_turn = on_turn
        self._on_lost = on_lost  # nobody there ends turns any more, until `commit` has opened anew
        self._timeout_s = timeout_s
        self._origin_ms: int | None = None  # where on the call's clock the stream's begins
        self._tasks = tasks
        self._language = language
        self._keywords = keywords
        self._stream: EarsStream | None = None
        self._waiting: deque[tuple[Audio, int]] = deque(maxlen=WAITING_PIECES)
        self._opening = tasks.create_task(self._open())

    def push(self, audio: Audio, at_ms: int) -> None:
        if self._stream is not None:
            self._tell(self._stream, audio, at_ms)
        else:
            self._waiting.append((audio, at_ms))

    def _tell(self, stream: EarsStream, audio: Audio, at_ms: int) -> None:
        if self._origin_ms is None:
            self._origin_ms = at_ms
        stream.push(audio)

    async def commit(self, timeout_s: float) -> Transcript | ProviderError:
        """The text of the turn that was pushed; an error is a result: the turn's audio is still there for others."""
        try:
            async with asyncio.timeout(timeout_s):
                if (failure := await asyncio.shield(self._opening)) is not None:
                    self._open_anew()
                    return failure
                if self._stream is None:
                    return Unreachable("The live transcription is closed.", provider=self._ears.name)
                return await self._stream.commit()
        except TimeoutError:
            self._open_anew()
            return TimedOut(f"No text within {timeout_s:g} s.", provider=self._ears.name)
        except ProviderError as error:
            self._open_anew()
            return error

    def _ended(self, turn: EndedTurn) -> None:
        origin_ms = self._origin_ms or 0
        text = self._tasks.create_task(self._text_of(turn))
        self._on_turn(origin_ms + turn.start_ms, origin_ms + turn.end_ms, text)

    async def _text_of(self, turn: EndedTurn) -> Transcript | ProviderError:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await turn.text
        except TimeoutError:
            return TimedOut(f"No text within {self._timeout_s:g} s.", provider=self._ears.name)
        except ProviderError as error:
            return error

    def close(self) -> None:
        self._opening.cancel()
        if (stream := self._stream) is not None:
            self._stream = None
            self._tasks.create_task(stream.aclose())

    async def _open(self) -> ProviderError | None:
        try:
            stream = await self._ears.open(
                self._on_partial,
                on_turn=None if self.endpointing_ms is None else self._ended,
                language=self._language,
                keywords=self._keywords,
            )
        except ProviderError as error:
            self._on_lost()
            return error
        while self._waiting:
            self._tell(stream, *self._waiting.popleft())
        self._stream = stream
        if self.endpointing_ms is not None:
            self._tasks.create_task(self._watch(stream))
        return None

    async def _watch(self, stream: EarsStream) -> None:
        await stream.lost()
        if self._stream is stream:
            self._on_lost()

    def _open_anew(self) -> None:
        self.close()
        self._waiting.clear()
        self._origin_ms = None
        self._opening = self._tasks.create_task(self._open())
