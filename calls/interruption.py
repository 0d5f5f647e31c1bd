"""What becomes of a reply that was cut, and of what cut it. No asyncio, no Django."""

from dataclasses import dataclass

from agents.errors import ProviderError
from agents.ports import Answered, Brain, Dictatable, DigitPressed, Heard, Stimulus


@dataclass(frozen=True, slots=True)
class Dictated:
    """A line that an operator typed for us to say."""

    text: str


Asked = Stimulus | ProviderError | Dictated


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A reply that was cut: what it answered, what was heard of it, and what was not."""

    stimulus: Stimulus | Dictated
    heard: str
    rest: str
    was_calling: bool = False  # a function worked, and goes on working


def after_interruption(cut: Interrupted | None, stimulus: Asked, brain: Brain) -> list[Asked | str]:
    """What to answer now; a str is the rest of a reply that a noise has cut: it is said to its end.

    A reply of which nothing was heard never happened: the brain forgets it with what caused it, and is asked
    again, a turn merged with the one that followed it.
    """
    if isinstance(stimulus, ProviderError):
        return [stimulus]
    if cut is None:
        return [] if stimulus == Heard("") else [stimulus]
    if isinstance(stimulus, Heard) and not stimulus.text:
        return _after_noise(cut, brain)
    _tell(brain, cut, cut.heard)
    if cut.heard or isinstance(stimulus, Dictated) or isinstance(cut.stimulus, Answered | Dictated):
        return [stimulus]
    if isinstance(cut.stimulus, Heard) and isinstance(stimulus, Heard):
        return [Heard(f"{cut.stimulus.text} {stimulus.text}", stimulus.language)]
    return [cut.stimulus, stimulus] if isinstance(cut.stimulus, DigitPressed | Heard) else [stimulus]


def _after_noise(cut: Interrupted, brain: Brain) -> list[Asked | str]:
    if not cut.heard:
        _tell(brain, cut, "")
        return [cut.stimulus]
    _tell(brain, cut, f"{cut.heard} {cut.rest}".strip())
    rest: list[Asked | str] = [cut.rest] if cut.rest else []
    # What the function found is still to be said.
    return [*rest, cut.stimulus] if cut.was_calling else rest


def _tell(brain: Brain, cut: Interrupted, heard: str) -> None:
    """A line of an operator's is a reply of the brain's only where the brain was told of it."""
    if not isinstance(cut.stimulus, Dictated) or isinstance(brain, Dictatable):
        brain.was_cut(heard)
