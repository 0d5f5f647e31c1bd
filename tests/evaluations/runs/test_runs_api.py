"""Definitions, runs and comparisons over the REST API."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Persona
from evaluations.run_models import Baseline, Run, RunCase, Suite
from tests.evaluations.runs.building import finished_run, make_agent, make_run, make_suite
from tests.people import operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Client:
    client = Client()
    client.force_login(operator("ada"))
    return client


def post(api: Client, path: str, body: Any, **headers: str) -> Any:
    return api.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def define(api: Client) -> None:
    assert post(api, "personas/", {"name": "Dana", "manner": "In a hurry."}).status_code == 201
    scenario = {"name": "Books a table", "persona": "Dana", "goal": "A table", "facts": {"party": 5}}
    assert post(api, "scenarios/", scenario).status_code == 201
    criterion = {
        "name": "Says goodbye",
        "kind": "phrase",
        "config": {"phrase": "goodbye", "match": "words", "by": "agent", "when": "any"},
        "scenarios": ["Books a table"],
    }
    assert post(api, "criteria/", criterion).status_code == 201, post(api, "criteria/", criterion).json()
    suite = {"name": "Smoke", "scenarios": ["Books a table"], "criteria": ["Says goodbye"], "repeats": 2}
    assert post(api, "suites/", suite).status_code == 201


def test_strangers_are_not_let_in() -> None:
    for path in ("agents", "personas", "scenarios", "criteria", "suites", "runs", "baselines", "comparisons"):
        assert Client().get(f"/api/v1/{path}/").status_code == 401


def test_definitions_are_made_by_name_and_said_again_without_harm(api: Client) -> None:
    define(api)
    changed = post(api, "personas/", {"name": "Dana", "manner": "Has all the time in the world."})
    assert changed.status_code == 200
    assert Persona.objects.get().manner == "Has all the time in the world."
    listed = api.get("/api/v1/suites/").json()["results"]
    assert [(suite["name"], suite["repeats"], suite["criteria"]) for suite in listed] == [
        ("Smoke", 2, ["Says goodbye"])
    ]


def test_a_definition_read_can_be_sent_back(api: Client) -> None:
    define(api)
    for kind in ("personas", "scenarios", "criteria", "suites"):
        (read,) = api.get(f"/api/v1/{kind}/").json()["results"]
        read.pop("id")
        sent = post(api, f"{kind}/", read)
        assert sent.status_code == 200, sent.json()
        assert {**sent.json()} == {**sent.json(), **read}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("personas/", {"name": "Dana", "maner": "x"}, "maner"),
        ("personas/", {"name": "Dana", "brain": "nobody"}, "brain"),
        ("personas/", {"manner": "x"}, "name"),
        ("personas/", {"name": "a\x00b"}, "name"),
        ("scenarios/", {"name": "A", "persona": "Nobody"}, "persona"),
        ("scenarios/", {"name": "A", "script": {"steps": [{"nonsense": 1}]}}, "script"),
        ("scenarios/", {"name": "A", "line": {"preset": "on the moon"}}, "line"),
        ("criteria/", {"name": "A", "kind": "nonsense"}, "kind"),
        ("suites/", {"name": "A", "scenarios": []}, "scenarios"),
        ("suites/", {"name": "A", "scenarios": ["Nothing"]}, "scenarios"),
        ("runs/", {"suite": "Nothing", "agent": "Nobody"}, "suite"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_field(api: Client, path: str, body: Any, field: str) -> None:
    answer = post(api, path, body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_body_that_is_no_object_is_refused(api: Client) -> None:
    assert post(api, "personas/", ["Dana"]).status_code == 400


def test_lines_need_names_of_their_own(api: Client) -> None:
    define(api)
    suite = {"name": "Smoke", "scenarios": ["Books a table"], "lines": [{"name": "a"}, {"name": "a"}]}
    assert "lines" in post(api, "suites/", suite).json()["fields"]


def test_unknown_parameters_are_refused(api: Client) -> None:
    assert "sweet" in api.get("/api/v1/runs/?sweet=1").json()["fields"]
    assert api.get("/api/v1/runs/?state=odd").status_code == 400
    assert api.get("/api/v1/suites/?name=%00").status_code == 400


def test_a_run_begins_once_by_its_key(api: Client) -> None:
    define(api)
    agent = make_agent("booker")
    body = {"suite": "Smoke", "agent": "booker", "max_minutes": 30, "label": "abc123"}
    first = post(api, "runs/", body, **{"Idempotency-Key": "k1"})
    second = post(api, "runs/", body, **{"Idempotency-Key": "k1"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["progress"]["total"] == 2
    make_agent("other")
    reused = post(api, "runs/", {**body, "agent": "other"}, **{"Idempotency-Key": "k1"})
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency_key_reused")
    assert Run.objects.get().agent_version.agent == agent
    assert post(api, "runs/", body, **{"Idempotency-Key": "k" * 81}).status_code == 400


def test_a_version_that_is_not_there_is_refused(api: Client) -> None:
    define(api)
    make_agent("booker")
    assert "version" in post(api, "runs/", {"suite": "Smoke", "agent": "booker", "version": 7}).json()["fields"]


def test_a_run_that_cannot_be_played_says_why(api: Client) -> None:
    define(api)
    agent = make_agent("booker")
    agent.phone_number = ""
    agent.save()
    answer = post(api, "runs/", {"suite": "Smoke", "agent": "booker"})
    assert "no phone number" in answer.json()["fields"]["agent"][0]


def test_a_run_tells_its_results_and_its_cases(api: Client) -> None:
    run = finished_run(["pass", "fail"], make_suite(2), make_agent(), [[1.0], [2.0]])
    told = api.get(f"/api/v1/runs/{run.public_id}/").json()
    assert told["results"]["pass_rate"]["passed"] == 1
    assert told["results"]["pass_hat"] == {"1": 0.5}
    assert told["results"]["figures"][0]["p50"] == 1.5
    cases = api.get(f"/api/v1/runs/{run.public_id}/cases/").json()["results"]
    assert [case["outcome"] for case in cases] == ["pass", "fail"]
    failed = api.get(f"/api/v1/runs/{run.public_id}/cases/?outcome=fail").json()["results"]
    assert [case["index"] for case in failed] == [1]


def test_a_run_can_be_stopped_and_taken_up_again(api: Client) -> None:
    run = make_run(make_suite(2))
    assert post(api, f"runs/{run.public_id}/stop", {}).json()["state"] == "stopping"
    assert RunCase.objects.filter(state="stopped").count() == 2
    assert post(api, f"runs/{run.public_id}/retry", {}).json()["state"] == "running"


def test_runs_are_found_by_suite_agent_and_state(api: Client) -> None:
    run = make_run()
    make_run()
    name = run.suite.name
    for query in (f"suite={name}", f"agent={run.agent_version.agent.name}", f"suite={name}&state=running"):
        assert [each["id"] for each in api.get(f"/api/v1/runs/?{query}").json()["results"]] == [str(run.public_id)]


def test_two_runs_are_compared_by_baseline_or_by_id(api: Client) -> None:
    suite, agent = make_suite(20), make_agent()
    old = finished_run(["pass"] * 20, suite, agent)
    new = finished_run(["fail"] * 10 + ["pass"] * 10, suite, agent)
    named = post(api, "baselines/", {"name": "main", "run": str(old.public_id)})
    assert named.json() == {"suite": suite.name, "name": "main", "run": str(old.public_id)}
    told = api.get(f"/api/v1/comparisons/?run={new.public_id}&baseline=main").json()
    assert (told["verdict"], told["cases"]["regressed"], len(told["regressed"])) == ("worse", 10, 10)
    same = api.get(f"/api/v1/comparisons/?run={new.public_id}&with={old.public_id}").json()
    assert same == told
    assert api.get(f"/api/v1/baselines/?suite={suite.name}").json()["results"][0]["name"] == "main"


def test_a_comparison_that_cannot_be_made_says_why(api: Client) -> None:
    run = finished_run(["pass"], make_suite(1), make_agent())
    there = f"/api/v1/comparisons/?run={run.public_id}"
    assert api.get(there).status_code == 400
    assert api.get(f"{there}&with={run.public_id}").json()["fields"]["with"] == [
        "A run cannot be compared with itself."
    ]
    missing = api.get(f"{there}&baseline=main")
    assert (missing.status_code, "no baseline" in missing.json()["message"]) == (404, True)
    assert api.get("/api/v1/comparisons/?run=x&baseline=main").status_code == 400


def test_only_finished_runs_become_baselines(api: Client) -> None:
    run = make_run()
    refused = post(api, "baselines/", {"name": "main", "run": str(run.public_id)})
    assert "run" in refused.json()["fields"]
    assert not Baseline.objects.exists()
    assert Suite.objects.count() == 1
