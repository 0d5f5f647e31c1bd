from typing import Any

import pytest

from agents.providers.json_schema import schema_problem


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (an_object(n={"type": "intt"}), "parameters.n.type: 'intt' is none of object, array, string, number"),
        (an_object(n="string"), "parameters.n must be a JSON schema: an object."),
        ({"type": "object", "properties": ["n"]}, "parameters.properties must be an object: a schema by name."),
        ({**an_object(n={}), "required": "n"}, "parameters.required must be a list of names."),
        ({**an_object(n={}), "required": ["m"]}, "parameters.required names 'm', which is not among its properties."),
        (an_object(n={"type": "array", "items": {"type": 3}}), "parameters.n.items.type: 3 is none of"),
        (an_object(n={"enum": "small"}), "parameters.n.enum must be a list of values."),
        (an_object(n={"anyOf": {}}), "parameters.n.anyOf must be a list of schemas."),
        (an_object(n={"anyOf": [{"type": "x"}]}), "parameters.n.anyOf.type: 'x' is none of"),
    ],
)
def test_a_broken_schema_is_told_with_its_place(schema: Any, problem: str) -> None:
    assert schema_problem(schema).startswith(problem)


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
