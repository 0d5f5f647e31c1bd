"""Packets that never arrive, 20 ms each, in bursts.

The Gilbert–Elliott model: a good state that loses nothing and a bad one that loses all. With loss share L and a mean
burst of B frames, bad → good has probability 1/B and good → bad L / (B·(1 − L)).
"""

import numpy as np

from calls.audio.line.concealment import Concealer, Silencer
from calls.audio.line.registry import Filter, Signal, flag, number, register


@register("packet loss", label="Packets are lost, in bursts")
class PacketLoss:
    """`burst_frames` 0: each frame is lost or not whatever happened to the one before."""

    percent: float = number(0, 90)
    burst_frames: float = number(0, 100, default=0.0)
    concealed: bool = flag(default=True)

    def __post_init__(self) -> None:
        if self.burst_frames and self._begin > 1:
            least = self.percent / (100 - self.percent)
            raise ValueError(f"burst_frames must be at least {max(least, 1):.3g} for so much loss, or 0.")
        if 0 < self.burst_frames < 1:
            raise ValueError("burst_frames must be at least 1, or 0 for losses that do not depend on each other.")

    @property
    def _share(self) -> float:
        return self.percent / 100

    @property
    def _burst(self) -> float:
        return self.burst_frames or 1 / (1 - self._share)

    @property
    def _begin(self) -> float:
        return self._share / (self._burst * (1 - self._share))

    def make(self, random: np.random.Generator) -> Filter:
        return _Losing(self, random)

    def losing(self, random: np.random.Generator, is_bad: bool) -> bool:
        """The state after one of 20 ms more."""
        return bool(random.random() >= 1 / self._burst if is_bad else random.random() < self._begin)

    def begins_bad(self, random: np.random.Generator) -> bool:
        return bool(random.random() < self._share)


class _Losing:
    jitter_ms = 0.0

    def __init__(self, settings: PacketLoss, random: np.random.Generator) -> None:
        self._settings, self._random = settings, random
        self._receiver = Concealer() if settings.concealed else Silencer()
        self._is_bad = settings.begins_bad(random)

    @property
    def lost_frames(self) -> int:
        return self._receiver.lost_frames

    def __call__(self, sent: Signal, heard: Signal) -> Signal:
        is_lost = self._is_bad
        self._is_bad = self._settings.losing(self._random, is_lost)
        return self._receiver.lost() if is_lost else self._receiver.received(sent)
