"""The head of a call's page: what it is, how it stands."""

from dataclasses import dataclass
from typing import Protocol

from agents.models import Scenario
from calls.badges import Badge, Scored, answered_by_words, badge_of, cause, ending_words, is_transcribing, spoiled
from calls.models import Call
from calls.rows import elapsed_s, title_of
from calls.states import Ending, Side
from calls.waiting import is_waiting, waiting_reason


@dataclass(frozen=True, slots=True)
class Heading:
    call: Call
    badge: Badge
    title: str
    ending: str
    cause: str
    line: str
    answered_by: str  # a person, a machine…; "" where nobody was asked to find out
    voicemail: str  # what a machine that answered was told
    waiting: str  # what a call in the queue waits for
    elapsed_s: float | None  # of a live call that was answered
    length_ms: float | None
    version: str  # changes whenever the finished page would: a page that shows it needs no more news


class Numbered(Scored, Protocol):
    """What the heading needs of a call's evaluation, which is an app above this one."""

    number: int


def heading(call: Call) -> Heading:
    return heading_of(call, call.evaluations.order_by("-number").first())


def heading_of(call: Call, evaluation: Numbered | None) -> Heading:
    """For one who has the newest evaluation at hand."""
    return Heading(
        call=call,
        badge=badge_of(call, evaluation),
        title=title_of(call),
        ending=ending_words(call.ending, call.error_message),
        cause=cause(call.status, call.ending, call.error_message) or spoiled(call, evaluation),
        line=_line(call),
        answered_by=answered_by_words(call.answered_by),
        voicemail=_voicemail(call),
        waiting=waiting_reason(call) if is_waiting(call) else "",
        elapsed_s=elapsed_s(call),
        length_ms=None if call.duration_s is None else 1000 * call.duration_s,
        version=_version(call, evaluation),
    )


def _version(call: Call, evaluation: Numbered | None) -> str:
    if evaluation:
        return f"{call.status}-{evaluation.number}{evaluation.state}"
    return f"{call.status}-{'transcribing' if is_transcribing(call) else 'unscored'}"


def _line(call: Call) -> str:
    """The line's conditions in a few words: what the scenario asked for."""
    line = call.scenario_snapshot.get("line") or (call.scenario.line if call.scenario else {})
    if preset := line.get("preset"):
        return str(preset)
    asked = [each["condition"] for side in Side for each in line.get(side.value, [])]
    return ", ".join(dict.fromkeys(asked))


def _voicemail(call: Call) -> str:
    """What was done when a machine answered: the message is spoken by the exchange, beside recording and transcript."""
    if call.ending != Ending.VOICEMAIL:
        return ""
    policy, message = (call.scenario_snapshot.get(key, "") for key in ("on_voicemail", "voicemail_message"))
    if policy == Scenario.OnVoicemail.MESSAGE and message and call.answered_by.startswith("machine"):
        return f"Klix left the scenario's message after the tone: “{message}”"
    return "Klix hung up, as the scenario asks: no message was left."
