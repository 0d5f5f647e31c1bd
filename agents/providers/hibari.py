"""Text to speech with hibari, offline: an American woman ("heart"), and two more speakers made from her.

A recording played slower is lower and longer. So a sentence is rendered at another speed, which makes up for some of
the length, and then played at another rate. Both variants are understood over the phone as well as the voice itself.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.ports import Audio, TextToSpeech
from agents.providers import onnx
from agents.providers.base import Loaded
from agents.providers.local_voice import OPTIONS, LocalVoice, Manner, choose_voice, read_manner
from agents.providers.registry import VoiceSetup, register_voice
from agents.resampling import resample, to_int16

NAME: Final = "hibari"
MODEL_HZ: Final = 24000


@dataclass(frozen=True, slots=True)
class Variant:
    pitch: float  # factor of the fundamental frequency, and of the rate of playing
    speed: float  # of rendering, for the pace of a person on the phone


# Left alone the model speaks 230 words a minute, pauses left out. At these speeds each voice speaks 180 to 186, and is
# understood over the phone as well as at any other.
VARIANTS: Final = {"heart": Variant(1, 0.75), "deep": Variant(0.7, 1.15), "high": Variant(1.15, 0.65)}
VOICES: Final = tuple(VARIANTS)


class Model:
    """The synthesizer and its reading of English. One thread at a time: its dictionaries are filled as it reads."""

    def __init__(self) -> None:
        onnx.telemetry_off()
        from hibari import Hibari

        self._hibari: Any = Hibari(voice="heart")  # in the package; its other voices are downloads
        self._lock = threading.Lock()

    def phonemize(self, text: str) -> Sequence[str]:
        """A string of phonemes (misaki's alphabet) for each sentence."""
        with self._lock:
            sentences: Sequence[str] = self._hibari.phonemize(text)
            return sentences

    def render(self, phonemes: str, voice: str, manner: Manner) -> Audio:
        variant = VARIANTS[voice]
        with self._lock:
            wave = self._hibari.from_phonemes(phonemes, speed=manner.speed * variant.speed, seed=manner.seed)
        return Audio(resample(to_int16(wave), round(MODEL_HZ * variant.pitch), MODEL_HZ), MODEL_HZ)


MODEL: Final = Loaded(NAME, Model)


def phonemize(text: str) -> Sequence[str]:
    return MODEL.get().phonemize(text)


def render(phonemes: str, voice: str, manner: Manner) -> Audio:
    return MODEL.get().render(phonemes, voice, manner)


def _check(setup: VoiceSetup) -> None:
    choose_voice(setup.voice, VOICES, NAME)
    read_manner(setup.options, NAME)


def _warm_up() -> None:
    for sentence in phonemize("Hello, this is Klixon."):  # a word of no dictionary: the net that guesses loads too
        render(sentence, "heart", Manner())


@register_voice(
    NAME, label="Hibari, offline, American English", voices=VOICES, warm_up=_warm_up, check=_check, options=OPTIONS
)
def hibari(setup: VoiceSetup) -> TextToSpeech:
    voice = choose_voice(setup.voice, VOICES, NAME)
    return LocalVoice(NAME, voice, read_manner(setup.options, NAME), phonemize=phonemize, render=render)
