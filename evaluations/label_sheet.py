"""A criterion's verdicts as a sheet that people go through: on a page, or as CSV and back."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from evaluations.csv_cells import csv_text
from evaluations.labelling import label_verdict
from evaluations.models import JUDGED, Criterion, Evaluation, Verdict
from evaluations.outcomes import Outcome

HEAD: Final = ("verdict", "call", "agent", "judge", "outcome", "reason", "quotes", "label", "note")
# What the judge did not decide, or what did not arise on the call, says nothing about the judge.
WORTH: Final = (Outcome.PASS, Outcome.FAIL, Outcome.UNSURE)
MOST_ROWS: Final = 5_000
MAX_BYTES: Final = 5_000_000


def sheet(criterion: Criterion, show: str = "open") -> QuerySet[Verdict]:
    """The judge's verdicts that count, newest first: those that nobody has labelled, or those that somebody has."""
    newer = Evaluation.objects.filter(
        call=OuterRef("evaluation__call"), number__gt=OuterRef("evaluation__number"), state=Evaluation.State.DONE
    )
    found = Verdict.objects.filter(
        ~Exists(newer), criterion=criterion, kind__startswith=JUDGED, outcome__in=WORTH
    ).select_related("evaluation__call__agent", "criterion")
    found = found.filter(said="") if show == "open" else found.exclude(said="")
    return found.order_by("-pk")


def as_csv(criterion: Criterion, show: str) -> str:
    rows = (
        (
            str(verdict.public_id),
            verdict.evaluation.call.get_absolute_url(),
            verdict.evaluation.call.agent.name,
            verdict.decided_by,
            verdict.outcome,
            verdict.reason,
            " | ".join(str(each.get("quote", "")) for each in verdict.evidence),
            verdict.said,
            "",
        )
        for verdict in sheet(criterion, show)[:MOST_ROWS]
    )
    return csv_text(HEAD, rows)


# --- And back ---------------------------------------------------------------------------------------------------------
class SheetRefused(Exception):
    """`problems`: one sentence a line of the file. Nothing of it was saved."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def read_csv(criterion: Criterion, person: User, content: bytes) -> int:
    """Labels from the columns `verdict` and `label` (pass, fail, …; blank: none), and `note` if there is one; how many.

    Raises SheetRefused.
    """
    rows = list(_rows(content))
    found = {str(each.public_id): each for each in _verdicts(criterion, [row["verdict"] for _, row in rows])}
    problems = [told for line, row in rows if (told := _problem(line, row, found))]
    if problems:
        raise SheetRefused(problems[:20])
    with transaction.atomic():
        for _, row in rows:
            label_verdict(found[row["verdict"]], person, row["label"], row.get("note") or "")
    return len(rows)


def _rows(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of each row with a label."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig")), strict=True)
        if not {"verdict", "label"} <= set(reader.fieldnames or ()):
            raise SheetRefused(["The first line must name the columns verdict and label."])
        for row in reader:
            kept = {
                name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None) and name
            }
            if kept["label"]:
                yield reader.line_num, kept
    except (UnicodeDecodeError, csv.Error) as error:
        raise SheetRefused([f"This is no CSV in UTF-8: {error}."]) from error


def _verdicts(criterion: Criterion, ids: list[str]) -> QuerySet[Verdict]:
    known = [UUID(each) for each in ids if _is_id(each)]
    return Verdict.objects.filter(criterion=criterion, public_id__in=known).select_related("evaluation")


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _problem(line: int, row: dict[str, str], found: dict[str, Any]) -> str:
    if row["verdict"] not in found:
        return f"Line {line}: this criterion has no verdict {row['verdict'] or 'without an id'}."
    if row["label"] not in list(Outcome):
        return f"Line {line}: {row['label']!r} is no label. Write one of: {', '.join(Outcome)}."
    return ""
