"""Score: a judge gives 1 to 5, by what each number means."""

from statistics import median

from evaluations.criteria.judge import has_words, judgement, majority, odd_votes, poll, unpolled, void
from evaluations.criteria.registry import (
    Config,
    CriterionType,
    Judgement,
    Material,
    Problem,
    Setting,
    criterion_type,
)
from evaluations.judging import Answer
from evaluations.outcomes import Outcome

SCORES = ("1", "2", "3", "4", "5")
TOO_FAR_APART = 2


@criterion_type
class JudgeScore(CriterionType):
    name = "judge_score"
    label = "Score by a judge"
    version = 1
    settings = (
        Setting("question", "Question", "text", required=True, help="What is scored."),
        Setting("anchors", "Anchors", "text", required=True, help="What 1 and 5 mean, and those between: one a line."),
        Setting("pass_at", "Passes at", "number", 4, help="The median of the votes must reach it."),
        Setting("votes", "Votes", "number", 3, help="How often it is asked: an odd number from 1 to 9."),
    )
    example = {
        "question": "How clearly did the agent explain the price?",
        "anchors": "1: it gave no price\n3: it gave a price, not of what\n5: it named each price and the total",
        "pass_at": 4,
    }

    def more_problems(self, config: Config) -> list[Problem]:
        found = odd_votes(config)
        lines = [line.strip() for line in config["anchors"].splitlines()]
        if not all(any(line.startswith(f"{score}:") for line in lines) for score in (1, 5)):
            found.append(("anchors", "Say at least what 1 and 5 mean, each on its line: 1: … and 5: …."))
        if not 1 < config["pass_at"] <= 5:
            found.append(("pass_at", "Must be above 1 and at most 5."))
        return found

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        return f"“{config['question']}” is scored {config['pass_at']:g} or more of 5."

    def apply(self, config: Config, material: Material) -> Judgement:
        config = self.complete(config)
        if material.judge is None or not has_words(material):
            return unpolled(material)
        guidance = f"Score from 1 to 5:\n{config['anchors']}"
        votes = poll(material.judge, config["question"], guidance, material.record, int(config["votes"]), SCORES)
        if judged := void(votes, material):
            return judged
        ballots = [vote.ballot for vote in votes if vote.ballot and vote.counts]
        scores = sorted(int(ballot.choice) for ballot in ballots if ballot.answer is Answer.CHOSEN)
        if len(scores) * 2 <= len(votes):
            most = majority(votes, lambda ballot: ballot.answer)
            is_none = most is not None and most.answer is Answer.NOT_APPLICABLE
            outcome = Outcome.NOT_APPLICABLE if is_none else Outcome.UNSURE
            return judgement(outcome, most.reason if most else "The judge's votes are split.", votes, material, most)
        middle = median(scores)
        near = min(
            (ballot for ballot in ballots if ballot.answer is Answer.CHOSEN), key=lambda b: abs(int(b.choice) - middle)
        )
        reason = f"{near.reason} (score {middle:g} of 5; votes: {', '.join(map(str, scores))})"
        if scores[-1] - scores[0] > TOO_FAR_APART:
            return judgement(Outcome.UNSURE, f"The votes are too far apart: {reason}", votes, material, near)
        return judgement(Outcome.PASS if middle >= config["pass_at"] else Outcome.FAIL, reason, votes, material, near)
