"""Two runs held against each other on the cases that both have, and the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evaluations.outcomes import Outcome
from evaluations.run_models import Run, RunCase
from evaluations.runs.selectors import TOLD, criterion_outcomes, values_by_figure
from evaluations.runs.validation import LeftOut, gate_outcomes, is_strict, left_out
from evaluations.statistics import ALPHA, Gate, GateVerdict, Paired, Shift, bootstrap_shift, gate, holm, mcnemar

REPLY: Final = "reply_time"
PERCENTILES: Final = (50.0, 95.0)


@dataclass(frozen=True, slots=True)
class CasePair:
    """One case in both runs. `change`: regressed, fixed, same; missing where one run lacks it or could not tell."""

    old: RunCase | None
    new: RunCase | None
    change: str
    old_passed: bool
    new_passed: bool

    @property
    def case(self) -> RunCase:
        case = self.new or self.old
        assert case is not None
        return case


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
            return "no difference shown"
        return GateVerdict.WORSE if self.pairs.lost > self.pairs.won else GateVerdict.BETTER


@dataclass(frozen=True, slots=True)
class ReplyShift:
    shift: Shift
    adjusted_p: float

    @property
    def verdict(self) -> str:
        if self.adjusted_p > ALPHA:
            return "no difference shown"
        return GateVerdict.WORSE if self.shift.difference > 0 else GateVerdict.BETTER


@dataclass(frozen=True, slots=True)
class Comparison:
    old: Run
    new: Run
    pairs: Paired
    gate: Gate
    regressed: Sequence[CasePair]
    fixed: Sequence[CasePair]
    same: Sequence[CasePair]
    missing: Sequence[CasePair]
    criteria: Sequence[CriterionShift]
    reply_times: Sequence[ReplyShift]
    # Criteria whose judges have too few labels: their verdicts decided nothing here.
    left_out: Sequence[LeftOut]

    @property
    def worse(self) -> list[str]:
        """The criteria and reply times that got worse beyond chance."""
        named = [(each.name, each.verdict) for each in self.criteria]
        named += [(f"Reply time p{each.shift.q:g}", each.verdict) for each in self.reply_times]
        return [name for name, verdict in named if verdict == GateVerdict.WORSE]

    @property
    def verdict(self) -> GateVerdict:
        """The gate's, but worse also where a criterion or the reply times got worse.

        Each of the two tests errs towards worse at most 2.5 times in 100, so both together at most 5 times.
        """
        return GateVerdict.WORSE if self.worse else self.gate.verdict


def compare(old: Run, new: Run, *, strict_judges: bool | None = None) -> Comparison:
    """`new` against `old`; the seed of the new run fixes the resamples. `strict_judges`: whether judges with too few
    labels count; None: as the new run says. Raises ValueError for a run with itself."""
    if old.pk == new.pk:
        raise ValueError("A run cannot be compared with itself.")
    before, after = _cases(old), _cases(new)
    strict = is_strict(new) if strict_judges is None else strict_judges
    without = [] if strict else left_out([*before.values(), *after.values()])
    pairs = _pair(
        before,
        after,
        {**gate_outcomes([*before.values()], old, without), **gate_outcomes([*after.values()], new, without)},
    )
    told = [pair for pair in pairs if pair.change != "missing"]
    counted = _count([(pair.old_passed, pair.new_passed) for pair in told])
    criteria, replies = _criteria(told, {each.criterion for each in without}), _replies(told, new.seed)
    p_values = {f"criterion {name}": mcnemar(found.lost, found.won) for name, found in criteria.items()}
    p_values |= {f"reply {shift.q}": shift.p for shift in replies}
    adjusted = holm(p_values)
    return Comparison(
        old=old,
        new=new,
        pairs=counted,
        gate=gate(counted, margin=float(new.suite_snapshot.get("margin", 0.10))),
        **{change: [pair for pair in pairs if pair.change == change] for change in CHANGES},
        criteria=[
            CriterionShift(name, found, p_values[f"criterion {name}"], adjusted[f"criterion {name}"])
            for name, found in criteria.items()
        ],
        reply_times=[ReplyShift(shift, adjusted[f"reply {shift.q}"]) for shift in replies],
        left_out=without,
    )


CHANGES: Final = ("regressed", "fixed", "same", "missing")


def _cases(run: Run) -> dict[tuple[int, int, str, int], RunCase]:
    cases = run.cases.select_related("scenario", "persona", "call").order_by("index")
    return {case.identity: case for case in cases}


def _pair(
    old: Mapping[tuple[int, int, str, int], RunCase],
    new: Mapping[tuple[int, int, str, int], RunCase],
    outcomes: Mapping[int, str],
) -> list[CasePair]:
    """`outcomes`: case → what the gate takes for its outcome."""
    keys = [*new, *(key for key in old if key not in new)]
    return [_case_pair(old.get(key), new.get(key), outcomes) for key in keys]


def _case_pair(old: RunCase | None, new: RunCase | None, outcomes: Mapping[int, str]) -> CasePair:
    before, after = (outcomes[case.pk] if case else "" for case in (old, new))
    passed = before == Outcome.PASS, after == Outcome.PASS
    return CasePair(old, new, _change(before, after), *passed)


def _change(old: str, new: str) -> str:
    if old not in TOLD or new not in TOLD:
        return "missing"
    if old == new:
        return "same"
    return "fixed" if new == Outcome.PASS else "regressed"


def _count(outcomes: Sequence[tuple[bool, bool]]) -> Paired:
    return Paired(
        both_passed=outcomes.count((True, True)),
        lost=outcomes.count((True, False)),
        won=outcomes.count((False, True)),
        both_failed=outcomes.count((False, False)),
    )


def _criteria(pairs: Sequence[CasePair], without: set[str]) -> dict[str, Paired]:
    before = criterion_outcomes([pair.old for pair in pairs if pair.old])
    after = criterion_outcomes([pair.new for pair in pairs if pair.new])
    found = {}
    for name in sorted((before.keys() & after.keys()) - without):
        outcomes = [
            (before[name][pair.old.pk], after[name][pair.new.pk])
            for pair in pairs
            if pair.old and pair.new and pair.old.pk in before[name] and pair.new.pk in after[name]
        ]
        if outcomes:
            found[name] = _count(outcomes)
    return found


def _replies(pairs: Sequence[CasePair], seed: int) -> list[Shift]:
    before = values_by_figure([pair.old for pair in pairs if pair.old])[0].get(REPLY, {})
    after = values_by_figure([pair.new for pair in pairs if pair.new])[0].get(REPLY, {})
    old = [before.get(pair.old.pk, []) if pair.old else [] for pair in pairs]
    new = [after.get(pair.new.pk, []) if pair.new else [] for pair in pairs]
    shifts = [bootstrap_shift(old, new, q, seed=seed) for q in PERCENTILES]
    return [shift for shift in shifts if shift]
