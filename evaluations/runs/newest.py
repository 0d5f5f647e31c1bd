"""The evaluation of a call that counts: the newest that is done."""

from collections.abc import Iterable

from django.db.models import Max, QuerySet

from evaluations.models import Evaluation


def newest_evaluations(call_ids: Iterable[int | None]) -> QuerySet[Evaluation]:
    newest = (
        Evaluation.objects.filter(call__in=list(call_ids), state=Evaluation.State.DONE)
        .order_by()
        .values("call")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    return Evaluation.objects.filter(pk__in=newest)
