"""Phrase: something was said, or was not, by whom and when."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from calls.states import Side
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
    whole_call,
)
from evaluations.outcomes import Outcome
from evaluations.record import TurnRecord
from evaluations.wording import times
from evaluations.words import normalised_words

SIDES = ("agent", "caller", "anyone")


@dataclass(frozen=True, slots=True)
class Match:
    turn: TurnRecord
    position: int  # in the turn: words for a phrase, characters for a pattern
    quote: str

    @property
    def order(self) -> tuple[int, int]:
        return self.turn.index, self.position


@criterion_type
class Phrase(CriterionType):
    name = "phrase"
    label = "Phrase or pattern"
    version = 1
    settings = (
        Setting("phrase", "Phrase", "text", required=True, help="Words, or a regular expression."),
        Setting(
            "match",
            "Read as",
            "choice",
            "words",
            choices=("words", "regex"),
            help="Words: case, punctuation, contractions and the writing of numbers do not matter.",
        ),
        Setting("said", "Must be said", "flag", True, help="Off: it must not be said."),
        Setting("by", "By", "choice", "agent", choices=SIDES),
        Setting("when", "When", "choice", "any", choices=("any", "first turn", "last turn", "before", "after")),
        Setting("other", "Before or after", "text", help="The other phrase, read in the same way."),
        Setting("other_by", "Other said by", "choice", "anyone", choices=SIDES),
    )
    example = {"phrase": "thank you for calling", "by": "agent", "when": "first turn"}

    def more_problems(self, config: Config) -> list[Problem]:
        found = [(name, problem) for name in ("phrase", "other") if (problem := _problem(config[name], config))]
        if config["when"] in ("before", "after") and not config["other"].strip():
            found.append(("other", f"Name the phrase {config['when']} which it counts."))
        return found

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        what = f"matches /{config['phrase']}/" if config["match"] == "regex" else f"says “{config['phrase']}”"
        if not config["said"]:
            what = what.replace("matches", "does not match").replace("says", "does not say")
        when = {"any": "", "first turn": " in the first turn", "last turn": " in the last turn"}
        tail = when.get(config["when"], f" {config['when']} “{config['other']}”")
        return f"{config['by'].capitalize()} {what}{tail}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config = self.complete(config)
        record = material.record
        if not any(turn.said.strip() for turn in record.turns):
            return Judgement(Outcome.NOT_APPLICABLE, "There is no transcript: nothing was said or heard.")
        if {config["by"], config["other_by"]} != {"anyone"} and all(turn.side is None for turn in record.turns):
            return Judgement(Outcome.UNSURE, "The recording has one channel: who said what cannot be told.")
        turns = _by(config["by"], record.turns)
        searched = _searched(config["when"], turns)
        found = list(_matches(config["phrase"], config["match"], searched))
        if config["when"] in ("before", "after"):
            others = list(_matches(config["other"], config["match"], _by(config["other_by"], record.turns)))
            if not others:
                return Judgement(Outcome.NOT_APPLICABLE, _other_absence(config))
            pivot = others[0].order
            found = [m for m in found if (m.order < pivot if config["when"] == "before" else m.order > pivot)]
        if found:
            outcome = Outcome.PASS if config["said"] else Outcome.FAIL
            cited = tuple(cite(match.turn, match.quote) for match in found[:5])
            return Judgement(outcome, f"Said {times(len(found))}: “{found[0].quote}”.", cited)
        outcome = Outcome.FAIL if config["said"] else Outcome.PASS
        return Judgement(outcome, _absence(config, turns), _nowhere(config, searched, material))


def _problem(phrase: str, config: Config) -> str:
    if config["match"] == "regex":
        try:
            re.compile(phrase)
        except re.error as error:
            return f"Is not a regular expression: {error}."
        return ""
    return "" if not phrase or normalised_words(phrase) else "Holds no word."


def _by(side: str, turns: tuple[TurnRecord, ...]) -> list[TurnRecord]:
    return [turn for turn in turns if side in ("anyone", turn.side) and turn.said.strip()]


def _searched(when: str, turns: list[TurnRecord]) -> list[TurnRecord]:
    return {"first turn": turns[:1], "last turn": turns[-1:]}.get(when, turns)


def _matches(phrase: str, kind: str, turns: list[TurnRecord]) -> Iterator[Match]:
    for turn in turns:
        yield from _patterns(phrase, turn) if kind == "regex" else _words(phrase, turn)


def _patterns(pattern: str, turn: TurnRecord) -> Iterator[Match]:
    for match in re.finditer(pattern, turn.said, re.IGNORECASE):
        yield Match(turn, match.start(), match.group() or turn.said)


def _words(phrase: str, turn: TurnRecord) -> Iterator[Match]:
    wanted, spoken = normalised_words(phrase), normalised_words(turn.said)
    for at in range(len(spoken) - len(wanted) + 1):
        if spoken[at : at + len(wanted)] == wanted:
            literal = re.search(re.escape(phrase), turn.said, re.IGNORECASE)
            yield Match(turn, at, literal.group() if literal else turn.said)


def _absence(config: Config, turns: list[TurnRecord]) -> str:
    if not turns:
        return "Nobody said anything." if config["by"] == "anyone" else f"The {config['by']} said nothing at all."
    is_pattern = config["match"] == "regex"
    other = "what the other pattern finds" if is_pattern else f"“{config['other']}”"
    where = {"any": "", "first turn": " in the first turn", "last turn": " in the last turn"}
    tail = where.get(config["when"], f" {config['when']} {other}")
    if is_pattern:  # which tells a reader nothing; the criterion's name does
        who = "was said" if config["by"] == "anyone" else f"the {config['by']} said"
        return f"Nothing that {who}{tail} fits the pattern."
    by = "" if config["by"] == "anyone" else f" by the {config['by']}"
    return f"“{config['phrase']}” was not said{by}{tail}."


def _other_absence(config: Config) -> str:
    if config["match"] == "regex":
        return "Nothing that was said fits the other pattern."
    return f"“{config['other']}” was never said."


def _nowhere(config: Config, searched: list[TurnRecord], material: Material) -> tuple[Evidence, ...]:
    if config["when"] in ("first turn", "last turn") and searched:
        return (cite(searched[0]),)
    return whole_call(material.record, None if config["by"] == "anyone" else Side(config["by"]))
