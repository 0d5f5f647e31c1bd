"""Our side of a call: text → speech → the exchange's queue. asyncio only, no Django.

Synthesis runs ahead of playback: a sentence is queued as soon as its audio is there, in messages of `CHUNK_MS`.
With `lead_ms` the audio is handed over only so far ahead of being played (for exchanges with a short buffer).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import numpy as np

from agents.errors import CutShort, TimedOut
from agents.ports import Audio, TextToSpeech
from calls.audio import mulaw
from calls.audio.dtmf import tones
from calls.audio.resample import Resampler
from calls.playback import SAMPLES_PER_MS, Playback
from calls.reply import Reply, Sentence
from calls.telephony import protocol

CHUNK_MS = 400


class Speaker:
    """Speaks sentences with the first voice that works. `send` hands a text frame to the stream and never waits."""

    def __init__(
        self,
        voices: list[TextToSpeech],
        *,
        stream_sid: str,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        send: Callable[[str], None],
        lead_ms: int | None = None,
        timeout_s: float = 8.0,
    ) -> None:
        self.playback = Playback()
        self._voices = voices
        self._stream_sid = stream_sid
        self._clock = clock
        self._monotonic = monotonic
        self._send = send
        self._lead_ms = lead_ms
        self._timeout_s = timeout_s
        self._waiting: deque[tuple[int, str]] = deque()  # (start sample, message) not yet handed over
        self._marks = 0

    @property
    def voice_name(self) -> str:
        return self._voices[0].name if self._voices else "none"

    def next_voice(self) -> bool:
        """Give up on the present voice; False when it was the last one."""
        self._voices.pop(0)
        return bool(self._voices)

    async def say(self, text: str, reply: Reply, on_first_audio: Callable[[Sentence], None]) -> None:
        """Queue one sentence. `on_first_audio` is called once, when its place on the clock is known."""
        began = self._monotonic()
        sentence: Sentence | None = None
        async for payload in self._spoken(text):
            start, end = self.play(payload)
            if sentence is None:
                reply.latencies.setdefault("tts_first_byte_ms", round(1000 * (self._monotonic() - began), 1))
                sentence = Sentence(text, start, end)
                reply.sentences.append(sentence)
                on_first_audio(sentence)
            sentence.end = end
        if sentence is None:
            raise CutShort(f"The voice gave no audio for a text of {len(text)} characters.", provider=self.voice_name)
        sentence.is_complete = True
        self.mark(reply)

    def press(self, digits: str) -> None:
        """Digits as the tones of a telephone: Media Streams has no message for sending them."""
        self.play(mulaw.encode(tones(digits)))

    def clear(self) -> None:
        """Cut what is not played yet."""
        self.playback.clear(self._clock())
        self._waiting.clear()
        self._send(protocol.clear_command(self._stream_sid))

    def pump(self) -> None:
        """Hand over what is due; called as the clock advances."""
        if self._lead_ms is None:
            return
        horizon = self._clock() + self._lead_ms * SAMPLES_PER_MS
        while self._waiting and self._waiting[0][0] <= horizon:
            self._send(self._waiting.popleft()[1])

    async def _spoken(self, text: str) -> AsyncIterator[bytes]:
        """μ-law of one sentence, as it is synthesized."""
        resampler: Resampler | None = None
        pieces = self._voices[0].synthesize(text)
        try:
            while (audio := await self._next_piece(pieces)) is not None:
                if resampler is None:
                    resampler = Resampler(audio.sample_rate_hz, protocol.SAMPLE_RATE_HZ)
                if payload := mulaw.encode(resampler.push(audio.samples)):
                    yield payload
            if resampler is not None and (tail := mulaw.encode(resampler.push(np.zeros(0, np.int16), last=True))):
                yield tail
        finally:
            # A generator that is left in the middle (a cut reply) must close what it holds now, not when collected.
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def _next_piece(self, pieces: AsyncIterator[Audio]) -> Audio | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await anext(pieces, None)
        except TimeoutError:
            message = f"The voice gave no audio within {self._timeout_s:g} s."
            raise TimedOut(message, provider=self.voice_name) from None

    def play(self, payload: bytes) -> tuple[int, int]:
        """Queue μ-law after all that is queued; returns the samples at which it starts and ends playing."""
        first, end = self.playback.queue(payload, self._clock())
        size = CHUNK_MS * SAMPLES_PER_MS
        for offset in range(0, len(payload), size):
            message = protocol.media_command(self._stream_sid, payload[offset : offset + size])
            self._hand_over(first + offset, message)
        return first, end

    def mark(self, reply: Reply) -> None:
        """Have the far end tell when all that is queued so far has been played."""
        self._marks += 1
        reply.last_mark = f"m{self._marks}"
        self.playback.mark(reply.last_mark)
        self._hand_over(self.playback.end, protocol.mark_command(self._stream_sid, reply.last_mark))

    def _hand_over(self, start: int, message: str) -> None:
        if self._lead_ms is None:
            self._send(message)
        else:
            self._waiting.append((start, message))
            self.pump()
