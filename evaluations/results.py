"""How the last calls of scenarios and of personas came out, and which runs used them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from agents.models import Persona, Scenario
from calls.badges import Badge, outcome_badge
from calls.models import Call
from evaluations.models import Evaluation
from evaluations.run_models import RunCase

EACH: Final = 5
LOOKED_AT: Final = 1000  # of the newest calls of all that are asked for: what is older is not worth a longer search


@dataclass(frozen=True, slots=True)
class Result:
    url: str
    badge: Badge


def last_results(things: Collection[Scenario] | Collection[Persona], field: str) -> dict[int, list[Result]]:
    """By the thing's key: of its last five scored calls, the newest first. `field`: the call's: scenario or persona.
    One query."""
    done = Evaluation.objects.filter(call=OuterRef("pk"), state=Evaluation.State.DONE).order_by("-number")
    calls = Call.objects.filter(**{f"{field}__in": [thing.pk for thing in things]}).order_by("-created_at", "-id")
    rows = calls.annotate(told=Subquery(done.values("outcome")[:1]), cause=Subquery(done.values("cause")[:1]))
    found: dict[int, list[Result]] = {thing.pk: [] for thing in things}
    for key, public_id, *known in rows.values_list(field, "public_id", "told", "cause", "ending")[:LOOKED_AT]:
        if known[0] and len(found[key]) < EACH:
            found[key].append(_result(public_id, *known))
    return found


def _result(public_id: UUID, outcome: str, cause: str, ending: str) -> Result:
    return Result(reverse("calls:detail", args=[public_id]), outcome_badge(outcome, cause, ending))


def runs_with(**thing: Any) -> int:
    """How many runs have a case of this scenario, or of this persona. One query."""
    return RunCase.objects.filter(**thing).values("run").distinct().count()
