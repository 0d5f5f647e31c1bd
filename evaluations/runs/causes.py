"""What came of one call of a run, and whose doing it was."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from calls.models import Call
from calls.states import Ending, Status
from evaluations.models import Evaluation, Verdict
from evaluations.outcomes import Outcome, overall
from evaluations.selectors import has_conversation


class Cause(StrEnum):
    AGENT = "agent"
    CALLER = "simulated caller"
    LINE = "line"
    PROVIDER = "provider"
    JUDGE = "judge"


# Nobody of the two on the phone is to blame for these.
_ENDINGS: Final = {
    Ending.CONNECTION_LOST: (Cause.LINE, "The connection was lost during the call."),
    Ending.ABANDONED: (Cause.LINE, "The process that held the call ended."),
    Ending.NOT_CONNECTED: (Cause.LINE, "The call was not connected."),
    Ending.OPERATOR_HUNG_UP: (Cause.LINE, "The call was ended from Klix."),
    Ending.PROVIDER_FAILED: (Cause.PROVIDER, "A speech or language provider failed during the call."),
}
_LEFT_SCRIPT: Final = "script_left"


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    cause: str = ""
    reason: str = ""

    @property
    def is_spoiled(self) -> bool:
        """To be called again: the agent had no fair chance."""
        return self.outcome is Outcome.ERROR and self.cause in (Cause.CALLER, Cause.LINE)


def result_of(call: Call, criteria: list[str] | None) -> Result | None:
    """The result of a concluded call by its newest evaluation, None while that is made. `criteria`: those that count,
    by name; None: all."""
    if spoiled := _spoiled(call):
        return spoiled
    if not has_conversation(call):
        return Result(Outcome.ERROR, Cause.LINE, "Nothing was said on the call.")
    evaluation = Evaluation.objects.filter(call=call).order_by("-number").first()
    if evaluation is None or evaluation.state in (Evaluation.State.QUEUED, Evaluation.State.RUNNING):
        return None
    if evaluation.state == Evaluation.State.FAILED:
        return Result(Outcome.ERROR, Cause.JUDGE, f"The call could not be evaluated: {evaluation.error}")
    verdicts = list(evaluation.verdicts.all())
    return _judged(call, [each for each in verdicts if criteria is None or each.criterion_name in criteria], criteria)


def _spoiled(call: Call) -> Result | None:
    if call.status != Status.COMPLETED:
        told = call.error_message or f"The call ended as {call.status}."
        return Result(Outcome.ERROR, Cause.LINE, told)
    if known := _ENDINGS.get(Ending(call.ending)) if call.ending else None:
        cause, reason = known
        return Result(Outcome.ERROR, cause, reason)
    return None


def _judged(call: Call, verdicts: list[Verdict], criteria: list[str] | None) -> Result:
    if missing := sorted(set(criteria or ()) - {verdict.criterion_name for verdict in verdicts}):
        return Result(Outcome.ERROR, Cause.JUDGE, f"Not judged: {', '.join(missing)}.")
    outcome = overall((Outcome(verdict.outcome), verdict.is_critical) for verdict in verdicts)
    if outcome is Outcome.FAIL:
        return _failed(call, verdicts)
    if outcome is Outcome.ERROR:
        return Result(outcome, Cause.JUDGE, _told(verdicts, outcome))
    return Result(outcome, "", _told(verdicts, outcome) if outcome is Outcome.UNSURE else "")


def _failed(call: Call, verdicts: list[Verdict]) -> Result:
    if call.events.filter(name=_LEFT_SCRIPT, side="caller").exists():
        reason = "The simulated caller no longer knew what to say: its script has no step for what the agent said."
        return Result(Outcome.ERROR, Cause.CALLER, reason)
    return Result(Outcome.FAIL, Cause.AGENT, _told(verdicts, Outcome.FAIL))


def _told(verdicts: list[Verdict], outcome: Outcome) -> str:
    told: list[Any] = [v.criterion_name for v in verdicts if v.is_critical and v.outcome == outcome]
    return ", ".join(told)[:500]
