"""A run's page while the run goes on: head, progress and the rows that changed, drawn once for all who watch.

Nothing is announced: whoever watches looks. A page that lost its connection, or a second server, sees the same.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Count, Max, Q, Sum
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime

from calls import watching
from calls.live_consumer import LivePageConsumer
from calls.models import Turn
from calls.watching import Send
from evaluations.models import Evaluation
from evaluations.run_models import Run, RunCase
from evaluations.run_pages import run_head, runs_for_heads
from evaluations.run_rows import UNDERWAY, cases, rows
from evaluations.runs.selectors import earlier_runs

EVERY_S: Final = 0.5
IDLE_EVERY_S: Final = 3.0  # of a run that is over: somebody may have its errors called again
RETELL_EVERY: Final = 20  # beats after which the time left is told again, changed or not

Seen = dict[int, tuple[Any, ...]]


class LiveRunConsumer(LivePageConsumer):
    """One run's page. `?seen=` is when the page was drawn."""

    @property
    def public_id(self) -> UUID:
        found: UUID = self.scope["url_route"]["kwargs"]["public_id"]
        return found

    def group_name(self) -> str:
        return f"run.{self.public_id.hex}"

    async def snapshot(self) -> str:
        seen = parse_qs(self.scope["query_string"].decode("latin-1")).get("seen", [""])[0]
        return await sync_to_async(changed_since)(self.public_id, _moment(seen))

    def watch(self) -> None:
        watching.join(self.group, self.pace.put, partial(follow, self.public_id))


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


# --- What is sent -----------------------------------------------------------------------------------------------------
def changed_since(public_id: UUID, seen: datetime | None) -> str:
    """What a page drawn at `seen` may lack: how the run stands, and the rows that may have changed since. Raises
    Run.DoesNotExist."""
    run = _run(public_id)
    newer = Q(finished_at__gte=seen) if seen else Q(finished_at__isnull=False)
    found = cases(run).filter(Q(state__in=UNDERWAY) | newer | Q(state=RunCase.State.WAITING, attempt__gt=1))
    return head_html(run) + rows_html([case.pk for case in found], run)


def head_html(run: Run) -> str:
    before = next((each for each in reversed(earlier_runs(run, 2)) if each.pk != run.pk), None)
    context = {"head": run_head(run), "before": before, "oob": True}
    parts = ("_run_head", "_run_progress", "_run_counts")
    return "".join(render_to_string(f"evaluations/{part}.html", context) for part in parts)


def rows_html(case_ids: list[int], run: Run) -> str:
    if not case_ids:
        return ""
    shown = rows(cases(run).filter(pk__in=case_ids))
    return "".join(render_to_string("evaluations/_case_row.html", {"shown": row, "oob": True}) for row in shown)


def _run(public_id: UUID) -> Run:
    return runs_for_heads().get(public_id=public_id)


# --- Looking ----------------------------------------------------------------------------------------------------------
async def follow(public_id: UUID, publish: Send, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
    """Until it is cancelled or the run is deleted."""
    seen: Seen | None = None
    beat = 0
    while True:
        try:
            html, seen, is_open = await sync_to_async(_look)(public_id, seen, beat % RETELL_EVERY == 0)
        except Run.DoesNotExist:
            return
        if html:
            await publish(html)
        beat += 1
        await sleep(EVERY_S if is_open else IDLE_EVERY_S)


def _look(public_id: UUID, seen: Seen | None, retell: bool) -> tuple[str, Seen, bool]:
    """What changed since the last look as HTML, and what is seen now. The first look tells nothing: a page that just
    came has its snapshot."""
    run = _run(public_id)
    now = _signatures(run)
    if seen is None:
        return "", now, run.is_open
    changed = [pk for pk, signature in now.items() if seen.get(pk) != signature]
    if not changed and not (retell and run.is_open):
        return "", now, run.is_open
    return head_html(run) + rows_html(changed, run), now, run.is_open


def _signatures(run: Run) -> Seen:
    """By case (0: the run itself): values that change whenever its row does. Three queries."""
    found = list(run.cases.values_list("pk", "state", "attempt", "outcome", "call", "call__status"))
    calls = [row[4] for row in found if row[1] in UNDERWAY and row[4]]
    said = {
        call: rest
        for call, *rest in Turn.objects.filter(call__in=calls)
        .order_by()
        .values_list("call")
        .annotate(n=Count("pk"), last=Max("pk"), until=Sum("end_ms"))
    }
    scored = dict(Evaluation.objects.filter(call__in=calls).order_by("number").values_list("call", "state"))
    signatures: Seen = {
        pk: (state, attempt, outcome, call, status, *said.get(call, ()), scored.get(call or 0))
        for pk, state, attempt, outcome, call, status in found
    }
    return {0: (run.state, run.stop_reason), **signatures}
