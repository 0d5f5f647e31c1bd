"""What the OpenAI double answers and what it was asked."""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.openai_faults import Fault, Faults, Kind

MODELS: dict[str, str | None] = {
    "gpt-6-luna": None,
    "gpt-6-sol": None,
    "gpt-transcribe": None,
    "gpt-live-transcribe": None,
    "whisper-1": "2027-02-26",
    "gpt-4o-mini-tts": "2027-01-06",
    "gpt-realtime-2.1": None,
    "gpt-realtime-2.1-mini": None,
}


@dataclass
class Reply:
    """One round of a model: text, or functions that it calls, or both."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()  # name and arguments
    refusal: bool = False
    finish: str = ""  # "": by what the reply holds

    @property
    def finish_reason(self) -> str:
        return self.finish or ("tool_calls" if self.calls else "stop")

    @property
    def words(self) -> list[str]:
        return re.findall(r"\S+\s*", self.text)


@dataclass
class Asked:
    """A request as it arrived. `body`: the JSON object, or the fields of the form; a file as its bytes."""

    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    query: dict[str, str]


@dataclass
class Script:
    """Scripted answers are used up in order; then the default comes again and again."""

    replies: deque[Reply] = field(default_factory=deque)
    transcripts: deque[str] = field(default_factory=deque)
    default_reply: str = "All right, thank you."
    default_transcript: str = "Hello there."
    translation: str = "Good morning."
    spoken: str = ""  # what a Realtime voice says instead of what it was asked to say
    models: dict[str, str | None] = field(default_factory=lambda: dict(MODELS))
    assistants_open: bool = True
    conversations_open: bool = True
    translations_open: bool = True
    voice_activity: bool = True  # of Realtime sessions; False: it hears nothing begin or end
    faults: Faults = field(default_factory=Faults)
    asked: list[Asked] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)  # client events of Realtime sessions
    piece_s: float = 0.0  # the pause after each piece of a stream
    piece_bytes: int = 1001  # of speech; odd on purpose

    def reply(self, fault: Fault | None = None) -> Reply:
        if fault is not None and fault.kind is Kind.REFUSAL:
            return Reply("I cannot help with that.", refusal=True)
        reply = self.replies.popleft() if self.replies else Reply(self.default_reply)
        if fault is not None and fault.kind is Kind.TOO_LONG:
            reply.finish = "length"
        return reply

    def transcript(self) -> str:
        return self.transcripts.popleft() if self.transcripts else self.default_transcript

    def fail(self, path: str, kind: Kind, *, times: int = 1000, after: int = 1) -> None:
        self.faults.planned.append(Fault(path, kind, times, after))

    def requests(self, path: str, method: str = "POST") -> list[Asked]:
        return [asked for asked in self.asked if path in asked.path and asked.method == method]
