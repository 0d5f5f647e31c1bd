"""Test design as YAML documents: written, and read back with every problem named."""

from collections.abc import Iterator
from typing import Any, Final

import yaml
from django.db.models import Model

from agents.models import Persona, Scenario
from evaluations.models import Criterion
from evaluations.run_models import Suite
from evaluations.serializers import CriterionSerializer, PersonaSerializer, ScenarioSerializer, SuiteSerializer

# By kind, in the order in which they name each other.
KINDS: Final[dict[str, tuple[type[Model], Any]]] = {
    "persona": (Persona, PersonaSerializer),
    "scenario": (Scenario, ScenarioSerializer),
    "criterion": (Criterion, CriterionSerializer),
    "suite": (Suite, SuiteSerializer),
}
MAX_DOCUMENTS: Final = 500


class DefinitionError(ValueError):
    """`problems`: a sentence each, all of the file's."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """Safe, and without aliases: a few lines of those can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        events: Any = self  # the parser's own methods have no types
        if events.check_event(yaml.events.AliasEvent):
            mark = events.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not read", mark)
        return super().compose_node(parent, index)


def as_yaml(kind: str, thing: Model) -> str:
    """One document. A criterion's own kind is its "type"."""
    said = {name: value for name, value in KINDS[kind][1](thing).data.items() if name != "id"}
    if kind == "criterion":
        said["type"] = said.pop("kind")
    filled = {name: value for name, value in said.items() if value not in ("", None, {}, [])}
    return str(yaml.safe_dump({"kind": kind, **_plain(filled)}, allow_unicode=True, sort_keys=False, width=100))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def save_all(text: str) -> list[tuple[str, str]]:
    """(kind, name) of each document, saved. All or, in a transaction, none. Raises DefinitionError."""
    documents = list(_documents(text))
    problems = [problem for number, each in documents for problem in _misfit(number, each)]
    if not documents:
        problems = ["The file holds no document."]
    if problems:
        raise DefinitionError(problems)
    saved = []
    for number, document in sorted(documents, key=lambda each: list(KINDS).index(each[1]["kind"])):
        saved.append(_save(number, document))
    return saved


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    try:
        for number, document in enumerate(yaml.load_all(text, Loader=_Loader), start=1):
            if number > MAX_DOCUMENTS:
                raise DefinitionError([f"At most {MAX_DOCUMENTS} documents a file."])
            if document is not None:
                yield number, document
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DefinitionError([f"Line {line} is no YAML: {error.problem}."]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, DefinitionError):
            raise
        raise DefinitionError(["The file is no YAML that can be read."]) from None


def _misfit(number: int, document: Any) -> list[str]:
    if not isinstance(document, dict) or document.get("kind") not in KINDS:
        return [f"Document {number}: kind must be one of {', '.join(KINDS)}."]
    if not isinstance(document.get("name"), str) or not document["name"].strip() or "\x00" in document["name"]:
        return [f"Document {number}: name is missing."]
    return []


def _save(number: int, document: dict[str, Any]) -> tuple[str, str]:
    kind, name = document["kind"], document["name"]
    model, serializer_class = KINDS[kind]
    said = {key: value for key, value in document.items() if key not in ("kind", "type")}
    if "type" in document:
        said["kind"] = document["type"]
    there = model._default_manager.filter(name=name).first()
    serializer = serializer_class(there, data=said)
    if not serializer.is_valid():
        raise DefinitionError([f"Document {number}, {kind} {name}: {told}" for told in _told(serializer.errors)])
    serializer.save(**({"archived_at": None} if there else {}))
    return kind, name


def _told(errors: Any, path: str = "") -> Iterator[str]:
    if isinstance(errors, dict):
        for name, each in errors.items():
            yield from _told(each, f"{path}{name}: ")
    elif isinstance(errors, list):
        for each in errors:
            yield from _told(each, path)
    else:
        yield f"{path}{errors}"
