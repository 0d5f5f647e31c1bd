"""Expression: anything that can be said of the call in one line of Python."""

from typing import Any

from evaluations.criteria.registry import (
    Config,
    CriterionType,
    Judgement,
    Material,
    Problem,
    Setting,
    cite,
    criterion_type,
    whole_call,
)
from evaluations.expressions import BadExpression, evaluate, parse
from evaluations.outcomes import Outcome
from evaluations.wording import Things


@criterion_type
class Expression(CriterionType):
    name = "expression"
    label = "Expression"
    version = 1
    settings = (
        Setting(
            "expression",
            "Expression",
            "text",
            required=True,
            help="True: pass; false: fail; None: not applicable. A list of turns: fail, with these as evidence, unless "
            "it is empty. Names: duration_s, status, ending, turns, events, facts, figures.",
        ),
    )
    example = {"expression": "len([t for t in turns if t.side == 'agent' and 'sorry' in t.text.lower()]) <= 1"}

    def more_problems(self, config: Config) -> list[Problem]:
        try:
            parse(config["expression"])
        except BadExpression as error:
            message = str(error)
            return [("expression", message if message.endswith(".") else f"{message}.")]
        return []

    def describe(self, config: Config) -> str:
        return f"Holds: {' '.join(str(config['expression']).split())}."

    def apply(self, config: Config, material: Material) -> Judgement:
        record = material.record
        try:
            found = evaluate(config["expression"], names_of(material))
        except BadExpression as error:
            return Judgement(Outcome.ERROR, f"The expression cannot be evaluated on this call: {error}")
        if found is None:
            return Judgement(Outcome.NOT_APPLICABLE, "The expression gives None: it does not apply to this call.")
        if isinstance(found, list):
            ids = {each.get("id") for each in found if isinstance(each, dict)}
            cited = tuple(cite(turn) for turn in record.turns if turn.id in ids)
            reason = f"The expression finds {Things('entry', 'entries').counted(len(found)) if found else 'nothing'}."
            return Judgement(Outcome.FAIL if found else Outcome.PASS, reason, cited or whole_call(record))
        if not isinstance(found, bool):
            return Judgement(Outcome.ERROR, f"The expression gives a {type(found).__name__}, not true or false.")
        if found:
            return Judgement(Outcome.PASS, "The expression holds.", whole_call(record))
        return Judgement(Outcome.FAIL, "The expression does not hold.", whole_call(record))


def names_of(material: Material) -> dict[str, Any]:
    """What an expression sees: plain data only."""
    record = material.record
    return {
        "duration_s": record.duration_ms / 1000,
        "status": str(record.status),
        "ending": str(record.ending),
        "facts": dict(record.facts),
        "turns": [
            {"id": t.id, "index": t.index, "side": str(t.side or "unknown"), "text": t.said,
             "start_s": t.start_ms / 1000, "end_s": t.end_ms / 1000, "was_cut": t.heard is not None}
            for t in record.turns
        ],
        "events": [
            {"name": e.name, "side": str(e.side), "at_s": None if e.at_ms is None else e.at_ms / 1000,
             "data": dict(e.data)}
            for e in record.events
        ],
        "figures": {
            name: {"value": figure.reading.value, "n": figure.reading.n, "parts": dict(figure.reading.parts)}
            for name, figure in material.figures.items()
        },
    }  # fmt: skip
