"""Packets held up and let go together, and a receiver with a fixed buffer.

A burst holds everything up for `burst_ms`; the receiver plays each frame `buffer_ms` after it was sent. A frame that is
held up for longer than that comes too late and is lost: (burst_ms − buffer_ms) of sound per burst, concealed. Bursts
begin by chance, one every `every_s` on average, and do not overlap. The buffer delays everything by `buffer_ms`.
"""

import numpy as np

from calls.audio.line.concealment import Concealer
from calls.audio.line.history import DelayLine
from calls.audio.line.registry import FRAME_MS, SAMPLE_RATE_HZ, Filter, Signal, number, register


@register("jitter", label="Packets come late, in bursts")
class Jitter:
    every_s: float = number(0.5, 600, default=8.0)
    burst_ms: float = number(FRAME_MS, 2000, default=180.0)
    buffer_ms: float = number(0, 400, default=60.0)

    def make(self, random: np.random.Generator) -> Filter:
        buffer, receiver = DelayLine(round(self.buffer_ms * SAMPLE_RATE_HZ / 1000)), Concealer()
        chance = FRAME_MS / (1000 * self.every_s)
        held_ms = 0.0

        def passed(sent: Signal, heard: Signal) -> Signal:
            nonlocal held_ms
            if held_ms > 0:
                held_ms -= FRAME_MS
            elif random.random() < chance:
                held_ms = self.burst_ms
            return buffer(receiver.lost() if held_ms > self.buffer_ms else receiver.received(sent))

        return passed
