"""What a person may say of a judge's verdict, as two buttons."""

from collections.abc import Iterable
from dataclasses import dataclass

from calls.models import Call
from evaluations.models import JUDGED, Label, Verdict
from evaluations.outcomes import Outcome

WORDS = {
    Outcome.PASS: "passes",
    Outcome.FAIL: "fails",
    Outcome.UNSURE: "is unclear",
    Outcome.NOT_APPLICABLE: "does not apply",
    Outcome.ERROR: "cannot be judged",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """`value`: what is sent; the pressed one is taken back by pressing it again."""

    outcome: str
    word: str
    icon: str
    is_pressed: bool

    @property
    def value(self) -> str:
        return "" if self.is_pressed else self.outcome


def choices(verdict: Verdict) -> list[Choice]:
    """Agree or disagree with a pass or a fail; of what the judge could not tell, whether it passes or fails."""
    passes, fails = Choice("pass", "Passes", "thumbs-up", False), Choice("fail", "Fails", "thumbs-down", False)
    if verdict.outcome == Outcome.PASS:
        passes, fails = _named(passes, "Agree"), _named(fails, "Disagree")
    if verdict.outcome == Outcome.FAIL:
        passes, fails = _named(fails, "Agree", "thumbs-up"), _named(passes, "Disagree", "thumbs-down")
    return [Choice(each.outcome, each.word, each.icon, verdict.said == each.outcome) for each in (passes, fails)]


def _named(choice: Choice, word: str, icon: str = "") -> Choice:
    return Choice(choice.outcome, word, icon or choice.icon, choice.is_pressed)


def people_on(call: Call, verdicts: Iterable[Verdict]) -> dict[int, str]:
    """Criterion → who said what, newest first: "ann: fails; bob: passes". No query where nobody said anything."""
    if not any(verdict.said for verdict in verdicts):
        return {}
    labels = Label.objects.filter(verdict__evaluation__call=call, verdict__kind__startswith=JUDGED)
    told: dict[int, list[str]] = {}
    for label in labels.select_related("person", "verdict").order_by("-updated_at", "-id"):
        who = label.person.get_username() if label.person else "somebody"
        note = f" ({label.note})" if label.note else ""
        told.setdefault(label.verdict.criterion_id, []).append(f"{who}: {WORDS[Outcome(label.outcome)]}{note}")
    return {criterion: "; ".join(dict.fromkeys(said)) for criterion, said in told.items()}
