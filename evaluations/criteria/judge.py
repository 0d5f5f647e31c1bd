"""Judge: a yes/no question about the call, put to a language model, with the turns on which the answer rests."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from agents.errors import ProviderError
from evaluations.criteria.registry import (
    Config,
    CriterionType,
    Evidence,
    Judgement,
    Material,
    Problem,
    Setting,
    cite,
    criterion_type,
)
from evaluations.judging import Answer, Ballot, Judge
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord
from evaluations.words import normalised_words

NO_JUDGE = (
    "no judge configured: set KLIX_JUDGE_MODEL (and OPENAI_API_KEY, or OPENAI_BASE_URL of a compatible server) and "
    "evaluate the call again"
)
MAX_VOTES = 9


@dataclass(frozen=True, slots=True)
class Vote:
    """A ballot, or why there is none that counts."""

    ballot: Ballot | None
    void: str = ""

    def as_kept(self) -> dict[str, str]:
        if self.ballot is None:
            return {"answer": "void", "reason": self.void}
        kept = {"answer": str(self.ballot.answer), "reason": self.ballot.reason}
        return kept | ({"void": self.void} if self.void else {})


@criterion_type
class JudgeQuestion(CriterionType):
    name = "judge"
    label = "Question to a judge"
    version = 1
    settings = (
        Setting("question", "Question", "text", required=True, help="To be answered with yes or no."),
        Setting("pass_if", "Passes if the answer is", "choice", "yes", choices=("yes", "no")),
        Setting("guidance", "Guidance", "text", help="When to answer yes, when no; examples."),
        Setting("votes", "Votes", "number", 3, help="How often it is asked: an odd number from 1 to 9."),
    )
    example = {"question": "Was the caller treated politely?", "pass_if": "yes"}

    def more_problems(self, config: Config) -> list[Problem]:
        votes = config["votes"]
        odd = votes == int(votes) and votes % 2 == 1 and 1 <= votes <= MAX_VOTES
        return [] if odd else [("votes", f"Must be an odd number from 1 to {MAX_VOTES}.")]

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        return f"“{config['question']}” is answered with {config['pass_if']}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config = self.complete(config)
        if material.judge is None:
            return Judgement(Outcome.ERROR, NO_JUDGE, decided_by="judge")
        if not any(turn.said.strip() for turn in material.record.turns):
            return Judgement(Outcome.NOT_APPLICABLE, "There is no transcript to judge.", decided_by="judge")
        wanted = int(config["votes"]) if material.judge.varies else 1
        votes = _ask(material.judge, config, material.record, wanted)
        return _count(votes, wanted, config, material)


def _ask(judge: Judge, config: Config, record: CallRecord, wanted: int) -> list[Vote]:
    votes = []
    for number in range(wanted):
        try:
            ballot = judge.ask(config["question"], record.turns, guidance=config["guidance"], vote=number)
        except ProviderError as error:
            votes.append(Vote(None, error.message))
        else:
            votes.append(Vote(ballot, _objection(ballot, record)))
    return votes


def _objection(ballot: Ballot, record: CallRecord) -> str:
    """Why the ballot does not count: a yes or no needs turns that exist."""
    ids = {turn.id for turn in record.turns}
    if any(cited.turn not in ids for cited in ballot.evidence):
        return "It cites a turn that does not exist."
    if ballot.answer in (Answer.YES, Answer.NO) and not ballot.evidence:
        return "It cites no turn."
    return ""


def _count(votes: list[Vote], wanted: int, config: Config, material: Material) -> Judgement:
    valid = [vote.ballot for vote in votes if vote.ballot and not vote.void]
    answer, share = Counter(ballot.answer for ballot in valid).most_common(1)[0] if valid else (None, 0)
    if len(valid) * 2 <= wanted:
        why = next((vote.void for vote in votes if vote.void), "")
        return _judgement(Outcome.ERROR, f"The judge gave no usable answer: {why}", votes, material)
    if answer is None or share * 2 <= wanted:
        return _judgement(Outcome.UNSURE, "The judge's votes are split.", votes, material)
    chosen = next(ballot for ballot in valid if ballot.answer is answer)
    reason = f"{chosen.reason} ({share} of {wanted} vote{'s' if wanted > 1 else ''}: {answer})"
    return _judgement(_outcome(answer, config), reason, votes, material, chosen)


def _outcome(answer: Answer, config: Config) -> Outcome:
    if answer is Answer.UNSURE:
        return Outcome.UNSURE
    if answer is Answer.NOT_APPLICABLE:
        return Outcome.NOT_APPLICABLE
    return Outcome.PASS if answer == config["pass_if"] else Outcome.FAIL


def _judgement(
    outcome: Outcome, reason: str, votes: list[Vote], material: Material, chosen: Ballot | None = None
) -> Judgement:
    ballots = [vote.ballot for vote in votes if vote.ballot]
    return Judgement(
        outcome,
        reason,
        _evidence(chosen, material.record) if chosen else (),
        f"judge {material.judge.name}"[:80] if material.judge else "judge",
        next((ballot.prompt_hash for ballot in ballots), ""),
        tuple(vote.as_kept() for vote in votes),
        sum((ballot.cost for ballot in ballots), Decimal(0)),
    )


def _evidence(ballot: Ballot, record: CallRecord) -> tuple[Evidence, ...]:
    """The cited turns; a quote that is not in its turn is replaced by the turn's own words."""
    by_id = {turn.id: turn for turn in record.turns}
    return tuple(
        cite(by_id[cited.turn], cited.quote if _is_in(cited.quote, by_id[cited.turn].said) else "")
        for cited in ballot.evidence
    )


def _is_in(quote: str, said: str) -> bool:
    return bool(quote) and f" {' '.join(normalised_words(quote))} " in f" {' '.join(normalised_words(said))} "
