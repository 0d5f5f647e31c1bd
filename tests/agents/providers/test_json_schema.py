from typing import Any

import pytest

from agents.providers.json_schema import schema_problem


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (an_object(n={"type": "intt"}), "parameters.properties.n.type: 'intt' is no type."),
        (an_object(n="string"), "parameters.properties.n: 'string' is not of type 'object', 'boolean'."),
        ({"type": "object", "properties": ["n"]}, "parameters.properties: ['n'] is not of type 'object'."),
        ({**an_object(n={}), "required": "n"}, "parameters.required: 'n' is not of type 'array'."),
        (an_object(n={"type": "array", "items": {"type": 3}}), "parameters.properties.n.items.type: 3 is no type."),
        (an_object(n={"enum": "small"}), "parameters.properties.n.enum: 'small' is not of type 'array'."),
        (an_object(n={"anyOf": [{"type": "x"}]}), "parameters.properties.n.anyOf[0].type: 'x' is no type."),
    ],
)
def test_a_broken_schema_is_told_with_its_place(schema: Any, problem: str) -> None:
    assert schema_problem(schema) == problem


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {**an_object(n={"type": ["string", "null"], "description": "A name."}), "required": ["n"]},
        an_object(size={"enum": ["small", 2]}, tags={"type": "array", "items": {"$ref": "#/$defs/tag"}}),
        {**an_object(n=True), "additionalProperties": False, "x-own": 1},
        an_object(n={"oneOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+$"}]}),
    ],
)
def test_a_sound_schema_has_no_problem(schema: Any) -> None:
    assert schema_problem(schema) == ""
