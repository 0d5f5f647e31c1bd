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
from evaluations.applying import apply_one
from evaluations.criteria.registry import Judgement, Material
from evaluations.judges import configured_judge
from evaluations.judging import Judge
from evaluations.metrics.registry import measure_all
from evaluations.models import Criterion
from evaluations.outcomes import Outcome
from evaluations.selectors import call_record
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
    chosen = list(agents) or ([agent.pk for agent in criterion.agents.all()] if criterion.pk else [])
    return list((calls.filter(agent__in=chosen) if chosen else calls)[:most])


def try_criterion(
    criterion: Criterion,
    calls: Iterable[Call],
    *,
    activity: VoiceActivity | None = None,
    judge: Judge | None = None,
) -> list[Tried]:
    """The judgement on each call, at most `MOST_CALLS`. Measures the recordings anew and asks the judge: slow."""
    unusable = ""
    try:
        judge = judge or configured_judge()
    except Misconfigured as error:
        unusable = error.message
    hears = activity or make_activity()
    return [Tried(call, _judge(criterion, call, hears, judge, unusable)) for call in list(calls)[:MOST_CALLS]]


def _judge(criterion: Criterion, call: Call, activity: VoiceActivity, judge: Judge | None, unusable: str) -> Judgement:
    try:
        record = call_record(call, activity)
    except (OSError, ValueError) as error:
        return Judgement(Outcome.ERROR, f"The call cannot be read: {error}")
    figures = {figure.metric.name: figure for figure in measure_all(record)}
    return apply_one(criterion, Material(record, figures, judge, site_fetch()), unusable)
