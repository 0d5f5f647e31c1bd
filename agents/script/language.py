"""What a script is made of, once it is read: conditions, actions, steps. Pure."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.script.templates import Template


# --- Conditions -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class WhenAnswered:
    pass


@dataclass(frozen=True, slots=True)
class WhenGreeted:
    pass


@dataclass(frozen=True, slots=True)
class WhenHeard:
    pattern: re.Pattern[str]

    @property
    def anything(self) -> bool:
        return self.pattern.pattern in {"", ".*", ".+"}


@dataclass(frozen=True, slots=True)
class WhenSilent:
    silence_ms: int


@dataclass(frozen=True, slots=True)
class WhenPressed:
    pattern: re.Pattern[str]  # searched in the digits pressed since digits last made a step happen; anchored at the end


@dataclass(frozen=True, slots=True)
class WhenSpeaking:
    speaking_ms: int


Condition = WhenAnswered | WhenGreeted | WhenHeard | WhenSilent | WhenPressed | WhenSpeaking


# --- Actions ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DoSay:
    texts: tuple[Template, ...]  # taken in turn, each time the step happens


@dataclass(frozen=True, slots=True)
class DoPress:
    digits: Template


@dataclass(frozen=True, slots=True)
class DoStaySilent:
    pass


@dataclass(frozen=True, slots=True)
class DoInterrupt:
    text: Template
    after_ms: int


@dataclass(frozen=True, slots=True)
class DoHangUp:
    reason: str


@dataclass(frozen=True, slots=True)
class DoSet:
    values: Mapping[str, Template | int | float | bool]


@dataclass(frozen=True, slots=True)
class DoLookUp:
    table: Mapping[str, str | int | float | bool]
    key: Template
    name: str
    otherwise: str | int | float | bool | None = None


@dataclass(frozen=True, slots=True)
class DoCompute:
    formulas: Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class DoGoto:
    step: str


Do = DoSay | DoPress | DoStaySilent | DoInterrupt | DoHangUp | DoSet | DoLookUp | DoCompute | DoGoto


# --- The script -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Step:
    id: str
    when: tuple[Condition, ...]
    do: tuple[Do, ...]
    then: str = ""
    anytime: bool = False
    once: bool = False
    has: Mapping[str, str | None] = field(default_factory=dict)  # capture -> the value it must have; None: any
    lacks: tuple[str, ...] = ()

    @property
    def is_fallback(self) -> bool:
        """Listens to anything: asked only after all others."""
        return any(isinstance(condition, WhenHeard) and condition.anything for condition in self.when)


@dataclass(frozen=True, slots=True)
class Script:
    steps: tuple[Step, ...]
    variants: Mapping[str, str] = field(default_factory=dict)

    def index(self, step_id: str) -> int:
        return next(n for n, step in enumerate(self.steps) if step.id == step_id)


@dataclass(frozen=True, slots=True)
class Problem:
    path: str  # "steps[2].when.heard"
    message: str  # what is wrong and what to do

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ScriptError(ValueError):
    """All that is wrong with a script, each with its path."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
