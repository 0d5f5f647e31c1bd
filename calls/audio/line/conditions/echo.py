"""The party's telephone sends back what it hears: a speakerphone, a hybrid without echo cancellation."""

import numpy as np

from calls.audio.line.history import DelayLine
from calls.audio.line.registry import FRAME_MS, SAMPLE_RATE_HZ, Filter, Signal, number, register


@register("echo", label="The far end hears itself")
class Echo:
    """`delay_ms`: from what the party hears to its echo; `loss_db`: how much weaker the echo is."""

    delay_ms: float = number(FRAME_MS, 1000, default=120.0)
    loss_db: float = number(0, 60, default=24.0)

    def make(self, random: np.random.Generator) -> Filter:
        # What is heard is that of the frame before: one frame of the delay is in it.
        line = DelayLine(round((self.delay_ms - FRAME_MS) * SAMPLE_RATE_HZ / 1000))
        factor = 10 ** (-self.loss_db / 20)

        def echoed(sent: Signal, heard: Signal) -> Signal:
            return sent + factor * line(heard)

        return echoed
