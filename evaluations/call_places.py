"""Where the page of a call was opened from, a run or the list of calls, and which calls stand beside it there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from calls.forms import CallFilterForm
from calls.models import Call
from calls.selectors import neighbours
from evaluations import run_rows
from evaluations.run_models import Run

LIST_FILTERS = ("show", "q", "agent")


@dataclass(frozen=True, slots=True)
class Place:
    """`previous` and `next`: addresses of the calls above and below; "" at the ends. `number` counts from 1."""

    crumbs: list[tuple[str, str]]  # words, address
    here: str  # the last crumb; "" where that is the call's moment
    previous: str = ""
    next: str = ""
    number: int = 0
    total: int = 0
    run: Run | None = None
    query: dict[str, str] = field(default_factory=dict)


def place_of(call: Call, query: QueryDict) -> Place:
    """Two queries. A place that is not there, or not the call's, is the list of all calls."""
    if run_id := _uuid(query.get("run", "")):
        run = Run.objects.select_related("agent_version__agent").filter(public_id=run_id, cases__call=call).first()
        if run:
            return _in_run(call, run, query)
    return _in_list(call, query)


def _in_run(call: Call, run: Run, query: QueryDict) -> Place:
    show = query.get("show", "all")
    kept = {"show": show if show in run_rows.SHOWS else "all", "q": _text(query)}
    ids = _ids(run, kept["show"], kept["q"])
    if call.public_id not in ids and kept != {"show": "all", "q": ""}:
        # It has left the tab that it was opened from: a live call that ended.
        kept = {"show": "all", "q": ""}
        ids = _ids(run, "all", "")
    at = ids.index(call.public_id)
    asked = {"run": str(run.public_id), **_told(kept)}
    back = _with(reverse("runs:run", args=[run.public_id]), _told(kept))
    return Place(
        crumbs=[("Runs", reverse("runs:list")), (run.suite_snapshot["name"], back)],
        here=f"Call {at + 1}",
        previous=_page(ids[at - 1], asked) if at else "",
        next=_page(ids[at + 1], asked) if at + 1 < len(ids) else "",
        number=at + 1,
        total=len(ids),
        run=run,
        query=asked,
    )


def _ids(run: Run, show: str, text: str) -> Sequence[uuid.UUID]:
    found = run_rows.cases(run, show, text).exclude(call=None)
    return list(found.select_related(None).values_list("call__public_id", flat=True))


def _in_list(call: Call, query: QueryDict) -> Place:
    asked = _told({name: query.get(name, "").replace("\x00", "")[:100] for name in LIST_FILTERS})
    below, above = neighbours(call, CallFilterForm(asked).chosen())
    url = reverse("calls:list")
    crumbs = [("Calls", _with(url, asked)), (call.agent.name, f"{url}?agent={call.agent.public_id}")]
    return Place(
        crumbs=crumbs,
        here="",
        previous=_page(above.public_id, asked) if above else "",
        next=_page(below.public_id, asked) if below else "",
        query=asked,
    )


def _page(public_id: uuid.UUID, query: dict[str, str]) -> str:
    return _with(reverse("calls:detail", args=[public_id]), query)


def _with(url: str, query: dict[str, str]) -> str:
    return f"{url}?{urlencode(query)}" if query else url


def _told(query: dict[str, str]) -> dict[str, str]:
    """What differs from the whole list."""
    return {name: value for name, value in query.items() if value and (name, value) != ("show", "all")}


def _text(query: QueryDict) -> str:
    return query.get("q", "").strip().replace("\x00", "")[:100]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
