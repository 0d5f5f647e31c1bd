"""Any list as CSV or JSON, as filtered: `/export/calls.csv?show=failed&agent=…`. Streamed: length costs no memory."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBadRequest, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.views.decorators.http import require_GET
from django_filters import FilterSet

from agents.exporting import FORMATS
from agents.models import Agent, Persona, Scenario
from calls import selectors
from calls.forms import CallFilterForm
from calls.models import Call
from evaluations.models import Criterion, Evaluation, Verdict
from evaluations.run_models import Suite
from evaluations.runs.selectors import chosen_runs
from klix_site.api_filters import CallFilters, EvaluationFilters, VerdictFilters

CHUNK: Final = 500
PAGE_FILTERS: Final = frozenset({"show", "q", "agent"})


class BadFilter(ValueError):
    """What the address asks for is no filter of this list."""


@dataclass(frozen=True, slots=True)
class Export:
    """`columns`: heading → path of attributes, dots between. `of`: the rows that a query asks for."""

    columns: Mapping[str, str]
    of: Callable[[QueryDict], QuerySet[Any]]


def _calls(query: QueryDict) -> QuerySet[Any]:
    rows = Call.objects.select_related("agent", "agent_version", "persona", "scenario").prefetch_related("evaluations")
    if set(query) <= PAGE_FILTERS:
        return selectors.chosen_calls(rows, CallFilterForm(query).chosen())
    return _filtered(CallFilters, rows, query)


def _filtered(kind: Any, rows: QuerySet[Any], query: QueryDict) -> QuerySet[Any]:
    filters: FilterSet = kind(query, rows)
    if unknown := set(query) - set(kind.base_filters):
        raise BadFilter(f"Unknown parameter: {', '.join(sorted(unknown))}.")
    if not filters.is_valid():
        raise BadFilter("; ".join(f"{name}: {' '.join(told)}" for name, told in filters.errors.items()))
    found: QuerySet[Any] = filters.qs
    return found


def _named(rows: QuerySet[Any]) -> Callable[[QueryDict], QuerySet[Any]]:
    """Lists that are searched by a part of the name."""

    def of(query: QueryDict) -> QuerySet[Any]:
        if unknown := set(query) - {"q"}:
            raise BadFilter(f"Unknown parameter: {', '.join(sorted(unknown))}.")
        wanted = query.get("q", "").strip().replace("\x00", "")[:100]
        return rows.filter(name__icontains=wanted) if wanted else rows.all()

    return of


def _runs(query: QueryDict) -> QuerySet[Any]:
    if unknown := set(query) - {"q", "agent"}:
        raise BadFilter(f"Unknown parameter: {', '.join(sorted(unknown))}.")
    return chosen_runs(query.get("q", ""), query.get("agent", ""))


def _columns(names: str, **paths: str) -> dict[str, str]:
    return {name: paths.get(name, name) for name in names.split()}


EXPORTS: Final = {
    "calls": Export(
        _columns(
            "id created_at agent version persona scenario direction status ending outcome from_number to_number "
            "answered_at ended_at duration_s error_code error_message notice",
            id="public_id",
            agent="agent.name",
            version="agent_version.number",
            persona="persona.name",
            scenario="scenario.name",
            outcome="evaluations.outcome",
        ),
        _calls,
    ),
    "verdicts": Export(
        _columns(
            "id call agent criterion kind is_critical outcome reason decided_by cost",
            id="public_id",
            call="evaluation.call.public_id",
            agent="evaluation.call.agent.name",
            criterion="criterion_name",
        ),
        lambda query: _filtered(
            VerdictFilters, Verdict.objects.select_related("evaluation__call__agent").order_by("-id"), query
        ),
    ),
    "evaluations": Export(
        _columns("id call number state outcome error created_at finished_at", id="public_id", call="call.public_id"),
        lambda query: _filtered(EvaluationFilters, Evaluation.objects.select_related("call"), query),
    ),
    "agents": Export(
        _columns("id name kind description phone_number created_at updated_at", id="public_id"),
        _named(Agent.objects.filter(archived_at=None)),
    ),
    "personas": Export(
        _columns("id name description phone_number manner brain voice language updated_at", id="public_id"),
        _named(Persona.objects.filter(archived_at=None)),
    ),
    "scenarios": Export(
        _columns("id name goal outcome persona updated_at", id="public_id", persona="persona.name"),
        _named(Scenario.objects.filter(archived_at=None).select_related("persona")),
    ),
    "criteria": Export(
        _columns("id name description kind is_critical updated_at", id="public_id"),
        _named(Criterion.objects.filter(archived_at=None)),
    ),
    "suites": Export(_columns("id name description repeats", id="public_id"), _named(Suite.objects.all())),
    "runs": Export(
        _columns(
            "id created_at suite agent version state",
            id="public_id",
            suite="suite.name",
            agent="agent_version.agent.name",
            version="agent_version.number",
        ),
        _runs,
    ),
}


@require_GET
async def export(request: HttpRequest, kind: str, form: str) -> HttpResponseBase:
    """The whole filtered list, not the page of it."""
    if kind not in EXPORTS or form not in FORMATS:
        raise Http404("There is no such list.")
    wanted = EXPORTS[kind]
    try:
        rows = await sync_to_async(wanted.of)(request.GET)
    except BadFilter as refused:
        return HttpResponseBadRequest(str(refused), content_type="text/plain")
    content_type, lines = FORMATS[form]
    body = lines(list(wanted.columns), _rows(rows, wanted.columns))
    response = StreamingHttpResponse(body, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="klix-{kind}.{form}"'
    return response


async def _rows(found: QuerySet[Any], columns: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
    async for row in found.aiterator(chunk_size=CHUNK):
        yield {name: _value(row, path) for name, path in columns.items()}


def _value(row: Any, path: str) -> Any:
    for name in path.split("."):
        if row is None:
            return None
        row = getattr(row, name)
        if hasattr(row, "all"):
            # Prefetched, newest first.
            row = next(iter(row.all()), None)
    return row
