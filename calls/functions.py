"""The functions that a brain called on a call, with what they answered: from the brain's notes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from agents.providers.tools import HANG_UP
from calls.models import Call, CallEvent

CALLED: Final = "tool_called"  # {"name", "arguments", "call"}
ANSWERED: Final = "tool_answered"  # {"name", "call", "output", "ok", "took_ms"}
NOTES: Final = (CALLED, ANSWERED)


@dataclass(frozen=True, slots=True)
class Function:
    """`ok` None: it has not answered. Times in ms, `at_ms` from the media stream's start."""

    key: int
    call: str  # how the brain names this call of it
    name: str
    side: str
    arguments: dict[str, Any]
    at_ms: int
    output: str = ""
    ok: bool | None = None
    took_ms: float | None = None

    @property
    def told_arguments(self) -> str:
        return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.arguments.items())

    @property
    def is_shown(self) -> bool:
        """That a call ends is in its heading."""
        return self.name != HANG_UP


def functions_of(notes: Iterable[CallEvent]) -> list[Function]:
    """In the order in which they were called. An answer belongs to the newest call of its id that has none."""
    found: list[Function] = []
    waiting: dict[tuple[str, str], int] = {}
    for note in notes:
        data, key = note.data, (note.side, str(note.data.get("call")))
        if note.name == CALLED:
            waiting[key] = len(found)
            given = data.get("arguments")
            arguments = given if isinstance(given, dict) else {}
            found.append(Function(note.pk, key[1], str(data.get("name", "")), note.side, arguments, note.at_ms or 0))
        elif (place := waiting.pop(key, None)) is not None:
            took_ms, ok = data.get("took_ms"), bool(data.get("ok"))
            found[place] = replace(found[place], output=str(data.get("output", "")), ok=ok, took_ms=took_ms)
    return found


def called_on(call: Call) -> list[Function]:
    return functions_of(CallEvent.objects.filter(call=call, name__in=NOTES).order_by("id"))
