"""Definitions as YAML files: read, checked with lines, written."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from klix_cli.__main__ import main
from klix_cli.criteria import TYPES
from klix_cli.documents import as_yaml, file_name, read, refused
from klix_cli.schemas import KINDS
from rich.console import Console

from evaluations.criteria.registry import all_types
from evaluations.serializers import CriterionSerializer, PersonaSerializer, ScenarioSerializer, SuiteSerializer

SCENARIO = """\
kind: scenario
name: Books a table
persona: Dana
goal: |
  A table for five,
  tonight.
facts:
  party: 5
"""


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    return [f"{problem.line}: {problem.message}" for problem in read([path])[1]]


def test_a_file_may_hold_several_definitions_and_they_come_in_the_order_of_their_relations(tmp_path: Path) -> None:
    written(tmp_path, "kind: suite\nname: Smoke\nscenarios: [Books a table]\n---\n" + SCENARIO)
    (tmp_path / "more").mkdir()
    written(tmp_path / "more", "kind: persona\nname: Dana\n---\n", "b.yml")
    found, wrong = read([tmp_path])
    assert wrong == []
    assert [each.kind for each in found] == ["persona", "scenario", "suite"]
    assert found[1].body == {
        "name": "Books a table",
        "persona": "Dana",
        "goal": "A table for five,\ntonight.\n",
        "facts": {"party": 5},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SCENARIO + "gaol: x\n", "9: unknown field 'gaol'"),
        (SCENARIO.replace("persona: Dana", "persona: [Dana]"), "3: persona: must be a text, not ['Dana']"),
        ("kind: scenario\ngoal: x\n", "1: 'name' is a required property"),
        ("\n\nkind: thing\nname: x\n", "3: kind must be one of persona"),
        ("- a\n", "1: kind must be one of"),
        ("kind: suite\nname: S\nscenarios:\n  - A\n  - 7\n", "5: scenarios.1: must be a text, not 7"),
        ("kind: suite\nname: S\nscenarios: [A]\nrepeats: 51\n", "4: repeats: 51 is greater than"),
        ("kind: suite\nname: S\nscenarios: [A]\nlines:\n  - name: a\n    los: 1\n", "6: unknown field 'los'"),
        ("kind: criterion\nname: A\ntype: judge\nconfig: {votes: 3}\n", "4: config: 'question' is a required"),
        ("kind: criterion\nname: A\ntype: ending\n", "1: 'config' is a required property"),
        ("kind: criterion\nname: A\ntype: dtmf\nconfig:\n  digits: '1'\n  by: me\n", "6: config.by: 'me' is not one"),
        (
            "kind: criterion\nname: A\ntype: tool\nconfig:\n  tool: t\n  args: x\n",
            "6: unknown field 'args'; known: tool",
        ),
        ("kind: criterion\nname: A\ntype: tool\nweight: -1\nconfig: {tool: t}\n", "4: weight: -1 is less than"),
        (
            "kind: criterion\nname: A\ntype: tool\ncondition: 5\nconfig: {tool: t}\n",
            "4: condition: must be a text, not 5",
        ),
        ("kind: persona\nname: x\nname: y\n", "3: is no YAML: name is said twice"),
        ("kind: persona\nname: [x\n", "3: is no YAML"),
        ("kind: persona\nname: !!python/name:os.system x\n", "2: is no YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (found,) = problems(written(tmp_path, text))
    assert found.startswith(told)


def test_a_criterion_comes_after_the_one_it_waits_for(tmp_path: Path) -> None:
    def criterion(name: str, condition: str) -> str:
        more = f"condition: {condition}\n" if condition else ""
        return f"kind: criterion\nname: {name}\ntype: phrase\nconfig: {{phrase: a}}\n{more}"

    text = "---\n".join(criterion(*pair) for pair in (("a", "b"), ("b", "c"), ("c", ""), ("x", "y"), ("y", "x")))
    found, wrong = read([written(tmp_path, text)])
    assert wrong == []
    names = [each.name for each in found]
    assert names[:3] == ["c", "b", "a"]
    assert sorted(names[3:]) == ["x", "y"]


def test_files_know_the_settings_of_every_type_of_criterion() -> None:
    for kind in all_types():
        must, may = TYPES[kind.name]
        assert set(must) == {setting.name for setting in kind.settings if setting.required}, kind.name
        assert {**must, **may}.keys() == {setting.name for setting in kind.settings}, kind.name
        for setting in kind.settings:
            schema = {**must, **may}[setting.name]
            if setting.choices:
                assert schema == {"enum": list(setting.choices)}, setting
            elif setting.name != "votes":
                assert schema["type"] == {"text": "string", "number": "number", "flag": "boolean"}[setting.kind]
        example = {"kind": "criterion", "name": "A", "type": kind.name, "config": dict(kind.example)}
        Draft202012Validator(KINDS["criterion"][1]).validate(example)


def test_one_definition_in_two_places_is_refused(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    written(tmp_path, SCENARIO, "b.yaml")
    (found,) = problems(tmp_path)
    assert "a.yaml:2 already" in found


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in problems(tmp_path)[0]
    assert "cannot be read" in problems(tmp_path / "missing.yaml")[0]


def test_what_the_server_says_of_a_field_is_told_with_its_line(tmp_path: Path) -> None:
    text = "kind: criterion\nname: A\ntype: phrase\nconfig:\n  by: agent\n  phrase: '('\n"
    (document,) = read([written(tmp_path, text)])[0]
    told = refused(document, {"config.phrase": ["No regular expression."], "kind": ["Unknown."], "odd": ["?"]}, "")
    assert [problem.line for problem in told] == [6, 3, 1]
    assert str(told[0]).endswith("a.yaml:6: config.phrase: No regular expression.")
    assert document.body["kind"] == "phrase"


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "id": "x",
        "name": "Über: a [name]",
        "goal": "two\nlines\n",
        "facts": {"yes": "no", "n": "1e3"},
        "outcome": "",
        "persona": None,
        "line": {},
    }
    (document,) = read([written(tmp_path, as_yaml("scenario", body))])[0]
    assert document.body == {name: body[name] for name in ("name", "goal", "facts")}
    assert "|" in as_yaml("scenario", body)


def test_a_criterions_own_kind_is_its_type_in_a_file() -> None:
    told = yaml.safe_load(as_yaml("criterion", {"name": "A", "kind": "phrase", "is_critical": False}))
    assert told == {"kind": "criterion", "name": "A", "type": "phrase", "is_critical": False}


def test_file_names_are_plain_and_never_the_same() -> None:
    taken: set[str] = set()
    assert [file_name(name, taken) for name in ("A b", "a B!", "../../etc", "…")] == [
        "a-b.yaml",
        "a-b-2.yaml",
        "etc.yaml",
        "unnamed.yaml",
    ]


@pytest.mark.parametrize(
    ("kind", "serializer"),
    [
        ("persona", PersonaSerializer),
        ("scenario", ScenarioSerializer),
        ("criterion", CriterionSerializer),
        ("suite", SuiteSerializer),
    ],
)
def test_files_and_api_know_the_same_fields(kind: str, serializer: Any) -> None:
    schema = KINDS[kind][1]
    Draft202012Validator.check_schema(schema)
    known = set(schema["properties"]) - {"kind", "type"}
    assert known == set(serializer().get_fields()) - {"id", "kind"}


def test_files_can_be_checked_without_klix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=200)
    assert main(["--token", "", "push", "--check", str(written(tmp_path, SCENARIO))], console) == 0
    written(tmp_path, SCENARIO + "gaol: x\n")
    assert main(["push", "--check", str(tmp_path)], console) == 1
    assert f"{tmp_path}/a.yaml:9: unknown field 'gaol'" in capsys.readouterr().out
    assert main(["schema", "suite"], console) == 0
    (tmp_path / "empty").mkdir()
    assert main(["push", "--check", str(tmp_path / "empty")], console) == 2


def test_what_is_wrong_is_told_from_top_to_bottom(tmp_path: Path) -> None:
    text = "kind: suite\nname: S\nrepeat: 2\nscenarios: [A]\nmargin: lots\n"
    assert [told.partition(":")[0] for told in problems(written(tmp_path, text))] == ["3", "5"]
