"""The demo's criteria."""

from typing import Any, Final

from agents.models import Agent
from evaluations.models import Criterion

BURGER_BOT: Final = "burger_bot"

# name, kind, config, critical, only for burger_bot, description
CRITERIA: Final[tuple[tuple[str, str, dict[str, Any], bool, bool, str], ...]] = (
    (
        "Greets and says its name",
        "phrase",
        {
            "phrase": r"\b(hi|hello|welcome|good (morning|afternoon|evening)|(thank you|thanks) for calling)\b"
            r".*\bburger\s?bot\b|\bburger\s?bot\b.*\b(hi|hello|welcome)\b",
            "match": "regex",
            "by": "agent",
            "when": "first turn",
        },
        True,
        True,
        "The first thing the agent says holds a greeting and its name.",
    ),
    (
        "Repeats the order",
        "phrase",
        {
            "phrase": r"\b(so|that'?s|you (ordered|want|would like)|your order|i have|to confirm|got it)\b"
            r".*\b(burger|cheeseburger|fries|coke|shake|lemonade|nuggets)",
            "match": "regex",
            "by": "agent",
            "when": "any",
        },
        True,
        True,
        "The agent says back what was ordered.",
    ),
    (
        "Gives a total",
        "phrase",
        {
            "phrase": r"\btotal\b.*(\$\s?\d|\d|\bdollars?\b)|(\$\s?\d+|\bdollars?\b).*\btotal\b",
            "match": "regex",
            "by": "agent",
            "when": "any",
        },
        True,
        True,
        "The agent names the price of the order.",
    ),
    (
        "Replies within 2 seconds",
        "metric",
        {"figure": "reply_time", "part": "p95", "op": "<=", "limit": 2.0, "unit": "s"},
        True,
        False,
        "95 of 100 replies begin within 2 s of the caller's last word.",
    ),
    (
        "No dead air",
        "metric",
        {"figure": "dead_air", "part": "value", "op": "<=", "limit": 0},
        True,
        False,
        "At no time do both sides say nothing for more than 3 s.",
    ),
    (
        "Does not interrupt the caller",
        "metric",
        {"figure": "agent_interruptions", "part": "value", "op": "<=", "limit": 0},
        True,
        False,
        "The agent lets the caller finish.",
    ),
    (
        "Treats the caller politely",
        "judge",
        {"question": "Was the caller treated politely?", "pass_if": "yes"},
        False,
        False,
        "A language model judges it.",
    ),
)


def load_demo() -> list[Criterion]:
    """Make what is missing; what exists, edited or not, stays as it is. Repeatable."""
    return [_load(*row) for row in CRITERIA]


def _load(
    name: str, kind: str, config: dict[str, Any], is_critical: bool, only_burger_bot: bool, description: str
) -> Criterion:
    values = {"kind": kind, "config": config, "is_critical": is_critical, "description": description}
    criterion, created = Criterion.objects.get_or_create(name=name, defaults=values)
    if created and only_burger_bot:
        criterion.agents.set(Agent.objects.filter(name=BURGER_BOT))
    return criterion
