"""Capture: what the agent collected is what the caller knows."""

from calls.states import Side
from evaluations.criteria.events import cite_event, named, shortened
from evaluations.criteria.registry import (
    Config,
    CriterionType,
    Judgement,
    Material,
    Setting,
    criterion_type,
    whole_call,
)
from evaluations.criteria.tool import CALLED, same
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord, EventRecord

CAPTURED = "captured"


@criterion_type
class Capture(CriterionType):
    name = "capture"
    label = "Details collected"
    version = 1
    settings = (
        Setting("names", "Facts", "text", help="Names of the caller's facts, commas between; blank: all of them."),
        Setting(
            "collected_by",
            "Collected by",
            "choice",
            "either",
            choices=("captures", "tool arguments", "either"),
            help="Captures of a script, arguments of called functions; the last value of a name counts.",
        ),
    )
    example = {"names": "name, phone"}

    def describe(self, config: Config) -> str:
        names = named(self.complete(config)["names"])
        return f"Agent collects {', '.join(names) or 'every fact'} as the caller knows it."

    def apply(self, config: Config, material: Material) -> Judgement:
        config, record = self.complete(config), material.record
        names = named(config["names"]) or list(record.facts)
        known = {name: record.facts[name] for name in names if name in record.facts}
        if not known:
            return Judgement(Outcome.NOT_APPLICABLE, "The caller has no such fact on this call.")
        collected = _collected(record, config["collected_by"])
        wrong = [_wrong(name, known[name], collected) for name in known]
        told = " ".join(reason for reason in wrong if reason)
        evidence = tuple(cite_event(collected[name][1], record, shortened(collected[name][0])) for name in known
                         if name in collected)  # fmt: skip
        if told:
            return Judgement(Outcome.FAIL, told, evidence or whole_call(record, Side.CALLER))
        return Judgement(Outcome.PASS, f"Collected as given: {', '.join(known)}.", evidence)


def _collected(record: CallRecord, by: str) -> dict[str, tuple[object, EventRecord]]:
    found: dict[str, tuple[object, EventRecord]] = {}
    for event in record.events:
        if event.side not in ("", Side.AGENT):
            continue
        values: object = {}
        if event.name == CAPTURED and by != "tool arguments":
            values = event.data
        elif event.name == CALLED and by != "captures":
            values = event.data.get("arguments")
        if isinstance(values, dict):
            found |= {str(name): (value, event) for name, value in values.items()}
    return found


def _wrong(name: str, fact: object, collected: dict[str, tuple[object, EventRecord]]) -> str:
    if name not in collected:
        return f"{name} was not collected."
    value = collected[name][0]
    return "" if same(value, fact) else f"{name} is {_value(value)}; the caller gave {_value(fact)}."


def _value(value: object) -> str:
    return f"“{shortened(value)}”"
