"""How unevenly packets arrive. Pure.

RFC 3550, section 6.4.1: with D the change of the transit time from one packet to the next, J ← J + (|D| − J) / 16. What
is reported is the mean of J over the packets.
"""


class Interarrival:
    def __init__(self) -> None:
        self._transit_ms: float | None = None
        self._jitter_ms = 0.0
        self._sum_ms = 0.0
        self._count = 0

    def arrived(self, transit_ms: float) -> None:
        """`transit_ms`: arrival less time of sending; its zero does not matter."""
        if self._transit_ms is not None:
            self._jitter_ms += (abs(transit_ms - self._transit_ms) - self._jitter_ms) / 16
            self._sum_ms += self._jitter_ms
            self._count += 1
        self._transit_ms = transit_ms

    @property
    def mean_ms(self) -> float:
        return self._sum_ms / self._count if self._count else 0.0
