"""A criterion tried on past calls before it is saved: nothing is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from agents.errors import Misconfigured
from agents.ports import VoiceActivity
from agents.providers.registry import make_activity
from calls.models import Call
from calls.states import Status
from evaluations.applying import apply_all
from evaluations.criteria.registry import Judgement, Material
from evaluations.judges import configured_judge
from evaluations.judging import Judge
from evaluations.metrics.registry import measure_all
from evaluations.models import Criterion
from evaluations.outcomes import Outcome
from evaluations.selectors import call_record, criteria_for
from evaluations.services import site_fetch

MOST_CALLS: Final = 10
# What a page waits for at once.
MOST_AT_ONCE: Final = 5


@dataclass(frozen=True, slots=True)
class Tried:
    call: Call
    judgement: Judgement

    @property
    def outcome(self) -> str:
        return str(self.judgement.outcome)


def completed_calls() -> QuerySet[Call]:
    """Newest first."""
    found = Call.objects.filter(status=Status.COMPLETED).select_related("agent", "scenario")
    return found.order_by("-created_at", "-id")


def past_calls(criterion: Criterion, agents: Iterable[int] = (), most: int = MOST_CALLS) -> list[Call]:
    """The newest completed calls that it would apply to, at most so many; `agents`: only these, none for all."""
    calls = completed_calls()
    if chosen := list(agents) or ([agent.pk for agent in criterion.agents.all()] if criterion.pk else []):
        calls = calls.filter(agent__in=chosen)
    if scenarios := list(criterion.scenarios.all()) if criterion.pk else []:
        calls = calls.filter(scenario__in=scenarios)
    return list(calls[:most])


def try_criterion(
    criterion: Criterion,
    calls: Iterable[Call],
    *,
    activity: VoiceActivity | None = None,
    judge: Judge | None = None,
) -> list[Tried]:
    """The judgement on each call, at most `MOST_CALLS`, as an evaluation would make it: after what the criterion waits
    for, if that applies to the call. Measures the recordings anew and asks the judge: slow."""
    unusable = ""
    try:
        judge = judge or configured_judge()
    except Misconfigured as error:
        unusable = error.message
    hears, waited = activity or make_activity(), _waited_for(criterion)
    return [Tried(call, _judge(criterion, waited, call, hears, judge, unusable)) for call in list(calls)[:MOST_CALLS]]


def _waited_for(criterion: Criterion) -> list[int]:
    """The criteria that its condition leads to, one after another, each once and without itself."""
    found: list[int] = []
    other = criterion.condition
    while other is not None and other.pk not in (criterion.pk, *found):
        found.append(other.pk)
        other = other.condition
    return found


def _judge(
    criterion: Criterion,
    waited: list[int],
    call: Call,
    activity: VoiceActivity,
    judge: Judge | None,
    unusable: str,
) -> Judgement:
    try:
        record = call_record(call, activity)
    except (OSError, ValueError) as error:
        return Judgement(Outcome.ERROR, f"The call cannot be read: {error}")
    figures = {figure.metric.name: figure for figure in measure_all(record)}
    others = criteria_for(call).filter(pk__in=waited) if waited else ()
    (_, judgement), *_ = apply_all([criterion, *others], Material(record, figures, judge, site_fetch()), unusable)
    return judgement
