"""Line conditions by name: a frozen dataclass in `conditions/`, its fields the parameters, registered by decorator.

    @register("delay", label="Everything arrives later")
    class Delay:
        ms: float = number(0, 2000, default=150)

        def make(self, random: np.random.Generator) -> Filter: ...

A filter is called once per 20 ms with what the party sends and what it heard in the frame before, both float64 of
shape (160,) in units of 16-bit samples; it returns as many. All chance comes from `random`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from agents.folders import Folder

SAMPLE_RATE_HZ: Final = 8000
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = SAMPLE_RATE_HZ * FRAME_MS // 1000

Signal = npt.NDArray[np.float64]


class Filter(Protocol):
    def __call__(self, sent: Signal, heard: Signal) -> Signal: ...


@runtime_checkable
class Measured(Protocol):
    """A filter that loses packets or holds them up, and counts it."""

    @property
    def lost_frames(self) -> int: ...

    @property
    def jitter_ms(self) -> float: ...


class Condition(Protocol):
    def make(self, random: np.random.Generator) -> Filter: ...


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    label: str
    kind: type[Any]

    @property
    def parameters(self) -> Mapping[str, "dataclasses.Field[Any]"]:
        return {field.name: field for field in dataclasses.fields(self.kind)}


_entries: dict[str, Entry] = {}
_folder = Folder("calls.audio.line.conditions")
Kind = TypeVar("Kind")


def register(name: str, *, label: str) -> Callable[[type[Kind]], type[Kind]]:
    def add(kind: type[Kind]) -> type[Kind]:
        if name in _entries:
            raise ValueError(f"Two line conditions are named {name!r}.")
        made = dataclass(frozen=True)(kind)
        _entries[name] = Entry(name, label, made)
        return made

    return add


def conditions() -> Mapping[str, Entry]:
    """All of them, by name."""
    _folder.load()
    return dict(sorted(_entries.items()))


# --- Parameters -------------------------------------------------------------------------------------------------------
def number(low: float, high: float, *, default: float | None = None) -> Any:
    """Without a default it must be given."""
    metadata = {"check": lambda value: _number_fault(value, low, high), "range": f"{low:g} to {high:g}"}
    return _field(metadata, default)


def choice(*allowed: str, default: str | None = None) -> Any:
    def fault(value: object) -> str:
        return "" if value in allowed else f"must be one of {', '.join(allowed)}"

    return _field({"check": fault, "range": ", ".join(allowed)}, default)


def flag(*, default: bool) -> Any:
    metadata = {
        "check": lambda value: "" if isinstance(value, bool) else "must be true or false",
        "range": "true, false",
    }
    return _field(metadata, default)


def _field(metadata: dict[str, Any], default: Any) -> Any:
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _number_fault(value: object, low: float, high: float) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return f"must be a number from {low:g} to {high:g}"
    return ""
