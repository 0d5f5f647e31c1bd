"""What the offline voices share: options, sentence by sentence off the event loop, and a cache of spoken lines."""

import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from agents.errors import Misconfigured
from agents.ports import Audio, Samples
from agents.providers.base import run_local, translated
from agents.providers.registry import Option

CACHE_BYTES: Final = 32 * 1024 * 1024  # about eleven minutes at 24 kHz
SLOWEST: Final = 0.5
FASTEST: Final = 2.0
MAX_CHARS: Final = 5000
LEAD_MS: Final = 20  # of the silence before a sentence that is kept: the rest would only delay the reply
TAIL_MS: Final = 150  # after it: about the pause between two sentences
OPTIONS: Final = (
    Option("speed", f"how fast it speaks, {SLOWEST} to {FASTEST}; 1 is about 180 words a minute, pauses left out", "1"),
    Option("seed", "a whole number: fixes what is random in the voice", "0"),
)
# Of the sentence's peak. A first consonant is faint; what fades at the end is breath, and TAIL_MS of it are kept.
QUIET_BEFORE: Final = 10 ** (-45 / 20)
QUIET_AFTER: Final = 10 ** (-36 / 20)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a voice speaks: the options that an agent or persona may set. `seed` fixes what is random in a voice."""

    speed: float = 1.0
    seed: int = 0


def read_manner(options: Mapping[str, Any], provider: str) -> Manner:
    """Raises Misconfigured for options that do not exist or make no sense."""
    if unknown := sorted(set(options) - {"speed", "seed"}):
        raise Misconfigured(
            f"{provider} has no option {', '.join(unknown)}. It knows speed and seed.", provider=provider
        )
    speed, seed = options.get("speed", 1.0), options.get("seed", 0)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not SLOWEST <= speed <= FASTEST:
        raise Misconfigured(f"{provider}: speed is a number from {SLOWEST} to {FASTEST}.", provider=provider)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise Misconfigured(f"{provider}: seed is a whole number from 0.", provider=provider)
    return Manner(float(speed), seed)


def choose_voice(voice: str, voices: Sequence[str], provider: str) -> str:
    """The voice, or the provider's first for ""; raises Misconfigured for one that it does not have."""
    if voice and voice not in voices:
        raise Misconfigured(f"{provider} has no voice {voice!r}. It has {', '.join(voices)}.", provider=provider)
    return voice or voices[0]


def trimmed(audio: Audio) -> Audio:
    """Without the silence that a model speaks before and after a sentence, but for LEAD_MS and TAIL_MS."""
    level, peak = np.abs(audio.samples.astype(np.int32)), _peak(audio.samples)
    begun, loud = np.flatnonzero(level > QUIET_BEFORE * peak), np.flatnonzero(level > QUIET_AFTER * peak)
    if not len(loud):
        return Audio(audio.samples[:0], audio.sample_rate_hz)
    first = max(0, int(begun[0]) - LEAD_MS * audio.sample_rate_hz // 1000)
    last = int(loud[-1]) + 1 + TAIL_MS * audio.sample_rate_hz // 1000
    return Audio(audio.samples[first:last].copy(), audio.sample_rate_hz)


def _peak(samples: Samples) -> int:
    return int(np.abs(samples.astype(np.int32)).max(initial=0))


class LineCache:
    """The audio of the lines spoken last, at most `max_bytes` of it: a greeting is rendered once."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lines: OrderedDict[tuple[object, ...], Audio] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, key: tuple[object, ...]) -> Audio | None:
        with self._lock:
            if key in self._lines:
                self._lines.move_to_end(key)
            return self._lines.get(key)

    def put(self, key: tuple[object, ...], audio: Audio) -> None:
        with self._lock:
            self._drop(self._lines.pop(key, None))
            self._lines[key] = audio
            self.bytes += audio.samples.nbytes
            while self.bytes > self._max_bytes:
                self._drop(self._lines.popitem(last=False)[1])

    def _drop(self, audio: Audio | None) -> None:
        self.bytes -= audio.samples.nbytes if audio else 0


CACHE: Final = LineCache()


class LocalVoice:
    """A voice of this process. `phonemize` cuts a text into sentences of phonemes, `render` speaks one of them; both
    run in the pool of local models. The first sentence is given while the next is not begun."""

    def __init__(
        self,
        name: str,
        voice: str,
        manner: Manner,
        *,
        phonemize: Callable[[str], Sequence[str]],
        render: Callable[[str, str, Manner], Audio],
        cache: LineCache = CACHE,
    ) -> None:
        self.name = name
        self._voice = voice
        self._manner = manner
        self._phonemize = phonemize
        self._render = render
        self._cache = cache

    async def synthesize(self, text: str) -> AsyncIterator[Audio]:
        """Nothing for a text without a word. Raises Misconfigured for one of more than MAX_CHARS characters."""
        if len(text) > MAX_CHARS:
            raise Misconfigured(f"{self.name} speaks at most {MAX_CHARS} characters at once.", provider=self.name)
        for phonemes in await run_local(self._sentences, text):
            key = (self.name, self._voice, self._manner, phonemes)
            audio = self._cache.get(key)
            if audio is None:
                audio = await run_local(self._speak, phonemes)
                self._cache.put(key, audio)
            if len(audio.samples):
                yield audio

    def _sentences(self, text: str) -> Sequence[str]:
        with translated(self.name):
            return [phonemes for phonemes in self._phonemize(text) if any(map(str.isalpha, phonemes))]

    def _speak(self, phonemes: str) -> Audio:
        with translated(self.name):
            audio = trimmed(self._render(phonemes, self._voice, self._manner))
        audio.samples.flags.writeable = False  # it is shared by all calls that say this line
        return audio
