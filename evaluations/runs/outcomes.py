"""What came of one call of a run: an outcome, and whose doing it was where that is not a pass."""

from collections.abc import Iterable
from dataclasses import dataclass

from calls.models import Call
from calls.states import Ending
from evaluations.causes import Cause, Finding, cause_of_end
from evaluations.models import Evaluation, Verdict
from evaluations.outcomes import Outcome, overall
from evaluations.selectors import has_conversation

# Called again: the agent had no fair chance, and another call may give it one.
REPEATED = (Cause.CALLER, Cause.LINE)


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    cause: str = ""
    reason: str = ""

    @property
    def is_spoiled(self) -> bool:
        return self.outcome is Outcome.ERROR and self.cause in REPEATED


def result_of(call: Call, criteria: list[str] | None) -> Result | None:
    """The result of a concluded call by its newest evaluation, None while that is made. `criteria`: those that count,
    by name; None: all."""
    if ended := cause_of_end(call.status, call.ending, call.error_message):
        return _spoiled(ended)
    evaluation = Evaluation.objects.filter(call=call).order_by("-number").first()
    if call.ending == Ending.VOICEMAIL:
        # Without a cause, so that it is not called again by itself: each call would leave one more message.
        return Result(Outcome.ERROR, "", "An answering machine took the call: there was no conversation.")
    # What was said may have been deleted since it was judged.
    if evaluation is None and not has_conversation(call):
        return Result(Outcome.ERROR, Cause.LINE, "Nothing was said on the call.")
    if evaluation is None or evaluation.state in (Evaluation.State.QUEUED, Evaluation.State.RUNNING):
        return None
    if evaluation.state == Evaluation.State.FAILED:
        return Result(Outcome.ERROR, Cause.JUDGE, f"The call could not be evaluated: {evaluation.error}")
    return judged(evaluation, evaluation.verdicts.all(), criteria)


def judged(evaluation: Evaluation, verdicts: Iterable[Verdict], criteria: list[str] | None) -> Result:
    """By these verdicts of a finished evaluation. Whose doing a failure was, the evaluation found."""
    counted = [each for each in verdicts if criteria is None or each.criterion_name in criteria]
    if missing := sorted(set(criteria or ()) - {verdict.criterion_name for verdict in counted}):
        return Result(Outcome.ERROR, Cause.JUDGE, f"Not judged: {', '.join(missing)}.")
    outcome = overall((verdict.counted, verdict.is_critical) for verdict in counted)
    if outcome is Outcome.FAIL:
        spoiled = evaluation.cause and evaluation.cause not in (Cause.AGENT, Cause.JUDGE)
        if spoiled:
            return _spoiled(Finding(Cause(evaluation.cause), evaluation.cause_reason))
        return Result(outcome, Cause.AGENT, _told(counted, outcome))
    if outcome is Outcome.ERROR:
        return Result(outcome, Cause.JUDGE, _told(counted, outcome))
    return Result(outcome, "", _told(counted, outcome) if outcome is Outcome.UNSURE else "")


def _spoiled(found: Finding) -> Result:
    return Result(Outcome.ERROR, found.cause, found.reason)


def _told(verdicts: Iterable[Verdict], outcome: Outcome) -> str:
    told = [verdict.criterion_name for verdict in verdicts if verdict.is_critical and verdict.counted is outcome]
    return ", ".join(told)[:500]
