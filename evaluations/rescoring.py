"""Scoring a call again: a new evaluation beside the older ones, which stay."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from calls.models import Call
from evaluations import tasks
from evaluations.models import Evaluation
from evaluations.notifications import evaluation_changed
from evaluations.selectors import has_conversation


def score_again(call: Call) -> Evaluation | None:
    """The evaluation that is now queued, or already under way; None for a call on which there is nothing to score."""
    if not has_conversation(call):
        return None
    newest = Evaluation.objects.filter(call=call).order_by("-number").first()
    if newest and newest.state in (Evaluation.State.QUEUED, Evaluation.State.RUNNING):
        return newest
    try:
        with transaction.atomic():
            evaluation = Evaluation.objects.create(call=call, number=newest.number + 1 if newest else 1)
    except IntegrityError:  # somebody else asked at the same time
        return Evaluation.objects.filter(call=call).order_by("-number").first()
    transaction.on_commit(lambda: _begin(evaluation))
    return evaluation


def score_calls_again(calls: Iterable[Call]) -> int:
    """How many are queued, or were under way."""
    return sum(score_again(call) is not None for call in calls)


def _begin(evaluation: Evaluation) -> None:
    evaluation_changed(evaluation)
    tasks.send(evaluation.pk)
