"""Ears that hear a turn while it is being spoken. asyncio only, no Django.

Audio that comes before the stream is open waits, bounded; a stream that fails is opened anew for the next turn, and the
turn it failed on is transcribed from its audio like any other.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from agents.errors import ProviderError, TimedOut, Unreachable
from agents.ports import Audio, EarsStream, SpeechToText, StreamingSpeechToText, Transcript

WAITING_PIECES = 1_000  # 20 s of frames


def live_ears(
    ears: SpeechToText,
    on_partial: Callable[[str], None],
    *,
    tasks: asyncio.TaskGroup,
    language: str,
    keywords: Sequence[str],
) -> "LiveEars | None":
    """None for ears that take whole turns only."""
    if not hasattr(ears, "open"):
        return None
    return LiveEars(cast(StreamingSpeechToText, ears), on_partial, tasks, language, keywords)


class LiveEars:
    """`push` is on the audio path and does not wait."""

    def __init__(
        self,
        ears: StreamingSpeechToText,
        on_partial: Callable[[str], None],
        tasks: asyncio.TaskGroup,
        language: str,
        keywords: Sequence[str],
    ) -> None:
        self._ears = ears
        self._on_partial = on_partial
        self._tasks = tasks
        self._language = language
        self._keywords = keywords
        self._stream: EarsStream | None = None
        self._waiting: deque[Audio] = deque(maxlen=WAITING_PIECES)
        self._opening = tasks.create_task(self._open())

    def push(self, audio: Audio) -> None:
        if self._stream is not None:
            self._stream.push(audio)
        else:
            self._waiting.append(audio)

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

    def close(self) -> None:
        self._opening.cancel()
        if (stream := self._stream) is not None:
            self._stream = None
            self._tasks.create_task(stream.aclose())

    async def _open(self) -> ProviderError | None:
        try:
            stream = await self._ears.open(self._on_partial, language=self._language, keywords=self._keywords)
        except ProviderError as error:
            return error
        while self._waiting:
            stream.push(self._waiting.popleft())
        self._stream = stream
        return None

    def _open_anew(self) -> None:
        self.close()
        self._waiting.clear()
        self._opening = self._tasks.create_task(self._open())
