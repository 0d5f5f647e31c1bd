"""What a list shows of one call."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from calls.badges import VOICEMAIL, Badge, badge_of, cause, is_spoiled, spoiled, verdict_badge
from calls.models import Call
from calls.states import Status
from calls.strips import Bar, strip
from calls.waiting import limits_words

REPLY = "reply_time"
SLOW_REPLY_S = 2.0
LIVE_SPAN_MS = 60_000
MACHINE = "An answering machine took the call."


@dataclass(frozen=True, slots=True)
class CallRow:
    call: Call
    badge: Badge
    title: str
    subtitle: str
    strip: list[Bar]
    line: str
    line_is_bad: bool
    dots: list[str]
    passed: str
    median_s: float | None
    slowest_s: float | None
    slowest_is_bad: bool
    length_ms: float | None
    elapsed_s: float | None  # of a live call that was answered


def elapsed_s(call: Call) -> float | None:
    if not call.is_live or call.answered_at is None:
        return None
    return (timezone.now() - call.answered_at).total_seconds()


def title_of(call: Call) -> str:
    if call.scenario:
        return call.scenario.name
    if call.persona:
        return f"{call.persona.name} calls {call.agent.name}"
    return f"Call with {call.agent.name}"


def _slow_gaps(replies: Iterable[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """The silences before slow replies, as stretches of the strip."""
    return [("gap", each["start_ms"], each["end_ms"]) for each in replies if (each["value"] or 0) > SLOW_REPLY_S]


@dataclass(frozen=True, slots=True)
class Replies:
    """The measured reply times of a call, in seconds: {"p50": …, "max": …}, and each with its place."""

    parts: Mapping[str, Any]
    occurrences: Sequence[Mapping[str, Any]]


def call_row(call: Call, replies: Replies | None = None, criteria: Collection[str] | None = None) -> CallRow:
    """`call` as `selectors.calls_for_rows` fetches it; its figures are not asked for where `replies` are given.
    `criteria`: the names of those whose verdicts are shown; None: all."""
    evaluations = list(call.evaluations.all())
    newest = evaluations[0] if evaluations else None
    verdicts = list(newest.verdicts.all()) if newest and not call.is_live else []
    verdicts = [each for each in verdicts if criteria is None or each.criterion_name in criteria]
    judged = [verdict for verdict in verdicts if verdict.counted != "not applicable"]
    why = cause(call.status, call.ending, call.error_message) or spoiled(call, newest)
    failed = [verdict.criterion_name for verdict in verdicts if verdict.counted == "fail"]
    turns = list(call.turns.all())
    badge = badge_of(call, newest)
    if call.status == Status.QUEUED and call.dial_claimed_at is None:
        why = limits_words()
    elif badge == VOICEMAIL:
        why = why or MACHINE
    said = f"{turns[-1].side.capitalize() or 'Speaker'}: {turns[-1].text}" if turns else ""
    told = _replies(newest) if replies is None else replies
    median, slowest = told.parts.get("p50"), told.parts.get("max")
    return CallRow(
        call=call,
        badge=badge,
        title=title_of(call),
        subtitle=f"{call.persona.name}, {call.agent.name}" if call.persona else call.agent.name,
        strip=strip(
            [(t.side, t.start_ms, t.end_ms) for t in turns if t.side] + _slow_gaps(told.occurrences),
            LIVE_SPAN_MS if call.is_live else 0,
        ),
        line=why if is_spoiled(badge) else ", ".join(failed) or why or said,
        line_is_bad=bool(failed) and not is_spoiled(badge),
        dots=[verdict_badge(verdict.counted).kind for verdict in verdicts],
        passed=f"{sum(v.counted == 'pass' for v in judged)} of {len(judged)}" if judged else "",
        median_s=median,
        slowest_s=slowest,
        slowest_is_bad=slowest is not None and slowest > SLOW_REPLY_S,
        elapsed_s=elapsed_s(call),
        length_ms=None if call.duration_s is None else 1000 * call.duration_s,
    )


def _replies(evaluation: Any) -> Replies:
    """From the figures that were fetched with the evaluation; `evaluation` None: nothing was measured."""
    found = evaluation.measurements.all() if evaluation else ()
    reply = next((each for each in found if each.metric == REPLY), None)
    return Replies(reply.parts, reply.occurrences) if reply else NONE_MEASURED


NONE_MEASURED = Replies({}, ())
