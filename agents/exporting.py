"""Rows as CSV and JSON lines, one at a time. Cells are untrusted: what a spreadsheet would run is defused."""

import csv
import io
import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

RISKY: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> str:
    """Text for a CSV cell. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(RISKY) else text


def csv_line(values: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([safe_cell(value) for value in values])
    return out.getvalue()


async def csv_lines(header: Sequence[str], rows: AsyncIterable[Mapping[str, Any]]) -> AsyncIterator[str]:
    """With a byte order mark: without it spreadsheets read UTF-8 as something else."""
    yield "\ufeff" + csv_line(header)
    async for row in rows:
        yield csv_line([row[name] for name in header])


async def json_lines(header: Sequence[str], rows: AsyncIterable[Mapping[str, Any]]) -> AsyncIterator[str]:
    """One JSON array, a row on each line."""
    opening = "["
    async for row in rows:
        yield opening + "\n" + json.dumps({name: row[name] for name in header}, default=_plain, ensure_ascii=False)
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# How a file is called → its content type, and what makes its pieces
FORMATS: Final = {"csv": ("text/csv; charset=utf-8", csv_lines), "json": ("application/json", json_lines)}
