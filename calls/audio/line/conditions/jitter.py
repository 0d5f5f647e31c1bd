"""Packets held up and let go together, and a receiver with a fixed buffer.

A burst holds everything up for `burst_ms`; the receiver plays each frame `buffer_ms` after it was sent. A frame that is
held up for longer than that comes too late and is lost: (burst_ms − buffer_ms) of sound per burst, concealed. Bursts
begin by chance, one every `every_s` on average, and do not overlap. The buffer delays everything by `buffer_ms`.
"""

import numpy as np

from calls.audio.interarrival import Interarrival
from calls.audio.line.concealment import Concealer
from calls.audio.line.history import DelayLine
from calls.audio.line.registry import FRAME_MS, SAMPLE_RATE_HZ, Filter, Signal, number, register


@register("jitter", label="Packets come late, in bursts")
class Jitter:
    every_s: float = number(0.5, 600, default=8.0)
    burst_ms: float = number(FRAME_MS, 2000, default=180.0)
    buffer_ms: float = number(0, 400, default=60.0)

    def make(self, random: np.random.Generator) -> Filter:
        return _HoldingUp(self, random)


class _HoldingUp:
    def __init__(self, settings: Jitter, random: np.random.Generator) -> None:
        self._settings, self._random = settings, random
        self._buffer = DelayLine(round(settings.buffer_ms * SAMPLE_RATE_HZ / 1000))
        self._receiver = Concealer()
        self._chance = FRAME_MS / (1000 * settings.every_s)
        self._held_ms = 0.0
        self._arrivals = Interarrival()

    @property
    def lost_frames(self) -> int:
        return self._receiver.lost_frames

    @property
    def jitter_ms(self) -> float:
        return self._arrivals.mean_ms

    def __call__(self, sent: Signal, heard: Signal) -> Signal:
        if self._held_ms > 0:
            self._held_ms -= FRAME_MS
        elif self._random.random() < self._chance:
            self._held_ms = self._settings.burst_ms
        self._arrivals.arrived(max(0.0, self._held_ms))
        is_late = self._held_ms > self._settings.buffer_ms
        return self._buffer(self._receiver.lost() if is_late else self._receiver.received(sent))
