"""Definitions as YAML files: read with the line of everything in them, checked, written."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from klix_cli.schemas import KINDS

# JSON Schema's types, as one says them of YAML.
TYPES: Final = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "names with values",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file, for `FILE:LINE: message`."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """One definition of a file. `data` is what the file says; `body` what the API is told."""

    file: Path
    node: yaml.Node
    data: Any

    @property
    def kind(self) -> str:
        return str(self.data["kind"])

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def body(self) -> dict[str, Any]:
        body = {name: value for name, value in self.data.items() if name not in ("kind", "type")}
        # In a file "kind" says what the document is; a criterion's own kind is its "type".
        return body | ({"kind": self.data["type"]} if "type" in self.data else {})

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of what `path` leads to, or of the deepest part of it that is there."""
        node = self.node
        line = node.start_mark.line
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return int(line) + 1


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and str(step).isdecimal() and int(step) < len(node.value):
        value = node.value[int(step)]
        return value.start_mark.line, value
    return None


# --- Reading ----------------------------------------------------------------------------------------------------------
def files(paths: Iterable[Path]) -> list[Path]:
    """The YAML files among paths and below folders, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]) if path.is_dir() else [path]
        found |= dict.fromkeys(inside)
    return list(found)


def read(paths: Iterable[Path]) -> tuple[list[Document], list[Problem]]:
    """The definitions in push order, and what is wrong with any of them."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in files(paths):
        try:
            found = list(_documents(file))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(file, 1, f"cannot be read: {error}"))
            continue
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problems.append(Problem(file, line, f"is no YAML: {error.problem}"))
            continue
        except yaml.YAMLError as error:
            problems.append(Problem(file, 1, f"is no YAML: {error}"))
            continue
        for document in found:
            wrong = check(document)
            problems += wrong
            documents += [] if wrong else [document]
    problems += _twice(documents)
    order = list(KINDS)
    return sorted(_conditions_first(documents), key=lambda each: order.index(each.kind)), problems


def _conditions_first(documents: list[Document]) -> list[Document]:
    """A criterion after the one that it waits for. Those that wait for each other stay as they are: Klix says so."""
    by_name = {each.name: each for each in documents if each.kind == "criterion"}
    placed: dict[int, Document] = {}

    def place(document: Document, waiting: tuple[int, ...]) -> None:
        condition = by_name.get(document.data.get("condition")) if document.kind == "criterion" else None
        if condition is not None and id(condition) not in waiting:
            place(condition, (*waiting, id(document)))
        placed.setdefault(id(document), document)

    for each in documents:
        place(each, (id(each),))
    return list(placed.values())


def _documents(file: Path) -> Iterator[Document]:
    for node in yaml.compose_all(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader):
        if node.tag != "tag:yaml.org,2002:null":
            _refuse_repeated_keys(node)
            yield Document(file, node, yaml.constructor.SafeConstructor().construct_document(node))


def _refuse_repeated_keys(node: yaml.Node) -> None:
    """YAML keeps the last of two equal keys, silently."""
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _refuse_repeated_keys(each)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is said twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
            _refuse_repeated_keys(value)


def check(document: Document) -> list[Problem]:
    """What the schema of its kind says."""
    data = document.data
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(KINDS)
        line = document.line_of(["kind"])
        return [Problem(document.file, line, f"kind must be one of {known}, not {kind!r}")]
    errors = Draft202012Validator(KINDS[kind][1]).iter_errors(data)
    found = [problem for error in errors for problem in _told(document, error)]
    return sorted(found, key=lambda problem: (problem.line, problem.message))


def _told(document: Document, error: ValidationError) -> list[Problem]:
    path = list(error.absolute_path)
    where = ".".join(map(str, path))
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        extra = [name for name in error.instance if name not in known]
        return [
            Problem(
                document.file,
                document.line_of([*path, str(name)]),
                f"unknown field {name!r}; known: {', '.join(known)}",
            )
            for name in extra
        ]
    told = _wrong_type(error) if error.validator == "type" else error.message
    message = f"{where}: {told}" if where else told
    return [Problem(document.file, document.line_of(path), message)]


def _wrong_type(error: ValidationError) -> str:
    kinds = [error.validator_value] if isinstance(error.validator_value, str) else list(error.validator_value)
    wanted = [TYPES[kind] for kind in kinds if kind in TYPES]  # empty is not what one would write
    return f"must be {' or '.join(wanted)}, not {error.instance!r}"


def _twice(documents: Iterable[Document]) -> list[Problem]:
    first: dict[tuple[str, str], Document] = {}
    problems = []
    for each in documents:
        earlier = first.setdefault((each.kind, each.name), each)
        if earlier is not each:
            there = f"{earlier.file}:{earlier.line_of(['name'])}"
            message = f"the {each.kind} {each.name!r} is defined in {there} already"
            problems.append(Problem(each.file, each.line_of(["name"]), message))
    return problems


def refused(document: Document, fields: dict[str, list[str]], message: str) -> list[Problem]:
    """What the server said, with lines. Its fields are paths like `config.phrase`."""
    if not fields:
        return [Problem(document.file, document.line_of([]), message)]
    own = {"kind": "type"} if "type" in document.data else {}
    return [
        Problem(document.file, document.line_of([own.get(step, step) for step in name.split(".")]), f"{name}: {reason}")
        for name, reasons in fields.items()
        for reason in reasons
    ]


# --- Writing ----------------------------------------------------------------------------------------------------------
def as_yaml(kind: str, body: dict[str, Any]) -> str:
    """A definition as the file says it: without what is empty, texts of several lines as blocks."""
    told: dict[str, Any] = {"kind": kind, "name": body["name"]}
    for name, value in body.items():
        if name not in ("id", "name") and value not in (None, "", [], {}):
            told["type" if name == "kind" else name] = value
    return yaml.dump(told, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines are written as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def file_name(name: str, taken: set[str]) -> str:
    """A file name for a definition that no other one of its folder has."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "unnamed"
    candidate, number = stem, 1
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}"
    taken.add(candidate)
    return f"{candidate}.yaml"
