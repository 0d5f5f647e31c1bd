"""The conditions of one direction, applied to μ-law frames."""

import json
from collections.abc import Sequence

import numpy as np

from calls.audio import mulaw
from calls.audio.line.registry import Filter, Measured

_LOW, _HIGH = -32768, 32767


class Chain:
    """Called once per 20 ms frame, silence included; gives 160 bytes for 160 bytes."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = filters
        self._frames = 0

    def __call__(self, sent: bytes, heard: bytes) -> bytes:
        """`sent`: what the party says now; `heard`: what it heard in the frame before, which it may echo."""
        self._frames += 1
        signal = mulaw.decode(sent).astype(np.float64)
        far = mulaw.decode(heard).astype(np.float64)
        for each in self._filters:
            signal = each(signal, far)
        return mulaw.encode(np.clip(np.rint(signal), _LOW, _HIGH).astype(np.int16))

    def told(self) -> str:
        """As JSON: of `expected` packets so many were `lost`, and how unevenly the others came (`jitter_ms`)."""
        measured = [each for each in self._filters if isinstance(each, Measured)]
        lost = sum(each.lost_frames for each in measured)
        jitter_ms = max((each.jitter_ms for each in measured), default=0.0)
        return json.dumps({"expected": self._frames, "lost": lost, "jitter_ms": round(jitter_ms, 2)})
