"""The judge: answers a question about a call from its transcript: yes or no, or one of several choices. Pure.

An adapter sends one request per `ask`, as one vote; the `judge` criterion asks several times, checks the cited turns
and counts. The transcript is what strangers said: an adapter presents it as data, never as instructions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from agents.errors import Malformed, ProviderError
from evaluations.record import TurnRecord


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    UNSURE = "unsure"  # the transcript does not tell
    NOT_APPLICABLE = "not applicable"  # the question does not arise on this call
    CHOSEN = "chosen"  # one of the choices that were given


@dataclass(frozen=True, slots=True)
class Cited:
    """Words of one turn on which an answer rests. `turn` is the `id` of a TurnRecord that was given."""

    turn: str
    quote: str = ""  # verbatim from that turn; "" cites all of it


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote. `prompt_hash`: SHA-256 (hex) of everything sent but the transcript, so that a changed prompt shows."""

    answer: Answer
    reason: str
    evidence: tuple[Cited, ...] = ()
    prompt_hash: str = ""
    cost: Decimal = Decimal(0)
    choice: str = ""  # of the choices that were given, where the answer is CHOSEN


class Judge(Protocol):
    """`name` goes into the verdict ("openai:gpt-6-luna"). `varies`: the same request may be answered differently,
    so it is asked several times."""

    name: str
    varies: bool

    def ask(
        self,
        question: str,
        transcript: Sequence[TurnRecord],
        *,
        guidance: str = "",
        vote: int = 0,
        choices: Sequence[str] = (),
    ) -> Ballot:
        """Blocking. `guidance` says when to answer what; `vote` counts the asks of one question from 0. With `choices`
        the question is answered with one of them instead of yes or no.

        Raises agents.errors.ProviderError: `Malformed` for an answer outside the agreed form, and so on.
        """
        ...


@dataclass
class ScriptedJudge:
    """Gives the ballots (or raises the errors) it was given, in order, and keeps what it was asked."""

    ballots: Sequence[Ballot | ProviderError]
    name: str = "scripted"
    varies: bool = True
    asked: list[tuple[str, tuple[TurnRecord, ...], str]] = field(default_factory=list)

    def ask(
        self,
        question: str,
        transcript: Sequence[TurnRecord],
        *,
        guidance: str = "",
        vote: int = 0,
        choices: Sequence[str] = (),
    ) -> Ballot:
        number = len(self.asked)
        self.asked.append((question, tuple(transcript), guidance))
        if number >= len(self.ballots):
            raise Malformed(f"The scripted judge has {len(self.ballots)} ballots and was asked {number + 1} times.")
        ballot = self.ballots[number]
        if isinstance(ballot, ProviderError):
            raise ballot
        return ballot
