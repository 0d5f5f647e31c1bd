"""Providers that do exactly what they are told, at once: for tests of the call engine and for benchmarks.

Each keeps what was asked of it (`heard`, `spoken`, `stimuli`, `cuts`). A ProviderError among the answers is raised in
its turn. `gate`, where given, is awaited before every answer: with it a test decides when the provider answers.
"""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.errors import Misconfigured, ProviderError
from agents.ports import (
    Action,
    Answered,
    Attention,
    Audio,
    Brain,
    Heard,
    Samples,
    Say,
    SpeechToText,
    Stimulus,
    TextToSpeech,
    Transcript,
    VoiceActivity,
    VoiceActivityStream,
)
from agents.providers.registry import (
    BrainSetup,
    EarsSetup,
    Option,
    VoiceSetup,
    register_activity,
    register_brain,
    register_ears,
    register_voice,
)

Gate = Callable[[], Awaitable[object]]

MS_PER_CHAR: Final = 60  # about the pace of speech: 16 characters a second
AMPLITUDE: Final = 0.25 * 32767  # a sine of −15 dBFS


class ScriptedEars:
    """Hears the given texts, one a turn, then "", or with `repeat` the same again; or what `texts(audio)` says."""

    name = "scripted"

    def __init__(
        self,
        texts: Sequence[str | ProviderError] | Callable[[Audio], str] = (),
        *,
        repeat: bool = False,
        gate: Gate | None = None,
    ) -> None:
        self._hear = texts if callable(texts) else None
        listed: Sequence[str | ProviderError] = () if callable(texts) else texts
        self._texts: Iterator[str | ProviderError] = cycle(listed) if repeat else iter(listed)
        self._gate = gate
        self.heard: list[Audio] = []

    async def transcribe(self, audio: Audio, *, language: str = "", keywords: Sequence[str] = ()) -> Transcript:
        self.heard.append(audio)
        if self._gate:
            await self._gate()
        text = self._hear(audio) if self._hear else next(self._texts, "")
        if isinstance(text, ProviderError):
            raise text
        return Transcript(text, language)


class ScriptedVoice:
    """Sounds for `ms_per_char` a character, in pieces of `piece_ms`: a 440 Hz "tone", or a "noise" of the text's own.

    `failures`: texts whose synthesis raises the given error after the first piece ("*": every text).
    """

    name = "scripted"

    def __init__(
        self,
        sound: str = "tone",
        *,
        ms_per_char: int = MS_PER_CHAR,
        sample_rate_hz: int = 8000,
        piece_ms: int = 200,
        failures: Mapping[str, ProviderError] | None = None,
        gate: Gate | None = None,
    ) -> None:
        if sound not in SOUNDS:
            raise Misconfigured(f"The scripted voice has no sound {sound!r}: give one of {', '.join(SOUNDS)}.")
        self._sound = sound
        self._ms_per_char = ms_per_char
        self._rate_hz = sample_rate_hz
        self._piece = max(1, piece_ms * sample_rate_hz // 1000)
        self._failures = failures or {}
        self._gate = gate
        self.spoken: list[str] = []

    def duration_ms(self, text: str) -> int:
        return len(text) * self._ms_per_char

    async def synthesize(self, text: str) -> AsyncIterator[Audio]:
        self.spoken.append(text)
        samples = SOUNDS[self._sound](text, self.duration_ms(text) * self._rate_hz // 1000, self._rate_hz)
        failure = self._failures.get(text, self._failures.get("*"))
        for start in range(0, len(samples), self._piece):
            if self._gate:
                await self._gate()
            yield Audio(samples[start : start + self._piece], self._rate_hz)
            if failure:
                raise failure


def _tone(_: str, n: int, rate_hz: int) -> Samples:
    tone: Samples = (AMPLITUDE * np.sin(2 * np.pi * 440 / rate_hz * np.arange(n))).astype(np.int16)
    return tone


def _noise(text: str, n: int, _: int) -> Samples:
    random = np.random.default_rng(zlib.crc32(text.encode()))
    noise: Samples = (AMPLITUDE * random.uniform(-1, 1, n)).astype(np.int16)
    return noise


SOUNDS: Final[Mapping[str, Callable[[str, int, int], Samples]]] = {"tone": _tone, "noise": _noise}


class ScriptedBrain:
    """Greets when the call is answered, then answers each turn with the next reply, then stays silent.

    A reply is a text or a list of actions. Or `replies(stimulus)` decides for every stimulus, the greeting too.
    """

    name = "scripted"

    def __init__(
        self,
        replies: "Sequence[Reply] | Callable[[Stimulus], Iterable[Action | ProviderError]]" = (),
        *,
        greeting: str = "",
        attention: Attention | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._decide = replies if callable(replies) else None
        self._replies: Iterator[Reply] = iter(() if callable(replies) else replies)
        self._greeting = greeting
        self._attention = attention or Attention()
        self._gate = gate
        self.stimuli: list[Stimulus] = []
        self.cuts: list[str] = []
        self.closed = False

    async def respond(self, stimulus: Stimulus) -> AsyncIterator[Action]:
        self.stimuli.append(stimulus)
        for action in self._actions(stimulus):
            if self._gate:
                await self._gate()
            if isinstance(action, ProviderError):
                raise action
            yield action

    def _actions(self, stimulus: Stimulus) -> "Iterable[Action | ProviderError]":
        if self._decide:
            return self._decide(stimulus)
        if isinstance(stimulus, Answered):
            return [Say(self._greeting)] if self._greeting else []
        reply: Reply = next(self._replies, []) if isinstance(stimulus, Heard) else []
        return [Say(reply)] if isinstance(reply, str) else reply

    def was_cut(self, heard: str) -> None:
        self.cuts.append(heard)

    @property
    def attention(self) -> Attention:
        return self._attention

    async def aclose(self) -> None:
        self.closed = True


Reply = str | Sequence[Action | ProviderError]


class ScriptedActivity:
    """Energy: 1.0 for a window whose level is above `threshold_dbfs`, else 0.0. Answers at once, within `push`."""

    def __init__(self, window_samples: int = 256, threshold_dbfs: float = -45.0) -> None:
        self.window_samples = window_samples
        self._least_power = (32768 * 10 ** (threshold_dbfs / 20)) ** 2

    def open(self, on_probability: Callable[[float], None]) -> VoiceActivityStream:
        return _EnergyStream(self, on_probability)

    def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
        count = len(samples) // self.window_samples
        windows = samples[: count * self.window_samples].reshape(count, self.window_samples).astype(np.float64)
        loud: npt.NDArray[np.float32] = (np.square(windows).mean(axis=1) > self._least_power).astype(np.float32)
        return loud


class _EnergyStream:
    def __init__(self, activity: ScriptedActivity, on_probability: Callable[[float], None]) -> None:
        self._activity = activity
        self._on_probability = on_probability
        self._rest: Samples = np.zeros(0, np.int16)
        self._open = True

    def push(self, samples: Samples) -> None:
        self._rest = np.concatenate([self._rest, samples])
        probabilities = self._activity.probabilities(self._rest)
        self._rest = self._rest[len(probabilities) * self._activity.window_samples :]
        for probability in probabilities:
            if self._open:
                self._on_probability(float(probability))

    def close(self) -> None:
        self._open = False


# --- By name ----------------------------------------------------------------------------------------------------------
def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    texts = options.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Misconfigured(f'The scripted provider\'s option "{name}" is a list of texts.', provider="scripted")
    return texts


EARS_OPTIONS: Final = (
    Option("texts", "what it hears, turn by turn: a list of texts", "[]"),
    Option("repeat", "begin again when they are used up: true or false", "false"),
)
BRAIN_OPTIONS: Final = (
    Option("replies", "what it says, turn by turn: a list of texts", "[]"),
    Option("greeting", "said when the call is answered"),
)


def _check_ears(setup: EarsSetup) -> None:
    _texts(setup.options, "texts")


def _check_brain(setup: BrainSetup) -> None:
    _texts(setup.options, "replies")


@register_ears("scripted", label="Scripted: hears given texts, for tests", check=_check_ears, options=EARS_OPTIONS)
def scripted_ears(setup: EarsSetup) -> SpeechToText:
    return ScriptedEars(_texts(setup.options, "texts"), repeat=bool(setup.options.get("repeat", False)))


@register_voice("scripted", label="Scripted: a tone as long as the text, for tests", voices=tuple(SOUNDS))
def scripted_voice(setup: VoiceSetup) -> TextToSpeech:
    return ScriptedVoice(setup.voice or "tone")


@register_brain("scripted", label="Scripted: says given texts, for tests", check=_check_brain, options=BRAIN_OPTIONS)
def scripted_brain(setup: BrainSetup) -> Brain:
    return ScriptedBrain(_texts(setup.options, "replies"), greeting=str(setup.options.get("greeting", "")))


@register_activity("scripted", label="Scripted: by energy, for tests")
def scripted_activity(_: None) -> VoiceActivity:
    return ScriptedActivity()
