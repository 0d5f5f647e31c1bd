"""A longer way: satellite, transcoding, a distant data centre."""

import numpy as np

from calls.audio.line.history import DelayLine
from calls.audio.line.registry import SAMPLE_RATE_HZ, Filter, Signal, number, register


@register("delay", label="Everything arrives later")
class Delay:
    ms: float = number(0, 2000)

    def make(self, random: np.random.Generator) -> Filter:
        line = DelayLine(round(self.ms * SAMPLE_RATE_HZ / 1000))

        def delayed(sent: Signal, heard: Signal) -> Signal:
            return line(sent)

        return delayed
