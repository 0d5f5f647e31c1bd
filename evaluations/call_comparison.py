"""One call beside an earlier one of the same scenario: what got better or worse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from calls.badges import Badge, verdict_badge
from calls.models import Call
from calls.rows import CallRow, call_row
from calls.selectors import calls_for_rows
from calls.states import LIVE
from evaluations.models import Evaluation
from evaluations.run_comparison import CHANGES

# Words, metric, part; less of each is better.
FIGURES: Final = (
    ("Median reply", "reply_time", "p50"),
    ("Slowest reply", "reply_time", "max"),
    ("First word", "first_word", "value"),
    ("Overlap", "talk_over", "total"),
)
NOT_ASKED: Final = Badge("na", "Not on this call", "circle-minus")
NOTICED_S: Final = 0.005  # what two decimals show


@dataclass(frozen=True, slots=True)
class FigurePair:
    label: str
    old: float | None
    new: float | None

    @property
    def change(self) -> float | None:
        if self.old is None or self.new is None or abs(self.new - self.old) < NOTICED_S:
            return None
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class CriterionPair:
    name: str
    change: Badge
    old: Badge
    new: Badge
    reason: str


@dataclass(frozen=True, slots=True)
class CallComparison:
    old: CallRow
    new: CallRow
    figures: list[FigurePair]
    criteria: list[CriterionPair]
    scenario_changed: bool


def earlier_calls(call: Call) -> list[Call]:
    """The last ones of the same scenario with the same agent, those of the same persona first. One query."""
    found = Call.objects.filter(agent=call.agent_id, scenario=call.scenario_id, pk__lt=call.pk)
    newest = found.exclude(status__in=LIVE).select_related("persona", "agent_version").order_by("-pk")[:20]
    return sorted(newest, key=lambda each: each.persona_id != call.persona_id)


def comparison(old: Call, new: Call) -> CallComparison:
    calls = {call.pk: call for call in calls_for_rows().filter(pk__in=(old.pk, new.pk))}
    before, after = _newest(calls[old.pk]), _newest(calls[new.pk])
    return CallComparison(
        call_row(calls[old.pk]),
        call_row(calls[new.pk]),
        [FigurePair(label, _figure(before, *of), _figure(after, *of)) for label, *of in FIGURES],
        _criteria(_outcomes(before), _outcomes(after)),
        old.scenario_snapshot != new.scenario_snapshot and bool(old.scenario_snapshot and new.scenario_snapshot),
    )


def _newest(call: Call) -> Evaluation | None:
    """As `calls_for_rows` has it: there already, the newest first."""
    found: Evaluation | None = next(iter(call.evaluations.all()), None)
    return found


def _figure(evaluation: Evaluation | None, metric: str, part: str) -> float | None:
    rows = evaluation.measurements.all() if evaluation else ()
    row = next((each for each in rows if each.metric == metric), None)
    if row is None:
        return None
    return row.value if part == "value" else row.parts.get(part)


def _outcomes(evaluation: Evaluation | None) -> dict[str, tuple[str, str]]:
    """(outcome, reason) by the criterion's name."""
    rows = evaluation.verdicts.all() if evaluation else ()
    return {row.criterion_name: (row.outcome, row.reason) for row in rows}


def _criteria(old: Mapping[str, tuple[str, str]], new: Mapping[str, tuple[str, str]]) -> list[CriterionPair]:
    """What got worse first."""
    pairs = [_pair(name, old.get(name), new.get(name)) for name in {**new, **old}]
    order = [badge.word for badge in CHANGES.values()]
    return sorted(pairs, key=lambda pair: order.index(pair.change.word))


def _pair(name: str, old: tuple[str, str] | None, new: tuple[str, str] | None) -> CriterionPair:
    return CriterionPair(
        name,
        CHANGES[_change(old[0] if old else "", new[0] if new else "")],
        verdict_badge(old[0]) if old else NOT_ASKED,
        verdict_badge(new[0]) if new else NOT_ASKED,
        new[1] if new and new[1] else old[1] if old else "",
    )


def _change(old: str, new: str) -> str:
    if not old or not new:
        return "missing"
    if old == new:
        return "same"
    return "fixed" if new == "pass" else "regressed" if old == "pass" else "same"
