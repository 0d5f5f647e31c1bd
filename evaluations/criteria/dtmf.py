"""Digits: keys that were pressed on the call."""

from evaluations.criteria.events import SHOWN, cite_event
from evaluations.criteria.registry import (
    Config,
    CriterionType,
    Judgement,
    Material,
    Problem,
    Setting,
    criterion_type,
    whole_call,
)
from evaluations.outcomes import Outcome

PRESSED = "DigitsPressed"


@criterion_type
class Digits(CriterionType):
    name = "dtmf"
    label = "Digits pressed"
    version = 1
    settings = (
        Setting("digits", "Digits", "text", required=True, help="In this order, with nothing between: 1234#."),
        Setting("by", "By", "choice", "agent", choices=("agent", "caller", "anyone")),
        Setting("pressed", "Must be pressed", "flag", True, help="Off: must not be pressed."),
    )
    example = {"digits": "1234#", "by": "agent"}

    def more_problems(self, config: Config) -> list[Problem]:
        wrong = sorted(set(_plain(config["digits"])) - set("0123456789*#ABCD"))
        return [("digits", f"Holds what is no key: {' '.join(wrong)}.")] if wrong else []

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        return f"{config['by'].capitalize()} {'presses' if config['pressed'] else 'never presses'} {config['digits']}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config, record = self.complete(config), material.record
        sides = ("", config["by"])
        events = [e for e in record.events if e.name == PRESSED and (config["by"] == "anyone" or e.side in sides)]
        pressed = "".join(_plain(str(event.data.get("digits", ""))) for event in events)
        kept = (_plain(config["digits"]) in pressed) == config["pressed"]
        evidence = tuple(cite_event(e, record, str(e.data.get("digits", ""))) for e in events[:SHOWN])
        reason = f"Pressed: {pressed}." if pressed else "No key was pressed."
        return Judgement(Outcome.PASS if kept else Outcome.FAIL, reason, evidence or whole_call(record))


def _plain(digits: str) -> str:
    return "".join(digits.upper().split()).replace("W", "")
