"""The examples of docs/cli.md are definitions that are accepted."""

import re
from pathlib import Path

import pytest
from klix_cli.__main__ import parser
from klix_cli.documents import read

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_example_file_is_well_formed(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(kind: persona.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "example.yaml").write_text(example)
    found, problems = read([tmp_path])
    assert problems == []
    assert [each.kind for each in found] == ["persona", "scenario", "criterion", "suite"]


def test_each_option_of_run_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert known <= set(re.findall(r"--[a-z-]+", DOCS.read_text()))
