"""What is wrong with a function's JSON schema, said before a call: a server would refuse every turn for it. Pure."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

META: Any = Draft202012Validator(Draft202012Validator.META_SCHEMA)


def schema_problem(schema: Mapping[str, Any], path: str = "parameters") -> str:
    """The first problem and where it is; "": none. Words that no draft knows are left to the server."""
    error = best_match(META.iter_errors(schema))
    if error is None:
        return ""
    # Of a type it tells only that no form of one suits.
    told = f"{error.instance!r} is no type" if error.validator == "anyOf" else error.message
    return f"{path}{error.json_path.removeprefix('$')}: {told}."
