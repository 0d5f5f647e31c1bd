"""Category: a judge says which of several kinds the call is."""

from evaluations.criteria.events import named
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


@criterion_type
class JudgeCategory(CriterionType):
    name = "judge_category"
    label = "Category by a judge"
    version = 1
    settings = (
        Setting("question", "Question", "text", required=True, help="For example: How did the call end?"),
        Setting("categories", "Categories", "text", required=True, help="One a line: name: what belongs to it."),
        Setting("pass_if", "Passes if it is", "text", required=True, help="Names of categories, commas between."),
        Setting("votes", "Votes", "number", 3, help="How often it is asked: an odd number from 1 to 9."),
    )
    example = {
        "question": "How did the call end?",
        "categories": "booked: a table was booked\nrefused: the agent had no table\nabandoned: the caller gave up",
        "pass_if": "booked, refused",
    }

    def more_problems(self, config: Config) -> list[Problem]:
        found, known = odd_votes(config), _names(config)
        if len(known) < 2 or len(set(known)) < len(known) or {"unsure", "not applicable"} & set(known):
            found.append(("categories", "Name at least two different ones, other than unsure and not applicable."))
        if unknown := [name for name in named(config["pass_if"]) if name not in known]:
            found.append(("pass_if", f"Is no category: {', '.join(unknown)}."))
        return found

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        return f"“{config['question']}” is answered with {' or '.join(named(config['pass_if']))}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config = self.complete(config)
        if material.judge is None or not has_words(material):
            return unpolled(material)
        guidance = f"Choose one:\n{config['categories']}"
        wanted = int(config["votes"])
        votes = poll(material.judge, config["question"], guidance, material.record, wanted, _names(config))
        if judged := void(votes, material):
            return judged
        most = majority(votes, lambda ballot: ballot.choice or ballot.answer)
        if most is None:
            return judgement(Outcome.UNSURE, "The judge's votes are split.", votes, material)
        reason = f"{most.reason} ({most.choice or most.answer})"
        if most.answer is not Answer.CHOSEN:
            outcome = Outcome.NOT_APPLICABLE if most.answer is Answer.NOT_APPLICABLE else Outcome.UNSURE
            return judgement(outcome, reason, votes, material, most)
        outcome = Outcome.PASS if most.choice in named(config["pass_if"]) else Outcome.FAIL
        return judgement(outcome, reason, votes, material, most)


def _names(config: Config) -> list[str]:
    return [name for line in config["categories"].splitlines() if (name := line.partition(":")[0].strip())]
