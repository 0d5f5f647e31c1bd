"""Ending: who ended the call, and how."""

from typing import Final

from calls.badges import ending_words
from calls.states import Ending
from evaluations.criteria.events import named
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
from evaluations.outcomes import Outcome

KNOWN: Final = tuple(ending.value for ending in Ending)


@criterion_type
class CallEnding(CriterionType):
    name = "ending"
    label = "Ending"
    version = 1
    settings = (
        Setting("endings", "Ends with one of", "text", required=True, help=f"Of: {', '.join(KNOWN)}."),
        Setting("least_s", "Not before (s)", "number", 0, help="Seconds from the answer."),
    )
    example = {"endings": "agent-hung-up, caller-hung-up"}

    def more_problems(self, config: Config) -> list[Problem]:
        unknown = [name for name in named(config["endings"]) if name not in KNOWN]
        return [("endings", f"Unknown: {', '.join(unknown)}. Known: {', '.join(KNOWN)}.")] if unknown else []

    def describe(self, config: Config) -> str:
        return f"At the end: {_wanted(self.complete(config))}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config, record = self.complete(config), material.record
        last = max(record.turns, key=lambda turn: turn.end_ms, default=None)
        where = cite(last) if last else Evidence(None, "", record.duration_ms, record.duration_ms)
        if not record.ending:
            return Judgement(Outcome.UNSURE, "How the call ended is not known.", (where,))
        lasted_s = record.duration_ms / 1000
        kept = record.ending in named(config["endings"]) and lasted_s >= config["least_s"]
        reason = f"After {lasted_s:.1f} s: {ending_words(record.ending)}."
        if kept:
            return Judgement(Outcome.PASS, reason, (where,))
        return Judgement(Outcome.FAIL, f"{reason} Expected: {_wanted(config)}.", (where,))


def _wanted(config: Config) -> str:
    late = f", not before {config['least_s']:g} s" if config["least_s"] > 0 else ""
    return " or ".join(ending_words(name) for name in named(config["endings"])) + late
