"""CSV that a spreadsheet opens without running anything: transcripts and names are untrusted text. Pure."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

RISKY = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """A cell that a spreadsheet would take for a formula begins with an apostrophe; a number stays one."""
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"'{text}" if text.startswith(RISKY) and not is_number else text


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()
