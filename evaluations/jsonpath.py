"""The part of JSONPath (RFC 9535) that names one place: $.orders[0]['total price']. Pure."""

import re
from typing import Final

_STEP: Final = re.compile(
    r"""\.(?P<name>[^.\[\]\s]+)|\[(?P<index>-?\d{1,9})\]|\['(?P<single>[^']*)'\]|\["(?P<double>[^"]*)"\]"""
)


class NoSuchPlace(Exception):
    """The document has nothing there."""


def parse(path: str) -> tuple[str | int, ...]:
    """Raises ValueError with what is wrong."""
    path = path.strip()
    if not path.startswith("$"):
        raise ValueError("Begin with $, the whole document: $.status.")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"Cannot read {path[at : at + 20]!r}: write .name, [0] or ['a name'].")
        groups = match.groupdict()
        steps.append(
            int(groups["index"]) if groups["index"] else groups["name"] or groups["single"] or groups["double"] or ""
        )
        at = match.end()
    return tuple(steps)


def find(document: object, path: str) -> object:
    """Raises NoSuchPlace, or ValueError for what is no path."""
    here = document
    for step in parse(path):
        if not _has(here, step):
            raise NoSuchPlace(f"There is nothing at {step!r} of {path}.")
        here = here[step]  # type: ignore[index]  # `_has` has looked
    return here


def _has(here: object, step: str | int) -> bool:
    if isinstance(step, str):
        return isinstance(here, dict) and step in here
    return isinstance(here, list) and -len(here) <= step < len(here)
