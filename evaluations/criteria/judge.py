"""Judge: a yes/no question about the call, put to a language model, with the turns on which the answer rests."""

from collections import Counter
from collections.abc import Callable, Sequence
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
    "No judge is configured: set KLIX_JUDGE_MODEL (and OPENAI_API_KEY, or OPENAI_BASE_URL of a compatible server) and "
    "evaluate the call again"
)
MAX_VOTES = 9


@dataclass(frozen=True, slots=True)
class Vote:
    """A ballot, or why there is none that counts."""

    ballot: Ballot | None
    void: str = ""

    @property
    def counts(self) -> bool:
        return self.ballot is not None and not self.void

    def as_kept(self) -> dict[str, str]:
        if self.ballot is None:
            return {"answer": "void", "reason": self.void}
        kept = {"answer": self.ballot.choice or str(self.ballot.answer), "reason": self.ballot.reason}
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
        return odd_votes(config)

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        return f"“{config['question']}” is answered with {config['pass_if']}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config = self.complete(config)
        if material.judge is None or not has_words(material):
            return unpolled(material)
        votes = poll(material.judge, config["question"], config["guidance"], material.record, int(config["votes"]))
        return void(votes, material) or _count(votes, config, material)


def poll(
    judge: Judge, question: str, guidance: str, record: CallRecord, votes: int, choices: Sequence[str] = ()
) -> list[Vote]:
    """The judge's votes: so many, or one if it never varies."""
    found = []
    for number in range(votes if judge.varies else 1):
        try:
            ballot = judge.ask(question, record.turns, guidance=guidance, vote=number, choices=choices)
        except ProviderError as error:
            found.append(Vote(None, error.message))
        else:
            found.append(Vote(ballot, _objection(ballot, record, choices)))
    return found


def has_words(material: Material) -> bool:
    return any(turn.said.strip() for turn in material.record.turns)


def unpolled(material: Material) -> Judgement:
    """The judgement where no judge can be asked or there is nothing to ask about."""
    if material.judge is None:
        return Judgement(Outcome.ERROR, NO_JUDGE, decided_by="judge")
    return Judgement(Outcome.NOT_APPLICABLE, "There is no transcript to judge.", decided_by="judge")


def odd_votes(config: Config) -> list[Problem]:
    votes = config["votes"]
    odd = votes == int(votes) and votes % 2 == 1 and 1 <= votes <= MAX_VOTES
    return [] if odd else [("votes", f"Must be an odd number from 1 to {MAX_VOTES}.")]


def void(votes: list[Vote], material: Material) -> Judgement | None:
    """The judgement where half of the votes or more do not count."""
    if 2 * sum(vote.counts for vote in votes) > len(votes):
        return None
    why = next((vote.void for vote in votes if vote.void), "")
    return judgement(Outcome.ERROR, f"The judge gave no usable answer: {why}", votes, material)


def _objection(ballot: Ballot, record: CallRecord, choices: Sequence[str]) -> str:
    """Why the ballot does not count: a yes, a no or a choice needs turns that exist."""
    ids = {turn.id for turn in record.turns}
    if any(cited.turn not in ids for cited in ballot.evidence):
        return "It cites a turn that does not exist."
    decides = ballot.answer in (Answer.YES, Answer.NO, Answer.CHOSEN)
    if decides and (ballot.answer is Answer.CHOSEN) != bool(choices):
        return "It answers another question."
    if ballot.answer is Answer.CHOSEN and ballot.choice not in choices:
        return "It is none of the choices."
    if decides and not ballot.evidence:
        return "It cites no turn."
    return ""


def _count(votes: list[Vote], config: Config, material: Material) -> Judgement:
    chosen = majority(votes, lambda ballot: ballot.answer)
    if chosen is None:
        return judgement(Outcome.UNSURE, "The judge's votes are split.", votes, material)
    share = sum(1 for vote in votes if vote.counts and vote.ballot and vote.ballot.answer is chosen.answer)
    reason = f"{chosen.reason} ({share} of {len(votes)} vote{'s' if len(votes) > 1 else ''}: {chosen.answer})"
    return judgement(_outcome(chosen.answer, config), reason, votes, material, chosen)


def majority(votes: list[Vote], key: Callable[[Ballot], str]) -> Ballot | None:
    """The first ballot of what more than half of all votes say."""
    counted = Counter(key(vote.ballot) for vote in votes if vote.ballot and vote.counts)
    said, share = counted.most_common(1)[0]
    if share * 2 <= len(votes):
        return None
    return next(vote.ballot for vote in votes if vote.ballot and vote.counts and key(vote.ballot) == said)


def _outcome(answer: Answer, config: Config) -> Outcome:
    if answer is Answer.UNSURE:
        return Outcome.UNSURE
    if answer is Answer.NOT_APPLICABLE:
        return Outcome.NOT_APPLICABLE
    return Outcome.PASS if answer == config["pass_if"] else Outcome.FAIL


def judgement(
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
