"""What can be heard around the talker, at a signal-to-noise ratio.

SNR = level of active speech − level of the noise, both rms over the whole telephone band. The speech level is learnt
from what the party sends: the mean power of the frames no more than 15.9 dB (the margin of ITU-T P.56) below that mean
itself; before the first words it is NOMINAL_DBFS. The noise is made from the seed, repeats every 16 s, and its rms over
that time is exact.
"""

import math
from typing import Final

import numpy as np

from calls.audio.levels import FULL_SCALE
from calls.audio.line.registry import FRAME_SAMPLES, Filter, Signal, choice, number, register
from calls.audio.line.scenes import SCENES

NOMINAL_DBFS: Final = -23.0
_MARGIN: Final = 10 ** (-15.9 / 10)
_FIRST_MARGIN: Final = 10 ** (-30 / 10)


@register("noise", label="Background noise")
class Noise:
    scene: str = choice(*sorted(SCENES))
    snr_db: float = number(-20, 60)

    def make(self, random: np.random.Generator) -> Filter:
        sound, level, ratio = SCENES[self.scene](random), SpeechLevel(), 10 ** (self.snr_db / 10)
        at = 0

        def mixed(sent: Signal, heard: Signal) -> Signal:
            nonlocal at
            piece = sound[at : at + FRAME_SAMPLES]
            at = (at + FRAME_SAMPLES) % len(sound)
            noisy: Signal = sent + piece * math.sqrt(level.learn(sent) / ratio)
            return noisy

        return mixed


class SpeechLevel:
    """The mean power of active speech so far."""

    def __init__(self) -> None:
        self._frames = 0
        self._mean = FULL_SCALE**2 * 10 ** (NOMINAL_DBFS / 10)

    def learn(self, sent: Signal) -> float:
        power = float(np.dot(sent, sent)) / len(sent)
        # The first words count from far below the nominal level on: a quiet talker must not pass for silence.
        margin = _MARGIN if self._frames else _FIRST_MARGIN
        if power > self._mean * margin:
            self._frames += 1
            self._mean += (power - self._mean) / self._frames
        return self._mean
