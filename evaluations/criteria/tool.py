"""Tool: the agent called a function, with certain arguments, in a certain order, or never."""

import json
from collections.abc import Mapping
from typing import Any, Final

from calls.states import Side
from evaluations.criteria.events import SHOWN, cite_event, named, quoted, shortened
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
from evaluations.record import EventRecord
from evaluations.wording import times
from evaluations.words import normalised_words

CALLED: Final = "tool_called"  # the brain's note: {"name", "arguments"}


@criterion_type
class ToolCall(CriterionType):
    name = "tool"
    label = "Tool call"
    version = 1
    settings = (
        Setting("tool", "Tool", "text", required=True, help="The function's name."),
        Setting("called", "Must be called", "flag", True, help="Off: it must never be called."),
        Setting("arguments", "With arguments", "text", help='As JSON: {"size": "large"}. Others may be given too.'),
        Setting("after", "After", "text", help="Functions that must have been called before it, in this order."),
        Setting("most", "At most (times)", "number", 0, help="0: as often as it likes."),
    )
    example = {"tool": "book_table", "called": True, "arguments": '{"people": 4}'}

    def more_problems(self, config: Config) -> list[Problem]:
        found = [] if _arguments(config) is not None else [("arguments", 'Must be a JSON object: {"size": "large"}.')]
        if config["most"] < 0 or config["most"] != int(config["most"]):
            found.append(("most", "Must be a whole number, 0 or more."))
        return found

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        given = f" with {config['arguments']}" if config["arguments"].strip() else ""
        after = f" after {', '.join(named(config['after']))}" if config["after"].strip() else ""
        return f"Agent {'calls' if config['called'] else 'never calls'} {config['tool']}{given}{after}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config, record = self.complete(config), material.record
        calls = [e for e in record.events if e.name == CALLED and e.side in ("", Side.AGENT)]
        of_tool = [call for call in calls if call.data.get("name") == config["tool"]]
        wanted = _arguments(config) or {}
        right = [call for call in of_tool if _holds(call.data.get("arguments"), wanted)]
        evidence = tuple(cite_event(call, record, _told(call)) for call in (right or of_tool)[:SHOWN])
        if problem := _problem(config, calls, of_tool, right):
            return Judgement(Outcome.FAIL, problem, evidence or whole_call(record, Side.AGENT))
        reason = f"{config['tool']} was {f'called {times(len(right))}' if right else 'never called'}."
        return Judgement(Outcome.PASS, reason, evidence or whole_call(record, Side.AGENT))


def _problem(config: Config, calls: list[EventRecord], of_tool: list[EventRecord], right: list[EventRecord]) -> str:
    tool = config["tool"]
    if not config["called"]:
        return f"{tool} was called, {_told(right[0])}." if right else ""
    if not of_tool:
        others = quoted(c.data.get("name") for c in calls[:SHOWN])
        return f"{tool} was never called; {f'called were: {others}' if others else 'no function was'}."
    if not right:
        return f"{tool} was called with other arguments: {_told(of_tool[0])}."
    if config["most"] and len(right) > config["most"]:
        return f"{tool} was called {times(len(right))}, more than {times(int(config['most']))}."
    before = [call.data.get("name") for call in calls[: calls.index(right[0])]]
    missing = _missing_in_order(named(config["after"]), before)
    return f"{tool} was called without {missing} before it." if missing else ""


def _missing_in_order(wanted: list[str], called: list[object]) -> str:
    rest = iter(called)
    return next((name for name in wanted if name not in rest), "")


def _arguments(config: Config) -> Mapping[str, Any] | None:
    try:
        given = json.loads(config["arguments"] or "{}")
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _holds(given: object, wanted: Mapping[str, Any]) -> bool:
    return isinstance(given, Mapping) and all(name in given and same(given[name], wanted[name]) for name in wanted)


def same(left: object, right: object) -> bool:
    """Equal as JSON, texts and numbers as they are spoken: "5 5 5" is 555."""
    if isinstance(left, dict | list | bool) or isinstance(right, dict | list | bool):
        return left == right
    return left == right or normalised_words(str(left)) == normalised_words(str(right)) != []


def _told(call: EventRecord) -> str:
    return f"{call.data.get('name')} {shortened(call.data.get('arguments') or {})}"
