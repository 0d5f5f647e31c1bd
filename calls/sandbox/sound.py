"""Sounds that the exchange itself plays, as μ-law, and the digits that it hears in them."""

import io
import wave
from typing import Final

import numpy as np

from agents.ports import Audio, Samples
from calls.audio import dtmf, mulaw
from calls.audio.resample import resample
from calls.sandbox.errors import CallFailed
from calls.sandbox.playout import SILENCE
from calls.telephony.protocol import SAMPLE_RATE_HZ

# A press is certain after some 50 ms; listening to three frames at once costs a third and finds it 40 ms later.
_FRAMES_AT_ONCE: Final = 3
# So many silent frames end any tone; then there is nothing to listen to.
_FRAMES_OF_REST: Final = 2 * _FRAMES_AT_ONCE


def from_digits(digits: str) -> bytes:
    """DTMF tones. As in TwiML, w waits half a second and W a whole one."""
    return mulaw.encode(dtmf.tones(digits.replace("W", "ww")))


def from_audio(audio: Audio) -> bytes:
    return mulaw.encode(resample(audio.samples, audio.sample_rate_hz, SAMPLE_RATE_HZ))


def from_wav(content: bytes) -> bytes:
    """A PCM WAV file of any rate, mono or more (mixed down). Raises CallFailed 12400 for anything else."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            samples = _mono(file.readframes(file.getnframes()), file.getsampwidth(), file.getnchannels())
            return from_audio(Audio(samples, file.getframerate()))
    except (wave.Error, EOFError, ValueError) as error:
        raise CallFailed(12400, f"<Play> needs a PCM WAV file: {error}.") from error


def _mono(data: bytes, width: int, channels: int) -> Samples:
    if width not in (1, 2):
        raise ValueError(f"it has {8 * width} bits per sample; 8 and 16 are played")
    data = data[: len(data) // (width * channels) * width * channels]
    if width == 1:
        frames = (np.frombuffer(data, np.uint8).astype(np.int32) - 128) << 8
    else:
        frames = np.frombuffer(data, "<i2").astype(np.int32)
    mixed: Samples = (frames.reshape(-1, channels).sum(axis=1) // channels).astype(np.int16)
    return mixed


class DigitListener:
    """Digits in one direction's frames; costs nothing while the line is silent."""

    def __init__(self) -> None:
        self._detector = dtmf.DtmfDetector()
        self._frames: list[bytes] = []
        self._silent = _FRAMES_OF_REST

    def __call__(self, frame: bytes) -> str:
        if frame is SILENCE:
            self._silent += 1
            if self._silent > _FRAMES_OF_REST:
                return ""
        else:
            self._silent = 0
        self._frames.append(frame)
        if len(self._frames) < _FRAMES_AT_ONCE:
            return ""
        heard = self._detector.push(mulaw.decode(b"".join(self._frames)))
        self._frames.clear()
        return "".join(heard)
