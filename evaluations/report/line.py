"""What the page of a call tells of its line: noise and clipping of each side, packets lost, jitter. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evaluations.report.figures import Measured

CLIPPED_PERCENT: Final = 0.1  # less is a stray sample
SILENT_DBFS: Final = -90.0  # below it there is no noise to speak of


@dataclass(frozen=True, slots=True)
class LineFact:
    label: str
    value: str
    more: str


def line_facts(measured: Measured | None, caller: str) -> list[LineFact]:
    """From the figure Line; [] where it could measure nothing. `caller`: the name of that side."""
    parts = measured.parts if measured else {}
    sides = [_side(name, side, parts) for side, name in (("caller", caller), ("agent", "Agent"))]
    return [fact for fact in (*sides, _packets(parts)) if fact]


def _side(name: str, side: str, parts: Mapping[str, float]) -> LineFact | None:
    if f"{side}_snr" not in parts:
        return None
    ratio, level, noise = (parts[f"{side}_{part}"] for part in ("snr", "level", "noise"))
    told = f"speech at {level:.0f} dBFS, " + ("no noise" if noise < SILENT_DBFS else f"noise at {noise:.0f} dBFS")
    clipped = parts.get(f"{side}_clipping", 0)
    return LineFact(
        name, f"{ratio:.0f} dB", told + (f", {clipped:.1f} % clipped" if clipped >= CLIPPED_PERCENT else "")
    )


def _packets(parts: Mapping[str, float]) -> LineFact | None:
    if "lost" not in parts:
        return None
    return LineFact("Packets lost", f"{parts['lost']:.1f} %", f"jitter {parts.get('jitter', 0):.0f} ms")
