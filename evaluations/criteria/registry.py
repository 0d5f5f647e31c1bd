"""Criterion types by name: a module in this folder registers a class with a decorator and is found by `pkgutil`.

    @criterion_type
    class Phrase(CriterionType): ...

Raise `version` whenever a change can alter an outcome: verdicts keep the version that made them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar

from agents.folders import Folder
from calls.states import Side
from evaluations.judging import Judge
from evaluations.metrics.registry import Figure
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord, TurnRecord

Config = Mapping[str, Any]
Problem = tuple[str, str]  # (path in the config, what is wrong and what to do)
MAX_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where in the call. `turn` is a TurnRecord's id, None for a stretch of the call that is no turn."""

    turn: str | None
    quote: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """`decided_by`: "rule", "metric", or the judge's name. `votes`: one mapping a vote of a judge."""

    outcome: Outcome
    reason: str
    evidence: tuple[Evidence, ...] = ()
    decided_by: str = "rule"
    prompt_hash: str = ""
    votes: tuple[Mapping[str, str], ...] = ()
    cost: Decimal = Decimal(0)


class FetchFailed(Exception):
    """A system could not be asked; the message says why and what to do."""


class Fetch(Protocol):
    def __call__(self, url: str, timeout_s: float) -> bytes:
        """The body of the answer to a GET. Raises FetchFailed."""
        ...


@dataclass(frozen=True, slots=True)
class Material:
    """All that a criterion may use: the call, its figures by name, the site's judge if there is one, and a way to ask
    a web address if it may."""

    record: CallRecord
    figures: Mapping[str, Figure] = field(default_factory=dict)
    judge: Judge | None = None
    fetch: Fetch | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of a criterion's config: what a form asks for and what a config may hold."""

    name: str
    label: str
    kind: Literal["text", "choice", "number", "flag"]
    initial: str | float | bool = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""

    def problem(self, value: object) -> str:
        """What is wrong with `value`; "" where nothing is."""
        if self.kind == "flag":
            return "" if isinstance(value, bool) else "Must be true or false."
        if self.kind == "number":
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
            return "" if is_number else "Must be a number."
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            return f"Must be a text of at most {MAX_TEXT} characters."
        if self.kind == "choice" and value not in self.choices:
            return f"Must be one of: {', '.join(self.choices)}."
        return "Must not be empty." if self.required and not value.strip() else ""


class CriterionType(ABC):
    """A kind of rule. Stateless: `config` arrives with each call and has passed `problems` before `apply`."""

    name: ClassVar[str]
    label: ClassVar[str]
    version: ClassVar[int]
    settings: ClassVar[tuple[Setting, ...]]
    example: ClassVar[Config]  # a valid config
    # Settings that a form asks for as one choice of `offers`, at the place of the first of them.
    together: ClassVar[tuple[str, ...]] = ()

    def offers(self) -> Sequence[tuple[str, Sequence[tuple[tuple[str, ...], str]]]]:
        """What those may be: group → (a value for each of them, what it is called)."""
        return ()

    def problems(self, config: object) -> list[Problem]:
        """All that is wrong with the config, by path; empty: it can be applied."""
        if not isinstance(config, Mapping):
            return [("", "Must be an object.")]
        known = {setting.name: setting for setting in self.settings}
        found = [(str(key), f"Unknown. Known: {', '.join(known)}.") for key in config if key not in known]
        found += [(name, "Is missing.") for name, setting in known.items() if setting.required and name not in config]
        found += [
            (name, problem)
            for name, setting in known.items()
            if name in config and (problem := setting.problem(config[name]))
        ]
        return found or self.more_problems(self.complete(config))

    def more_problems(self, config: Config) -> list[Problem]:
        """Problems between settings, which have passed each on its own."""
        return []

    def complete(self, config: Config) -> Config:
        """The config with every setting's initial value filled in."""
        return {setting.name: setting.initial for setting in self.settings} | dict(config)

    def told(self, config: Config) -> list[tuple[str, str]]:
        """The settings that are given or have an initial value, as (label, value) to read."""
        known = {setting.name: setting.label for setting in self.settings}
        return [(known.get(name, name), _told(value)) for name, value in self.complete(config).items() if value != ""]

    @abstractmethod
    def describe(self, config: Config) -> str:
        """The rule in one line."""

    @abstractmethod
    def apply(self, config: Config, material: Material) -> Judgement: ...


_types: dict[str, CriterionType] = {}
_folder = Folder("evaluations.criteria")
Type = TypeVar("Type", bound=type[CriterionType])


def criterion_type(cls: Type) -> Type:
    if cls.name in _types:
        raise ValueError(f"Two criterion types are named {cls.name!r}.")
    _types[cls.name] = cls()
    return cls


def all_types() -> list[CriterionType]:
    _folder.load()
    return [_types[name] for name in sorted(_types)]


def get_type(name: str) -> CriterionType | None:
    _folder.load()
    return _types.get(name)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- What types share -------------------------------------------------------------------------------------------------
def cite(turn: TurnRecord, quote: str = "") -> Evidence:
    return Evidence(turn.id, quote or turn.said, turn.start_ms, turn.end_ms)


def turn_at(record: CallRecord, start_ms: int, end_ms: int, side: str = "") -> TurnRecord | None:
    """The turn (of `side`, "" for either) that overlaps the stretch longest; None where none does."""

    def shared_ms(turn: TurnRecord) -> int:
        return min(turn.end_ms, end_ms) - max(turn.start_ms, start_ms)

    candidates = [turn for turn in record.turns if side in ("", turn.side) and shared_ms(turn) >= 0]
    return max(candidates, key=shared_ms, default=None)


def whole_call(record: CallRecord, side: Side | None = None) -> tuple[Evidence, ...]:
    """For what is absent: from the first to the last turn that was searched."""
    turns = [turn for turn in record.turns if side in (None, turn.side)]
    if not turns:
        return (Evidence(None, "", 0, record.duration_ms),)
    return (Evidence(None, "", min(t.start_ms for t in turns), max(t.end_ms for t in turns)),)
