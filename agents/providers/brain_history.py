"""What was said on a call so far, as a brain remembers it: what was *heard* of itself, not what it wrote."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["user", "assistant", "developer"]
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model asks for a function. `arguments`: a JSON object, as text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    call: Call
    output: str


Entry = Message | Call | Answer


class History:
    """The entries of a call, and where the current reply begins."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._reply_at = 0

    def add(self, *entries: Entry) -> None:
        self.entries.extend(entries)

    def begin_reply(self) -> None:
        self._reply_at = len(self.entries)

    def say(self, text: str) -> None:
        if text.strip():
            self.add(Message("assistant", text))

    def cut(self, heard: str) -> None:
        """Of the last reply only `heard` was played. Calls that were answered stay: they were made."""
        answered = {entry.call.id for entry in self.entries[self._reply_at :] if isinstance(entry, Answer)}
        self.entries[self._reply_at :] = [
            entry
            for entry in self.entries[self._reply_at :]
            if isinstance(entry, Answer) or (isinstance(entry, Call) and entry.id in answered)
        ]
        self.say(heard)

    def answer(self, call: Call, output: str) -> None:
        """In the place of what stands there for the time being."""
        self.entries = [
            Answer(call, output) if isinstance(entry, Answer) and entry.call is call else entry
            for entry in self.entries
        ]

    def drop_unanswered(self) -> None:
        """No server accepts a call without its answer."""
        answered = {entry.call.id for entry in self.entries if isinstance(entry, Answer)}
        self.entries = [entry for entry in self.entries if not isinstance(entry, Call) or entry.id in answered]
