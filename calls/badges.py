"""The state of a call as one word, an icon and a colour. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from calls.states import LIVE, Ending, Status


@dataclass(frozen=True, slots=True)
class Badge:
    kind: str  # live, dial, score, pass, fail, error, na, wait: the colour, and never the colour alone
    word: str
    icon: str


_UNDERWAY = {
    Status.QUEUED: Badge("wait", "Queued", "clock"),
    Status.INITIATED: Badge("dial", "Dialling", "phone-outgoing"),
    Status.RINGING: Badge("dial", "Ringing", "phone-outgoing"),
    Status.IN_PROGRESS: Badge("live", "Live", "audio-lines"),
}
_UNREACHED = {
    Status.BUSY: Badge("error", "Busy", "phone-missed"),
    Status.NO_ANSWER: Badge("error", "No answer", "phone-missed"),
    Status.CANCELED: Badge("na", "Canceled", "phone-off"),
    Status.FAILED: Badge("error", "Call failed", "phone-off"),
}
_JUDGED = {
    "pass": Badge("pass", "Passed", "circle-check"),
    "fail": Badge("fail", "Failed", "circle-x"),
    "unsure": Badge("error", "Unsure", "circle-question-mark"),
    "error": Badge("error", "Not judged", "circle-alert"),
    "not applicable": Badge("na", "No criteria", "circle-minus"),
}
SCORING = Badge("score", "Scoring", "gauge")
TRANSCRIBING = Badge("score", "Transcribing", "captions")
SCORING_FAILED = Badge("error", "Scoring failed", "circle-alert")
ENDED = Badge("na", "Ended", "phone-off")
VOICEMAIL = Badge("na", "Voicemail", "voicemail")
PROVIDER_FAILED = Badge("error", "Provider failed", "unplug")
PROVIDER = "provider"  # the cause of a call that a provider spoiled


@dataclass(frozen=True, slots=True)
class NoEnd:
    """How a call reads that came to no end of its own: whatever its criteria say, it tells nothing of the agent."""

    badge: Badge
    why: str


NO_END: Final[Mapping[str, NoEnd]] = {
    Ending.CONNECTION_LOST: NoEnd(
        Badge("error", "Connection lost", "unplug"), "The connection was lost during the call."
    ),
    Ending.ABANDONED: NoEnd(Badge("error", "Cut off", "unplug"), "The process that held the call ended."),
    Ending.NOT_CONNECTED: NoEnd(Badge("error", "Not connected", "phone-off"), "The call was not connected."),
    Ending.OPERATOR_HUNG_UP: NoEnd(Badge("error", "Hung up here", "phone-off"), "The call was ended from Klix."),
    Ending.PROVIDER_FAILED: NoEnd(PROVIDER_FAILED, "A speech or language provider failed during the call."),
}
_SPOILED = frozenset(known.badge for known in NO_END.values())


class Ended(Protocol):
    """What a badge needs of a call."""

    status: str
    ending: str
    direction: str
    concluded_at: datetime | None


class Scored(Protocol):
    """What it needs of the call's newest evaluation, which is an app above this one."""

    state: str
    outcome: str
    cause: str
    cause_reason: str


def badge_of(call: Ended, newest: Scored | None) -> Badge:
    """`newest`: the call's newest evaluation, if there is one."""
    if is_transcribing(call):
        return TRANSCRIBING
    if newest is None:
        return call_badge(call.status, ending=call.ending)
    return call_badge(call.status, newest.state, newest.outcome, call.ending, newest.cause)


def is_transcribing(call: Ended) -> bool:
    """Whether it was brought in and waits for its transcript: until then nothing can be said of it."""
    return call.direction == "imported" and call.concluded_at is None


def call_badge(status: str, scoring: str = "", outcome: str = "", ending: str = "", cause: str = "") -> Badge:
    """`status` and `ending` of the call; `scoring`, `outcome` and `cause` of its newest evaluation ("" where there is
    none)."""
    here = Status(status)
    if here in LIVE:
        return _UNDERWAY[here]
    if here in _UNREACHED and outcome in ("", "not applicable"):
        return _UNREACHED[here]
    if scoring in ("queued", "running"):
        return SCORING
    if scoring == "failed":
        return SCORING_FAILED
    return VOICEMAIL if ending == Ending.VOICEMAIL else outcome_badge(outcome, cause, ending)


def outcome_badge(outcome: str, cause: str, ending: str = "") -> Badge:
    """What came of a call, and whose doing it was. `ending`: the call's; "" where that does not matter any more."""
    if ending in NO_END:
        return NO_END[ending].badge
    if outcome == "error" and cause == PROVIDER:
        return PROVIDER_FAILED
    return _JUDGED.get(outcome, ENDED)


def verdict_badge(outcome: str) -> Badge:
    """One criterion's outcome."""
    if outcome == "not applicable":
        return Badge("na", "Not tested", "circle-minus")
    return _JUDGED[outcome]


_ENDINGS = {
    Ending.AGENT_HUNG_UP: "agent hung up",
    Ending.CALLER_HUNG_UP: "caller hung up",
    Ending.OPERATOR_HUNG_UP: "hung up from here",
    Ending.TAKEN_OVER: "taken over by a person",
    Ending.SILENCE: "ended after a long silence",
    Ending.MAX_DURATION: "ended at the longest duration allowed",
    Ending.CONNECTION_LOST: "connection lost",
    Ending.PROVIDER_FAILED: "ended because a provider failed",
    Ending.VOICEMAIL: "an answering machine took it",
    Ending.NOT_CONNECTED: "never connected",
    Ending.ABANDONED: "cut off when the server stopped",
}
# Twilio's words for who answered, and ours.
_ANSWERED_BY = {
    "human": "answered by a person",
    "fax": "answered by a fax",
    "unknown": "answered, not known by whom",
}
_CAUSES = {
    Status.BUSY: "The line was busy.",
    Status.NO_ANSWER: "Nobody picked up.",
    Status.CANCELED: "The call was canceled before anybody answered.",
    Status.FAILED: "The call could not be made.",
}


# A party that hung up may have given its reason: that is no error.
_WISHED = (Ending.AGENT_HUNG_UP, Ending.CALLER_HUNG_UP)


def ending_words(ending: str, reason: str = "") -> str:
    words = _ENDINGS[Ending(ending)] if ending else ""
    return f"{words} ({reason})" if reason and ending in _WISHED else words


def answered_by_words(answered_by: str) -> str:
    """machine_start, machine_end_beep, machine_end_silence and machine_end_other are all machines."""
    if answered_by.startswith("machine"):
        return "answered by a machine" + (" (voicemail)" if answered_by.startswith("machine_end") else "")
    return _ANSWERED_BY.get(answered_by, "")


def is_spoiled(badge: Badge) -> bool:
    """Whether it says that the call tells nothing of the agent, whatever its criteria say."""
    return badge in _SPOILED


def spoiled(call: Ended, newest: Scored | None) -> str:
    """What a provider spoiled the call with, for a person; "" where it did not."""
    if newest is None or badge_of(call, newest) != PROVIDER_FAILED:
        return ""
    return newest.cause_reason


def cause(status: str, ending: str, error_message: str) -> str:
    """Why there was no conversation, or what broke it, for a person; "" where neither is so."""
    told = "" if ending in _WISHED else error_message
    if Status(status) is Status.COMPLETED and ending in NO_END:
        told = told or NO_END[ending].why
    return " ".join(part for part in (_CAUSES.get(Status(status), ""), told) if part)
