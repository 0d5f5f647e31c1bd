"""What is tested beside pass and fail when two runs are compared: each criterion, and the reply times. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluations.statistics import ALPHA, GateVerdict, Paired, Shift, holm, mcnemar

NO_DIFFERENCE = "no difference shown"


@dataclass(frozen=True, slots=True)
class CriterionShift:
    """A criterion on the cases where both runs decided it. `adjusted_p`: by Holm, over criteria and reply times."""

    name: str
    pairs: Paired
    p: float
    adjusted_p: float

    @property
    def verdict(self) -> str:
        if self.adjusted_p > ALPHA:
            return NO_DIFFERENCE
        return GateVerdict.WORSE if self.pairs.lost > self.pairs.won else GateVerdict.BETTER


@dataclass(frozen=True, slots=True)
class ReplyShift:
    shift: Shift
    adjusted_p: float

    @property
    def verdict(self) -> str:
        if self.adjusted_p > ALPHA:
            return NO_DIFFERENCE
        return GateVerdict.WORSE if self.shift.difference > 0 else GateVerdict.BETTER


@dataclass(frozen=True, slots=True)
class Beside:
    criteria: Sequence[CriterionShift]
    reply_times: Sequence[ReplyShift]

    @property
    def worse(self) -> list[str]:
        """The criteria and reply times that got worse beyond chance."""
        named = [(each.name, each.verdict) for each in self.criteria]
        named += [(f"Reply time p{each.shift.q:g}", each.verdict) for each in self.reply_times]
        return [name for name, verdict in named if verdict == GateVerdict.WORSE]


def beside(criteria: Mapping[str, Paired], replies: Sequence[Shift]) -> Beside:
    """All of them tested together, corrected by Holm."""
    p_values = {f"criterion {name}": mcnemar(found.lost, found.won) for name, found in criteria.items()}
    adjusted = holm(p_values | {f"reply {shift.q}": shift.p for shift in replies})
    return Beside(
        [
            CriterionShift(name, found, p_values[f"criterion {name}"], adjusted[f"criterion {name}"])
            for name, found in criteria.items()
        ],
        [ReplyShift(shift, adjusted[f"reply {shift.q}"]) for shift in replies],
    )
