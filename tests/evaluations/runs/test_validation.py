"""A judge that people have not measured yet fails no gate unless it is told to."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent
from evaluations.labelling import label_verdict
from evaluations.models import Criterion, Verdict
from evaluations.run_models import Run, RunCase, Suite
from evaluations.runs.comparison import compare
from evaluations.runs.outcomes import result_of
from evaluations.runs.selectors import gate_view, results
from evaluations.statistics import GateVerdict
from tests.evaluations.runs.building import CRITERION, finished_run, make_agent, make_suite
from tests.people import operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite() -> Suite:
    return make_suite(20, required_pass_rate=0.7)


@pytest.fixture
def agent() -> Agent:
    return make_agent()


def judged_run(said: Sequence[str], suite: Suite, agent: Agent) -> Run:
    """Every case passes by a rule, and by a judge as `said`."""
    run = finished_run(["pass"] * len(said), suite, agent)
    nice, _ = Criterion.objects.get_or_create(name="Is friendly", kind="judge")
    for case, outcome in zip(run.cases.select_related("call"), said, strict=True):
        assert case.call
        values = {"kind": "judge", "kind_version": 1, "decided_by": "judge a:b", "criterion_name": nice.name}
        evaluation = case.call.evaluations.get()
        Verdict.objects.create(evaluation=evaluation, criterion=nice, outcome=outcome, **values)
        result = result_of(case.call, None)
        assert result
        RunCase.objects.filter(pk=case.pk).update(outcome=result.outcome, cause=result.cause)
    return run


def label(run: Run, count: int) -> None:
    """People agree with so many verdicts of the judge."""
    ann, _ = User.objects.get_or_create(username="ann")
    for verdict in Verdict.objects.filter(kind="judge", evaluation__call__run_cases__run=run)[:count]:
        label_verdict(verdict, ann)


def test_a_required_rate_is_not_missed_by_a_judge_that_nobody_measured(suite: Suite, agent: Agent) -> None:
    run = judged_run(["fail"] * 12 + ["pass"] * 8, suite, agent)
    told = results(run)
    assert (told.rate.passed, told.gate.rate.passed, told.gate.is_required_rate_kept) == (8, 20, True)
    (left,) = told.gate.left_out
    assert left.told == "Is friendly (judge a:b: 0 of 20 labels)"
    label(run, 19)
    assert gate_view(run).left_out[0].labels == 19
    label(run, 20)
    measured = gate_view(run)
    assert (measured.left_out, measured.rate.passed, measured.is_required_rate_kept) == ([], 8, False)


def test_a_judge_that_the_suite_did_not_choose_is_not_missed(suite: Suite, agent: Agent) -> None:
    run = judged_run(["fail"] * 20, suite, agent)
    run.suite_snapshot["criteria"] = [CRITERION]
    assert gate_view(run).left_out == []
    run.suite_snapshot["criteria"] = [CRITERION, "Is friendly"]
    assert [each.criterion for each in gate_view(run).left_out] == ["Is friendly"]


def test_a_suite_may_let_every_judge_decide(suite: Suite, agent: Agent) -> None:
    suite.strict_judges = True
    suite.save()
    strict = gate_view(judged_run(["fail"] * 20, suite, agent))
    assert (strict.left_out, strict.rate.passed, strict.is_required_rate_kept) == ([], 0, False)


def test_a_comparison_leaves_it_out_and_says_so_unless_told_otherwise(suite: Suite, agent: Agent) -> None:
    old = judged_run(["pass"] * 20, suite, agent)
    new = judged_run(["fail"] * 20, suite, agent)
    told = compare(old, new)
    assert (told.verdict is GateVerdict.WORSE, told.pairs.lost, told.worse) == (False, 0, [])
    assert [each.criterion for each in told.left_out] == ["Is friendly"]
    assert [each.name for each in told.criteria] == ["Books the table"]
    strict = compare(old, new, strict_judges=True)
    assert (strict.verdict, strict.pairs.lost, strict.left_out) == (GateVerdict.WORSE, 20, [])
    assert "Is friendly" in strict.worse


def test_a_comparison_does_not_miss_a_judge_that_the_suite_did_not_choose(suite: Suite, agent: Agent) -> None:
    suite.criteria.add(Criterion.objects.create(name=CRITERION, kind="phrase"))
    told = compare(judged_run(["pass"] * 20, suite, agent), judged_run(["fail"] * 20, suite, agent))
    assert (told.left_out, [each.name for each in told.criteria]) == ([], [CRITERION])
    suite.criteria.add(Criterion.objects.get(name="Is friendly"))
    told = compare(told.old, judged_run(["pass"] * 20, suite, agent))
    assert ([each.criterion for each in told.left_out], told.only_new) == (["Is friendly"], ["Is friendly"])


def test_where_only_that_judge_decided_nothing_can_be_told(suite: Suite, agent: Agent) -> None:
    run = judged_run(["fail"] * 20, suite, agent)
    Verdict.objects.exclude(kind="judge").delete()
    view = gate_view(run)
    assert (view.outcomes, view.rate.n, view.is_required_rate_kept) == ({"not applicable": 20}, 0, None)


def test_a_spoiled_call_stays_spoiled(suite: Suite, agent: Agent) -> None:
    run = judged_run(["fail"] * 20, suite, agent)
    RunCase.objects.filter(run=run, index=0).update(outcome="error", cause="simulated caller")
    assert gate_view(run).outcomes == {"error": 1, "pass": 19}


def test_the_pages_of_gate_and_comparison_name_what_was_left_out(client: Client, suite: Suite, agent: Agent) -> None:
    client.force_login(operator())
    old, new = judged_run(["pass"] * 20, suite, agent), judged_run(["fail"] * 20, suite, agent)
    for path in (f"/runs/{new.public_id}/", f"/runs/compare/?old={old.public_id}&new={new.public_id}"):
        page = client.get(path).content.decode()
        assert "Left out of the gate" in page
        assert "Is friendly (judge a:b: 0 of 20 labels)" in page
    assert "20 of 20 passed, 70 % are required" in client.get(f"/runs/{new.public_id}/").content.decode()


def test_the_api_tells_it_and_takes_the_wish(client: Client, suite: Suite, agent: Agent) -> None:
    client.force_login(operator())
    old, new = judged_run(["pass"] * 20, suite, agent), judged_run(["fail"] * 20, suite, agent)
    asked: dict[str, Any] = {"run": str(new.public_id), "with": str(old.public_id)}
    told = client.get("/api/v1/comparisons/", asked).json()
    assert [each["criterion"] for each in told["left_out"]] == ["Is friendly"]
    strict = client.get("/api/v1/comparisons/", asked | {"strict_judges": "true"}).json()
    assert (strict["verdict"], strict["left_out"]) == ("worse", [])
    assert client.get("/api/v1/comparisons/", asked | {"strict_judges": "perhaps"}).status_code == 400
    body = {"suite": suite.name, "agent": agent.name, "strict_judges": True}
    begun = client.post("/api/v1/runs/", body, content_type="application/json").json()
    assert Run.objects.get(public_id=begun["id"]).suite_snapshot["strict_judges"] is True
