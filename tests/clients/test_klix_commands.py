"""The commands against a real server: exit codes, reports, files."""

import json
from argparse import Namespace
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from klix_cli import commands
from klix_cli.__main__ import main, parser
from klix_cli.client import Client, Unreachable
from klix_cli.gate import Decision
from klix_cli.junit import junit
from rich.console import Console

from agents.models import Agent, Persona, Scenario
from calls.models import Call
from evaluations.models import Criterion, Verdict
from evaluations.run_models import Baseline, Run, RunCase, Suite
from klix_site.tokens import make_token
from tests.evaluations.runs.building import finished_run, judge, make_agent, make_suite
from tests.people import operator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token() -> str:
    return make_token("tests", operator("ada"))


class Terminal(Console):
    def __init__(self) -> None:
        super().__init__(file=StringIO(), width=160)

    @property
    def text(self) -> str:
        assert isinstance(self.file, StringIO)
        return self.file.getvalue()


def played(outcomes: list[str]) -> Any:
    """What the engine would do meanwhile: the newest run's cases come out so."""

    def finish(_: float) -> None:
        run = Run.objects.latest("created_at")
        for case, outcome in zip(run.cases.order_by("index"), outcomes, strict=True):
            changes = {"state": "done", "outcome": outcome, "reason": "" if outcome == "pass" else "Said [/no] goodbye"}
            RunCase.objects.filter(pk=case.pk).update(**changes)
        Run.objects.filter(pk=run.pk).update(state="finished", finished_at=run.created_at)

    return finish


def run(server: Any, token: str, outcomes: list[str], suite: Suite, agent: Agent, *more: str) -> tuple[int, str]:
    arguments = ["run", suite.name, "--agent", agent.name, *more]
    options: Namespace = parser().parse_args(arguments)
    terminal = Terminal()
    return commands.run(options, Client(server.url, token, sleep=played(outcomes)), terminal), terminal.text


@pytest.mark.parametrize(
    ("outcomes", "code", "word"),
    [
        (["pass", "pass"], 0, "All 2 cases passed."),
        (["pass", "fail"], 1, "1 of 2 cases failed."),
        (["pass", "unsure"], 2, "1 could not be judged"),
        (["error", "error"], 2, "No case could be judged."),
        (["error", "fail"], 1, "1 of 2 cases failed."),
    ],
)
def test_without_a_baseline_every_case_must_pass(
    live_server: Any, token: str, outcomes: list[str], code: int, word: str
) -> None:
    told, text = run(live_server, token, outcomes, make_suite(2), make_agent())
    assert told == code
    assert word in text.replace("\n", " ")


@pytest.mark.parametrize(("passed", "code"), [(20, 0), (8, 1), (17, 2)])
def test_a_baseline_decides(live_server: Any, token: str, passed: int, code: int) -> None:
    suite, agent = make_suite(20, margin=0.15), make_agent()
    old = finished_run(["pass"] * 20, suite, agent)
    Baseline.objects.create(suite=suite, name="main", run=old)
    outcomes = ["pass"] * passed + ["fail"] * (20 - passed)
    told, text = run(live_server, token, outcomes, suite, agent, "--baseline", "main")
    assert told == code, text
    assert ("Not enough calls" in text) == (code == 2)


def test_a_criterion_that_decides_in_one_run_only_is_named(live_server: Any, token: str) -> None:
    suite, agent = make_suite(2), make_agent()
    Baseline.objects.create(suite=suite, name="main", run=finished_run(["pass"] * 2, suite, agent))
    suite.criteria.add(Criterion.objects.create(name="Is brief", kind="phrase"))
    _, text = run(live_server, token, ["pass"] * 2, suite, agent, "--baseline", "main")
    assert "decide in one of the runs only: Books the table (older run), Is brief (this run)." in text


def test_a_missing_baseline_cannot_tell_and_the_run_can_become_it(live_server: Any, token: str) -> None:
    suite, agent = make_suite(2), make_agent()
    more = ("--baseline", "main", "--save-baseline", "main")
    told, text = run(live_server, token, ["pass"] * 2, suite, agent, *more)
    assert (told, Baseline.objects.get().name) == (2, "main")
    assert "no baseline 'main' yet" in text


@pytest.mark.parametrize(("passed", "code"), [(10, 0), (5, 1), (9, 2)])
def test_a_required_pass_rate_decides(live_server: Any, token: str, passed: int, code: int) -> None:
    suite = make_suite(10, required_pass_rate=0.7 if passed != 5 else 0.9)
    outcomes = ["pass"] * passed + ["fail"] * (10 - passed)
    assert run(live_server, token, outcomes, suite, make_agent())[0] == code


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--strict-judges",), 1)])
def test_a_judge_that_people_have_not_measured_fails_no_build_unless_told_to(
    live_server: Any, token: str, more: tuple[str, ...], code: int
) -> None:
    def judged(_: float) -> None:
        run = Run.objects.latest("created_at")
        for case in run.cases.all():
            call = Call.objects.create(agent=agent, direction="outbound", status="completed")
            judge(call, "pass")
            nice = Criterion.objects.create(name="Is friendly", kind="judge")
            values = {"kind": "judge", "kind_version": 1, "decided_by": "judge a:b", "criterion_name": nice.name}
            Verdict.objects.create(evaluation=call.evaluations.get(), criterion=nice, outcome="fail", **values)
            RunCase.objects.filter(pk=case.pk).update(state="done", outcome="fail", cause="agent", call=call)
        Run.objects.filter(pk=run.pk).update(state="finished", finished_at=run.created_at)

    suite, agent, terminal = make_suite(1), make_agent(), Terminal()
    options = parser().parse_args(["run", suite.name, "--agent", agent.name, *more])
    assert commands.run(options, Client(live_server.url, token, sleep=judged), terminal) == code
    assert ("Is friendly (0 of 20 labels)" in terminal.text) == (code == 0)


def test_reports_are_written_for_build_servers(live_server: Any, token: str, tmp_path: Path) -> None:
    xml, told = tmp_path / "out" / "klix.xml", tmp_path / "klix.json"
    suite = make_suite(4)
    outcomes = ["pass", "fail", "error", "unsure"]
    code, _ = run(live_server, token, outcomes, suite, make_agent(), "--junit", str(xml), "--json", str(told))
    root = ET.parse(xml).getroot()
    counts = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "2", "errors": "1", "skipped": "1"}
    cases = root.findall("./testsuite/testcase")
    assert [len(case) and case[0].tag for case in cases] == [0, "failure", "error", "skipped", "failure"]
    assert cases[0].get("classname") == suite.scenarios.order_by("name")[0].name
    body = json.loads(told.read_text())
    assert (body["exit_code"], code, len(body["cases"])) == (1, 1, 4)


def test_signs_that_xml_forbids_are_replaced() -> None:
    case = {
        "scenario": "a\x00b",
        "persona": "\x1b[31m<p>",
        "line": "",
        "repeat": 1,
        "state": "done",
        "outcome": "fail",
        "reason": "\ud800 & \x0b",
        "cause": "",
        "call": None,
        "duration_s": None,
    }
    told = {"suite": "\ufffe", "created_at": "", "agent": "a", "agent_version": 1, "label": "", "id": "x"}
    root = ET.fromstring(junit(told, [case], Decision(2, "?"), "http://klix"))
    assert root.get("name") == "\ufffd"
    assert root.find("./testsuite/testcase/failure") is not None


def test_the_terminal_shows_what_klix_says_as_it_is(live_server: Any, token: str) -> None:
    _, text = run(live_server, token, ["fail"], make_suite(1), make_agent())
    assert "Said [/no] goodbye" in text


def test_ctrl_c_stops_the_run(live_server: Any, token: str) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    suite, agent = make_suite(2), make_agent()
    options = parser().parse_args(["run", suite.name, "--agent", agent.name])
    assert commands.run(options, Client(live_server.url, token, sleep=interrupt), Terminal()) == 2
    assert Run.objects.get().state == Run.State.STOPPING


def test_runs_can_be_compared_and_stopped_by_id(live_server: Any, token: str) -> None:
    suite, agent = make_suite(12), make_agent()
    old = finished_run(["pass"] * 12, suite, agent)
    new = finished_run(["fail"] * 8 + ["pass"] * 4, suite, agent)
    common = ["--url", live_server.url, "--token", token]
    terminal = Terminal()
    assert main([*common, "compare", str(new.public_id), "--older", str(old.public_id)], terminal) == 1
    assert "8 regressed and 0 fixed of 12 cases" in terminal.text
    assert main([*common, "stop", str(new.public_id)], terminal) == 0


# --- Files ------------------------------------------------------------------------------------------------------------
FILES = """\
kind: persona
name: Dana
manner: In a hurry.
---
kind: scenario
name: Books a table
persona: Dana
facts: {party: 5}
---
kind: criterion
name: Says goodbye
type: phrase
config: {phrase: goodbye, match: words, by: agent, when: any}
scenarios: [Books a table]
---
kind: suite
name: Smoke
scenarios: [Books a table]
lines:
  - name: clean
repeats: 3
"""


def test_what_is_pushed_can_be_pulled_and_pushed_again(live_server: Any, token: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(FILES)
    common = ["--url", live_server.url, "--token", token]
    assert main([*common, "push", str(file)], Terminal()) == 0
    assert Suite.objects.get().repeats == 3
    assert Criterion.objects.get().scenarios.get().persona == Persona.objects.get()
    pulled = tmp_path / "pulled"
    first, second = Terminal(), Terminal()
    assert main([*common, "pull", str(pulled)], first) == 0
    assert sorted(str(path.relative_to(pulled)) for path in pulled.rglob("*.yaml")) == [
        "criteria/says-goodbye.yaml",
        "personas/dana.yaml",
        "scenarios/books-a-table.yaml",
        "suites/smoke.yaml",
    ]
    main([*common, "pull", str(pulled)], second)
    assert second.text == "", "nothing changed"
    assert main([*common, "push", str(pulled)], Terminal()) == 0
    assert (Persona.objects.count(), Scenario.objects.count(), Suite.objects.count()) == (1, 1, 1)


def test_what_klix_refuses_is_told_with_its_line(live_server: Any, token: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(FILES.replace("persona: Dana", "persona: Nobody"))
    terminal = Terminal()
    assert main(["--url", live_server.url, "--token", token, "push", str(file)], terminal) == 1
    assert f"{file}:7: persona: " in terminal.text.replace("\n", "")


def test_files_with_a_mistake_change_nothing(live_server: Any, token: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(FILES + "repeat: 1\n")
    assert main(["--url", live_server.url, "--token", token, "push", str(file)], Terminal()) == 1
    assert not Persona.objects.exists()


# --- What goes wrong --------------------------------------------------------------------------------------------------
def test_no_token_a_wrong_token_and_a_wrong_suite_could_not_tell(live_server: Any, token: str) -> None:
    terminal = Terminal()
    there = ["--url", live_server.url]
    asked = ["run", "Nothing", "--agent", "Nobody"]
    assert main([*there, "--token", "", *asked], terminal) == 2
    assert "api_token" in terminal.text
    assert main([*there, "--token", "klix_wrong", *asked], terminal) == 2
    assert "not known" in terminal.text
    assert main([*there, "--token", token, *asked], terminal) == 2
    assert "Nothing" in terminal.text


def test_a_server_that_does_not_answer_is_asked_for_a_while() -> None:
    clock = iter(range(0, 1000, 20))
    pauses: list[float] = []
    client = Client("http://127.0.0.1:9", "t", sleep=pauses.append, monotonic=lambda: float(next(clock)))
    with pytest.raises(Unreachable, match="KLIX_URL"):
        client.get("runs/")
    assert len(pauses) == 2


def test_a_wrong_command_line_exits_with_2() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["run"])
    assert exit_.value.code == 2
