"""Speech to text with Moonshine tiny, offline, English: the model is inside its package.

It is given whole segments that our own voice activity has cut, with its own detector off (`vad_threshold` 0), which
leaks from one call into the next. It invents words for sound without speech and repeats itself on segments above half
a minute; so what holds no speech is not given to it, and what is long is cut at its quietest places.
"""

import ctypes
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.errors import Malformed, Misconfigured
from agents.ports import Audio, Samples, SpeechToText, Transcript
from agents.providers import onnx
from agents.providers.base import Loaded, run_local, translated
from agents.providers.registry import EarsSetup, register_ears
from agents.providers.silero import Silero
from agents.resampling import resample

NAME: Final = "moonshine"
LANGUAGE: Final = "en"
MODEL_HZ: Final = 16000
LINE_HZ: Final = 8000
MAX_PIECE_S: Final = 20
MIN_PIECE_S: Final = 10
LEAST_PROBABILITY: Final = 0.3  # of speech, in the likeliest window of a segment that has any


class Model:
    """The transcriber of this process; one segment at a time: a second would overwrite the answer of the first."""

    def __init__(self) -> None:
        onnx.telemetry_off()
        from moonshine_voice import ModelArch, Transcriber, get_model_path
        from moonshine_voice.moonshine_api import TranscriptC

        # Without `return_audio_data` no copy of the samples comes back as a list of Python floats.
        options = {"vad_threshold": "0.0", "return_audio_data": "false"}
        self._transcriber: Any = Transcriber(get_model_path("tiny-en"), ModelArch.TINY, options=options)
        self._answer_type = ctypes.POINTER(TranscriptC)
        self._lock = threading.Lock()

    def text(self, samples: Samples) -> str:
        """The words of a segment of 16 kHz samples."""
        wave: npt.NDArray[np.float32] = samples.astype(np.float32) / np.float32(32768)
        with self._lock:
            lines = self._lines(wave)
            return " ".join(line.text.strip() for line in lines if line.text).strip()

    def _lines(self, wave: npt.NDArray[np.float32]) -> Sequence[Any]:
        # The package's own method takes a list of floats and holds the interpreter for 2 ms a second of audio, in
        # which no other call's frame is handled. Its C interface takes the array as it is. The package is pinned.
        answer = self._answer_type()
        data = wave.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        library, handle = self._transcriber._lib, self._transcriber._handle
        code = library.moonshine_transcribe_without_streaming(
            handle, data, len(wave), MODEL_HZ, 0, ctypes.byref(answer)
        )
        if code != 0:
            raise Malformed(f"Moonshine answered with error {code}.", provider=NAME)
        lines: Sequence[Any] = self._transcriber._parse_transcript(answer).lines
        return lines


MODEL: Final = Loaded(NAME, Model)


class Moonshine:
    name = NAME

    async def transcribe(self, audio: Audio, *, language: str = "", keywords: Sequence[str] = ()) -> Transcript:
        """English whatever `language` asks for would be wrong words: another language is refused as Misconfigured.

        `keywords` do not change anything: the model has no way to take them.
        """
        _check_language(language)
        return Transcript(await run_local(_transcribe, audio), LANGUAGE)


def _transcribe(audio: Audio) -> str:
    with translated(NAME):
        if not _has_speech(resample(audio.samples, audio.sample_rate_hz, LINE_HZ)):
            return ""
        samples = resample(audio.samples, audio.sample_rate_hz, MODEL_HZ)
        return " ".join(filter(None, (MODEL.get().text(piece) for piece in pieces(samples))))


def _has_speech(samples: Samples) -> bool:
    return bool((Silero().probabilities(samples) >= LEAST_PROBABILITY).any())


def pieces(samples: Samples) -> list[Samples]:
    """16 kHz samples in pieces of at most 20 s, each cut at the quietest 20 ms of its second half."""
    found: list[Samples] = []
    while len(samples) > MAX_PIECE_S * MODEL_HZ:
        cut = _quietest(samples[: MAX_PIECE_S * MODEL_HZ])
        found.append(samples[:cut])
        samples = samples[cut:]
    return [*found, samples]


def _quietest(samples: Samples) -> int:
    first, window = MIN_PIECE_S * MODEL_HZ, MODEL_HZ // 50
    power = np.square(samples[first:].astype(np.float64)).reshape(-1, window).mean(axis=1)
    # Over five windows: a stop consonant is quiet for 50 ms, a pause for longer.
    smooth = np.convolve(power, np.ones(5), mode="same")
    return first + int(smooth.argmin()) * window + window // 2


def _check_language(language: str) -> None:
    if language and language.partition("-")[0].lower() != LANGUAGE:
        hint = "Choose other ears for this language."
        raise Misconfigured(f"Moonshine hears English only, not {language!r}. {hint}", provider=NAME)


def _check(setup: EarsSetup) -> None:
    _check_language(setup.language)


def _warm_up() -> None:
    MODEL.warm_up()
    Silero().probabilities(np.zeros(256, np.int16))
    MODEL.get().text(np.zeros(MODEL_HZ, np.int16))


@register_ears(NAME, label="Moonshine tiny, offline, English", warm_up=_warm_up, check=_check)
def moonshine(setup: EarsSetup) -> SpeechToText:
    _check(setup)
    return Moonshine()
