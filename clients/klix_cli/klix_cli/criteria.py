"""What the config of each type of criterion may hold, as JSON Schema. A type that is not here, Klix itself checks."""

from typing import Any, Final

TEXT: Final = {"type": "string", "maxLength": 2000}
WORDS: Final = {"type": "string", "minLength": 1, "maxLength": 2000}
NUMBER: Final = {"type": "number"}
FLAG: Final = {"type": "boolean"}
SIDE: Final = {"enum": ["agent", "caller", "anyone"]}
VOTES: Final = {"enum": [1, 3, 5, 7, 9]}

# Type → (what it must hold, what it may hold besides).
TYPES: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "capture": ({}, {"names": TEXT, "collected_by": {"enum": ["captures", "tool arguments", "either"]}}),
    "dtmf": ({"digits": WORDS}, {"by": SIDE, "pressed": FLAG}),
    "ending": ({"endings": WORDS}, {"least_s": NUMBER}),
    "expression": ({"expression": WORDS}, {}),
    "judge": ({"question": WORDS}, {"pass_if": {"enum": ["yes", "no"]}, "guidance": TEXT, "votes": VOTES}),
    "judge_category": ({"question": WORDS, "categories": WORDS, "pass_if": WORDS}, {"votes": VOTES}),
    "judge_score": ({"question": WORDS, "anchors": WORDS}, {"pass_at": NUMBER, "votes": VOTES}),
    "metric": (
        {"figure": WORDS, "limit": NUMBER},
        {"part": TEXT, "op": {"enum": ["<=", ">=", "<", ">", "=="]}, "unit": TEXT},
    ),
    "phrase": (
        {"phrase": WORDS},
        {
            "match": {"enum": ["words", "regex"]},
            "said": FLAG,
            "by": SIDE,
            "when": {"enum": ["any", "first turn", "last turn", "before", "after"]},
            "other": TEXT,
            "other_by": SIDE,
        },
    ),
    "state": ({"url": WORDS, "path": WORDS, "equals": WORDS}, {"timeout_s": NUMBER}),
    "tool": ({"tool": WORDS}, {"called": FLAG, "arguments": TEXT, "after": TEXT, "most": NUMBER}),
}


def config_schemas() -> list[dict[str, Any]]:
    """A condition a type, for `allOf`."""
    return [_of_type(name, must, may) for name, (must, may) in TYPES.items()]


def _of_type(name: str, must: dict[str, Any], may: dict[str, Any]) -> dict[str, Any]:
    config = {
        "type": "object",
        "properties": {**must, **may},
        "required": list(must),
        "additionalProperties": False,
    }
    return {
        "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
        "then": {"properties": {"config": config}, **({"required": ["config"]} if must else {})},
    }
