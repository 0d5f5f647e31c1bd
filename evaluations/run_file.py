"""The calls of a run as rows of a file, a few at a time: a run of ten thousand takes no more memory than one of ten."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from evaluations import run_rows
from evaluations.run_models import RunCase

CHUNK: Final = 100
HEAD: Final = (
    "scenario",
    "persona",
    "line",
    "repeat",
    "state",
    "outcome",
    "cause",
    "reason",
    "median reply s",
    "slowest s",
)


async def calls(cases: QuerySet[RunCase], chunk: int = CHUNK) -> AsyncIterator[dict[str, Any]]:
    """By the names of `HEAD`. `cases` as `run_rows.cases` gives them."""
    held: list[RunCase] = []
    async for case in cases.aiterator(chunk_size=chunk):
        held.append(case)
        if len(held) == chunk:
            for row in await _rows(held):
                yield row
            held = []
    for row in await _rows(held):
        yield row


@sync_to_async
def _rows(cases: Sequence[RunCase]) -> list[dict[str, Any]]:
    return [dict(zip(HEAD, _cells(row), strict=True)) for row in run_rows.rows(cases)]


def _cells(row: run_rows.CaseRow) -> Iterable[Any]:
    case = row.case
    yield from (case.scenario.name, case.persona.name, case.line_name, case.repeat)
    yield from (case.state, case.outcome, case.cause, case.reason)
    yield from map(_rounded, (row.row.median_s, row.row.slowest_s) if row.row else (None, None))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
