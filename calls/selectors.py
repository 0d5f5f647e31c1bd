"""Reading calls: lists by keyset, one call for its page, what is live."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet, Value, prefetch_related_objects

from agents.models import Agent, Persona, Scenario
from calls.models import WITH_ERRORS, Call, Turn
from calls.rows import CallRow, call_row
from calls.states import LIVE

PAGE_SIZE = 30

# The tabs of the list.
SHOWS = ("all", "live", "failed", "passed", "errors")


@dataclass(frozen=True, slots=True)
class CallFilter:
    show: str = "all"
    text: str = ""
    agent: UUID | None = None


@dataclass(frozen=True, slots=True)
class CallPage:
    rows: list[CallRow]
    older: str = ""  # cursor of the next page; "" at the end


def agents_to_talk_to() -> QuerySet[Agent]:
    """Hosted and external ones: an external one is dialled through the exchange."""
    return Agent.objects.filter(archived_at=None, versions__isnull=False).distinct().order_by("name")


def live_calls() -> QuerySet[Call]:
    return Call.objects.filter(status__in=LIVE)


def calls_for_rows() -> QuerySet[Call]:
    """Calls with all that a row shows, in six queries whatever their number."""
    return Call.objects.select_related("agent", "agent_version", "persona", "scenario").prefetch_related(*_row_parts())


def add_rows_parts(calls: list[Call], evaluations: QuerySet[Any]) -> None:
    """The same without figures for calls that are there already, with their agent, persona and scenario: three queries.
    `evaluations`: those to choose from, with what else the caller asks of them."""
    prefetch_related_objects(calls, _turns(), Prefetch("evaluations", evaluations), "evaluations__verdicts")


def _row_parts() -> "tuple[Prefetch[str], str, str]":
    return _turns(), "evaluations__verdicts", "evaluations__measurements"


def _turns() -> "Prefetch[str]":
    turns = Turn.objects.only("call", "index", "side", "text", "start_ms", "end_ms").order_by("index")
    return Prefetch("turns", queryset=turns)


def call_page(chosen: CallFilter, after: str = "") -> CallPage:
    """One page of calls, newest first. Raises ValueError on a cursor that is none of ours."""
    found = chosen_calls(calls_for_rows(), chosen)
    if after:
        created_at, pk = _read_cursor(after)
        found = found.filter(_before(created_at, pk))
    calls = list(found.order_by("-created_at", "-pk")[: PAGE_SIZE + 1])
    older = _cursor(calls[PAGE_SIZE - 1]) if len(calls) > PAGE_SIZE else ""
    return CallPage([call_row(call) for call in calls[:PAGE_SIZE]], older)


def row_of(call: Call) -> CallRow:
    return call_row(calls_for_rows().get(pk=call.pk))


def chosen_calls(calls: QuerySet[Call], chosen: CallFilter) -> QuerySet[Call]:
    match chosen.show:
        case "live":
            calls = calls.filter(status__in=LIVE)
        case "failed":
            calls = calls.filter(outcome="fail")
        case "passed":
            calls = calls.filter(outcome="pass")
        case "errors":
            calls = calls.filter(WITH_ERRORS)
    if chosen.agent:
        calls = calls.filter(agent__in=list(Agent.objects.filter(public_id=chosen.agent).values_list("pk", flat=True)))
    return calls.filter(_named_like(chosen.text)) if chosen.text else calls


def _named_like(text: str) -> Q:
    """Calls whose scenario, persona or agent has this in its name. Found by key first: the database then knows how many
    calls to expect, and reads few where few are meant."""
    wanted = [
        model.objects.filter(name__icontains=text).order_by().values_list(Value(relation), "pk")
        for relation, model in (("scenario", Scenario), ("persona", Persona), ("agent", Agent))
    ]
    keys: dict[str, list[int]] = {}
    for relation, pk in wanted[0].union(*wanted[1:]):
        keys.setdefault(relation, []).append(pk)
    found = Q(pk__in=[])
    for relation, known in keys.items():
        found |= Q(**{f"{relation}__in": known})
    return found


def _before(created_at: datetime, pk: int) -> Q:
    """The range is said twice: an "or" alone is no range to the database, which would read the index from its end."""
    before = Q(created_at__lt=created_at) | Q(created_at=created_at, pk__lt=pk)
    return Q(created_at__lte=created_at) & before


def _cursor(call: Call) -> str:
    return urlsafe_b64encode(f"{call.created_at.isoformat()}|{call.pk}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    moment, _, pk = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
    created_at = datetime.fromisoformat(moment)
    if created_at.tzinfo is None:
        raise ValueError("The cursor's time has no zone.")
    return created_at, int(pk)


def call_for_page(public_id: UUID) -> Call:
    """One call with what its page shows of it, turns in order. Raises Call.DoesNotExist."""
    return (
        Call.objects.select_related("agent", "agent_version", "persona", "scenario", "recording")
        .prefetch_related(Prefetch("turns", queryset=Turn.objects.order_by("index")))
        .get(public_id=public_id)
    )


def neighbours(call: Call, chosen: CallFilter | None = None) -> tuple[Call | None, Call | None]:
    """The call placed before this one and the one after it, of those that the filter chooses."""
    calls = chosen_calls(Call.objects.order_by("created_at", "pk").only("public_id"), chosen or CallFilter())
    older = calls.filter(_before(call.created_at, call.pk)).last()
    after = Q(created_at__gt=call.created_at) | Q(created_at=call.created_at, pk__gt=call.pk)
    newer = calls.filter(after, created_at__gte=call.created_at).first()
    return older, newer
