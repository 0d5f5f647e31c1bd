"""What a definition may hold, as JSON Schema; `klix schema` prints it for editors."""

from typing import Any, Final

from klix_cli.criteria import config_schemas

NAME: Final = {"type": "string", "minLength": 1, "maxLength": 120}
NAMES: Final = {"type": "array", "items": NAME, "uniqueItems": True}
TEXT: Final = {"type": "string"}
OBJECT: Final = {"type": "object"}


def _schema(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"kind": {"type": "string"}, "name": NAME, **properties},
        "required": ["kind", "name", *required],
        "additionalProperties": False,
    }


PERSONA: Final = _schema(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "maxLength": 300},
        "phone_number": {"type": "string", "pattern": r"^(\+[1-9]\d{6,14})?$"},
        "manner": TEXT,
        "brain": TEXT,
        "brain_options": OBJECT,
        "ears": TEXT,
        "ears_options": OBJECT,
        "voice": TEXT,
        "voice_options": OBJECT,
        "language": {"type": "string", "maxLength": 12},
    },
    [],
)
SCENARIO: Final = _schema(
    {
        "goal": TEXT,
        "facts": OBJECT,
        "script": OBJECT,
        "outcome": TEXT,
        "line": OBJECT,
        "persona": {"type": ["string", "null"]},
        "on_voicemail": {"enum": ["", "hang_up", "message"]},
        "voicemail_message": {"type": "string", "maxLength": 2000},
    },
    [],
)
CRITERION: Final = _schema(
    {
        "description": TEXT,
        "type": {"type": "string", "description": "phrase, metric, judge, …"},
        "config": OBJECT,
        "is_critical": {"type": "boolean"},
        "weight": {"type": "number", "minimum": 0},
        "condition": {"type": ["string", "null"], "description": "applied only where this criterion …"},
        "condition_outcome": {"enum": ["pass", "fail", "unsure", "not applicable", "error"]},
        "agents": NAMES,
        "scenarios": NAMES,
    },
    ["type"],
) | {"allOf": config_schemas()}
SUITE: Final = _schema(
    {
        "description": {"type": "string", "maxLength": 300},
        "scenarios": {**NAMES, "minItems": 1},
        "personas": NAMES,
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 60}, "conditions": OBJECT},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "repeats": {"type": "integer", "minimum": 1, "maximum": 50},
        "criteria": NAMES,
        "required_pass_rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "margin": {"type": "number", "minimum": 0.01, "maximum": 0.5},
        "strict_judges": {"type": "boolean"},
    },
    ["scenarios"],
)

# In the order in which they refer to each other; kind → (folder and API list, schema).
KINDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "persona": ("personas", PERSONA),
    "scenario": ("scenarios", SCENARIO),
    "criterion": ("criteria", CRITERION),
    "suite": ("suites", SUITE),
}
