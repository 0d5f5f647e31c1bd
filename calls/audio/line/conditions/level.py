"""A quiet or a loud talker."""

import numpy as np

from calls.audio.line.registry import Filter, Signal, number, register


@register("level", label="Quieter or louder")
class Level:
    db: float = number(-60, 30)

    def make(self, random: np.random.Generator) -> Filter:
        factor = 10 ** (self.db / 20)

        def scaled(sent: Signal, heard: Signal) -> Signal:
            return sent * factor

        return scaled
