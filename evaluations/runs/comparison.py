"""Two runs held against each other on the cases that both have, and the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evaluations.models import Verdict
from evaluations.outcomes import Outcome
from evaluations.run_models import Run, RunCase
from evaluations.runs.beside import Beside, CriterionShift, ReplyShift, beside
from evaluations.runs.selectors import TOLD, criterion_outcomes, values_by_figure
from evaluations.runs.validation import LeftOut, deciding, gate_outcomes, is_strict, left_out, verdicts_of
from evaluations.statistics import Gate, GateVerdict, Paired, Shift, bootstrap_shift, gate

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
    # Criteria that decide in one of the runs only, by name: they are not tested.
    only_old: Sequence[str]
    only_new: Sequence[str]

    @property
    def worse(self) -> list[str]:
        return Beside(self.criteria, self.reply_times).worse

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
    before, after = _cases(old, new)
    strict = is_strict(new) if strict_judges is None else strict_judges
    old_verdicts, new_verdicts = _verdicts(before, after)
    in_old, in_new = deciding(old, old_verdicts), deciding(new, new_verdicts)
    verdicts = [each for each in old_verdicts if each.criterion_name in in_old]
    verdicts += [each for each in new_verdicts if each.criterion_name in in_new]
    without = [] if strict else left_out(verdicts)
    outcomes = {
        **gate_outcomes([*before.values()], verdicts, old, without),
        **gate_outcomes([*after.values()], verdicts, new, without),
    }
    pairs = _pair(before, after, outcomes)
    told = [pair for pair in pairs if pair.change != "missing"]
    counted = _count([(pair.old_passed, pair.new_passed) for pair in told])
    tested = (in_old & in_new) - {each.criterion for each in without}
    criteria = _criteria(told, verdicts, tested)
    found = beside(criteria, _replies(told, new.seed))
    return Comparison(
        old=old,
        new=new,
        pairs=counted,
        gate=gate(counted, margin=float(new.suite_snapshot.get("margin", 0.10))),
        **{change: [pair for pair in pairs if pair.change == change] for change in CHANGES},
        criteria=found.criteria,
        reply_times=found.reply_times,
        left_out=without,
        only_old=sorted(in_old - in_new),
        only_new=sorted(in_new - in_old),
    )


CHANGES: Final = ("regressed", "fixed", "same", "missing")


Cases = dict[tuple[int, int, str, int], RunCase]


def _cases(old: Run, new: Run) -> tuple[Cases, Cases]:
    """Of both, in one query."""
    found: dict[int, Cases] = {old.pk: {}, new.pk: {}}
    cases = RunCase.objects.filter(run__in=(old, new)).select_related("scenario", "persona", "call").order_by("index")
    for case in cases:
        case.run = old if case.run_id == old.pk else new
        found[case.run_id][case.identity] = case
    return found[old.pk], found[new.pk]


def _verdicts(old: Cases, new: Cases) -> tuple[list[Verdict], list[Verdict]]:
    """Of both, in one query."""
    calls = {case.call_id for case in old.values()}
    found = verdicts_of([*old.values(), *new.values()])
    of_old = [each for each in found if each.evaluation.call_id in calls]
    return of_old, [each for each in found if each.evaluation.call_id not in calls]


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


def _criteria(pairs: Sequence[CasePair], verdicts: Sequence[Verdict], tested: set[str]) -> dict[str, Paired]:
    by_criterion = criterion_outcomes([case for pair in pairs for case in (pair.old, pair.new) if case], verdicts)
    found = {}
    for name in sorted(by_criterion.keys() & tested):
        passed = by_criterion[name]
        outcomes = [
            (passed[pair.old.pk], passed[pair.new.pk])
            for pair in pairs
            if pair.old and pair.new and pair.old.pk in passed and pair.new.pk in passed
        ]
        if outcomes:
            found[name] = _count(outcomes)
    return found


def _replies(pairs: Sequence[CasePair], seed: int) -> list[Shift]:
    values = values_by_figure([case for pair in pairs for case in (pair.old, pair.new) if case])[0].get(REPLY, {})
    old = [values.get(pair.old.pk, []) if pair.old else [] for pair in pairs]
    new = [values.get(pair.new.pk, []) if pair.new else [] for pair in pairs]
    shifts = [bootstrap_shift(old, new, q, seed=seed) for q in PERCENTILES]
    return [shift for shift in shifts if shift]
