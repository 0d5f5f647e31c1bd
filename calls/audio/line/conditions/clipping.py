"""An overdriven microphone or amplifier: amplitudes above a level are cut off."""

import numpy as np

from calls.audio.levels import FULL_SCALE
from calls.audio.line.registry import Filter, Signal, number, register


@register("clipping", label="Loud parts are cut off")
class Clipping:
    dbfs: float = number(-60, 0)
    drive_db: float = number(0, 40, default=0.0)

    def make(self, random: np.random.Generator) -> Filter:
        limit, drive = FULL_SCALE * 10 ** (self.dbfs / 20), 10 ** (self.drive_db / 20)

        def clipped(sent: Signal, heard: Signal) -> Signal:
            return np.clip(sent * drive, -limit, limit)

        return clipped
