"""Why a call failed: whose doing it was. Pure.

Only the agent's failures count against the agent: a call spoiled by the simulated caller, the line, a provider that is
not the agent's own, or the judge says nothing about it. One that came to no end of its own (a provider, the line or an
operator ended it) says nothing for it either: whatever was kept of the criteria by then, the call is an error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from calls.badges import NO_END
from calls.states import Ending, Side, Status
from evaluations.metrics.registry import Figure
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord, EventRecord

LEFT: Final = ("script_left", "left_role", "script_loop", "interruption_missed")
LOST_PERCENT: Final = 5.0  # from here on the words themselves are lost
LEAST_SNR_DB: Final = 5.0
DROPPED: Final = 50  # media frames: a second of audio
EARLY_TURNS: Final = 2  # a caller that leaves before the agent's second turn gave it no chance


class Cause(StrEnum):
    AGENT = "agent"
    CALLER = "simulated caller"  # left its script or role, hung up early
    LINE = "line"
    PROVIDER = "provider"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Finding:
    cause: Cause
    reason: str


# Nobody of the two on the phone is to blame for these.
_ENDINGS: Final[Mapping[str, Finding]] = {
    ending: Finding(Cause.PROVIDER if ending == Ending.PROVIDER_FAILED else Cause.LINE, known.why)
    for ending, known in NO_END.items()
}
# Who spoke or listened, by the capability that an event names.
PROVIDERS: Final = {"ears": "The ears", "brain": "The brain", "voice": "The voice", "translation": "The translation"}


def cause_of_end(status: str, ending: str, told: str = "") -> Finding | None:
    """Of a call that came to no end of its own, whatever was said on it; None for one that did. `told`: what the
    exchange said of it."""
    if status != Status.COMPLETED:
        return Finding(Cause.LINE, told or f"The call ended as {status}.")
    return _ENDINGS.get(ending)


def cause_of(
    outcome: Outcome, record: CallRecord, figures: Mapping[str, Figure], judged: Iterable[tuple[Outcome, str]] = ()
) -> Finding | None:
    """None for a call that did not fail, could be judged and came to an end of its own. `outcome`: of its verdicts.
    `judged`: outcome and `decided_by` of each critical verdict. What spoils a call comes first: what ended it, then a
    provider, then the line, then the caller, then the judge."""
    ended = cause_of_end(record.status, record.ending)
    if ended and ended.cause is not Cause.PROVIDER:
        return ended
    if outcome not in (Outcome.FAIL, Outcome.ERROR) and ended is None:
        return None
    for found in (_provider(record), ended, _line(record, figures), _caller(record)):
        if found:
            return found
    if outcome is Outcome.ERROR:
        errors = [by for verdict, by in judged if verdict is Outcome.ERROR]
        who = "the judge" if any(by.startswith("judge") for by in errors) else "a criterion"
        return Finding(Cause.JUDGE, f"The call could not be judged: {who} gave no verdict.")
    return Finding(Cause.AGENT, "Nothing else on the call explains it.")


def counted_outcome(outcome: Outcome, cause: str, status: str, ending: str) -> Outcome:
    """The outcome of a call from that of its verdicts: an error where the call came to no end of its own, and where a
    provider made it fail. `status` and `ending` of the call."""
    spoiled = cause_of_end(status, ending) is not None or (outcome is Outcome.FAIL and cause == Cause.PROVIDER)
    return Outcome.ERROR if spoiled else outcome


def _provider(record: CallRecord) -> Finding | None:
    """A hosted agent's providers are ours; who failed is named, so that a reader can tell."""
    failed = [event for event in record.events if event.name == "ProviderFailed"]
    lasting = [event for event in failed if event.data.get("outcome") != "retried"]
    if not lasting:
        return None
    first = lasting[0]
    side = f" on the {first.side}'s side" if first.side else ""
    who = PROVIDERS.get(str(first.data.get("capability")), "A provider")
    return Finding(Cause.PROVIDER, f"{who} ({first.data.get('provider')}) failed during the call{side}.")


def _line(record: CallRecord, figures: Mapping[str, Figure]) -> Finding | None:
    dropped = sum(_count(event, "dropped") for event in record.events if event.name == "QueueOverflowed")
    if dropped >= DROPPED:
        return Finding(Cause.LINE, f"{dropped:g} media messages were dropped.")
    if record.is_line_part_of_test:
        return None  # that it is bad is what the agent is tested with
    line = figures.get("line")
    lost = line.part("lost") if line else None
    if lost is not None and lost >= LOST_PERCENT:
        return Finding(Cause.LINE, f"{lost:g} % of the audio was lost.")
    ratio = line.part("value") if line else None
    if ratio is not None and ratio < LEAST_SNR_DB:
        return Finding(Cause.LINE, f"The speech is only {ratio:g} dB above the noise.")
    return None


def _caller(record: CallRecord) -> Finding | None:
    left = [event for event in record.events if event.name in LEFT and event.side in ("", Side.CALLER)]
    if left:
        return Finding(Cause.CALLER, f"The simulated caller left its script or role ({left[0].name}).")
    agent_turns = sum(turn.side is Side.AGENT for turn in record.turns)
    if record.ending == Ending.CALLER_HUNG_UP and agent_turns < EARLY_TURNS:
        times = {0: "at all", 1: "more than once"}[agent_turns]
        return Finding(Cause.CALLER, f"The caller hung up before the agent spoke {times}.")
    return None


def _count(event: EventRecord, name: str) -> float:
    value = event.data.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
