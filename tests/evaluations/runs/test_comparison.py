"""Two runs on the cases that both have, and the gate."""

import pytest
from django.test import Client

from agents.models import Agent
from evaluations.models import Criterion
from evaluations.run_models import Run, Suite
from evaluations.runs.comparison import compare
from evaluations.runs.selectors import results
from evaluations.runs.starting import RunRefused, set_baseline
from evaluations.statistics import GateVerdict
from tests.evaluations.runs.building import CRITERION, finished_run, judge, make_agent, make_run, make_suite
from tests.people import operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite() -> Suite:
    return make_suite(4, repeats=5)


@pytest.fixture
def agent() -> Agent:
    return make_agent()


def test_cases_are_paired_by_scenario_persona_line_and_repeat(suite: Suite, agent: Agent) -> None:
    old = finished_run(["pass"] * 18 + ["fail", "error"], suite, agent)
    new = finished_run(["fail"] * 2 + ["pass"] * 18, suite, agent)
    told = compare(old, new)
    assert [pair.case.index for pair in told.regressed] == [0, 1]
    assert [pair.case.index for pair in told.fixed] == [18]
    assert [pair.case.index for pair in told.missing] == [19], "what was an error cannot be compared"
    assert len(told.same) == 16
    assert (told.pairs.lost, told.pairs.won, told.pairs.n) == (2, 1, 19)


def test_a_case_that_one_run_lacks_is_missing(agent: Agent) -> None:
    suite = make_suite(2)
    old = finished_run(["pass", "pass"], suite, agent)
    suite.repeats = 2
    suite.save()
    new = finished_run(["pass"] * 4, suite, agent)
    told = compare(old, new)
    assert [pair.old for pair in told.missing] == [None, None]
    assert [pair.new for pair in compare(new, old).missing] == [None, None]
    assert told.pairs.n == 2


def test_a_clear_drop_is_worse_and_names_the_criterion(suite: Suite, agent: Agent) -> None:
    old = finished_run(["pass"] * 20, suite, agent)
    new = finished_run(["fail"] * 9 + ["pass"] * 11, suite, agent)
    told = compare(old, new)
    assert told.verdict is GateVerdict.WORSE
    assert told.worse == ["Books the table"]
    assert compare(new, old).verdict is GateVerdict.BETTER


@pytest.fixture
def chosen(suite: Suite) -> Suite:
    """The suite chose one criterion; others apply to its calls too."""
    suite.criteria.add(Criterion.objects.create(name=CRITERION, kind="phrase"))
    return suite


def also_judged(run: Run, outcome: str, criterion: str = "Is brief") -> Run:
    for case in run.cases.select_related("call"):
        assert case.call
        judge(case.call, outcome, criterion=criterion)
    return run


def test_a_criterion_that_the_suite_did_not_choose_makes_no_run_worse(chosen: Suite, agent: Agent) -> None:
    old = also_judged(finished_run(["pass"] * 20, chosen, agent), "pass")
    new = also_judged(finished_run(["pass"] * 20, chosen, agent), "fail")
    told = compare(old, new)
    assert (told.worse, [each.name for each in told.criteria]) == ([], [CRITERION])
    assert (told.only_old, told.only_new) == ([], [])


def test_where_the_suite_chose_none_every_criterion_that_was_applied_is_compared(suite: Suite, agent: Agent) -> None:
    old = also_judged(finished_run(["pass"] * 20, suite, agent), "pass")
    new = also_judged(finished_run(["pass"] * 20, suite, agent), "fail")
    assert compare(old, new).worse == ["Is brief"]


def test_a_criterion_that_decides_in_one_run_only_is_told_as_such(chosen: Suite, agent: Agent, client: Client) -> None:
    old = also_judged(finished_run(["pass"] * 20, chosen, agent), "pass")
    chosen.criteria.add(Criterion.objects.get(name="Is brief"))
    new = also_judged(finished_run(["pass"] * 20, chosen, agent), "fail")
    told = compare(old, new)
    assert (told.worse, told.only_old, told.only_new) == ([], [], ["Is brief"])
    assert compare(new, old).only_old == ["Is brief"]
    client.force_login(operator())
    asked = {"run": str(new.public_id), "with": str(old.public_id)}
    assert client.get("/api/v1/comparisons/", asked).json()["only_new"] == ["Is brief"]
    page = client.get(f"/runs/compare/?old={old.public_id}&new={new.public_id}").content.decode()
    assert "decide in one of the runs only: Is brief (new)." in page


def test_slower_replies_make_a_run_worse_though_every_case_passes(suite: Suite, agent: Agent, client: Client) -> None:
    fast = [[0.8 + 0.01 * index, 1.0] for index in range(20)]
    slow = [[value + 0.6 for value in call] for call in fast]
    told = compare(finished_run(["pass"] * 20, suite, agent, fast), finished_run(["pass"] * 20, suite, agent, slow))
    assert told.verdict is GateVerdict.WORSE
    assert told.worse == ["Reply time p50", "Reply time p95"]
    client.force_login(operator())
    page = client.get(f"/runs/compare/?old={told.old.public_id}&new={told.new.public_id}").content.decode()
    assert "Worse beyond chance: Reply time p50, Reply time p95." in page
    assert "more calls would tell" not in page
    assert told.reply_times[0].shift.difference == pytest.approx(0.6)
    assert told.regressed == []


def test_few_equal_calls_are_not_enough(agent: Agent) -> None:
    suite = make_suite(4)
    told = compare(finished_run(["pass"] * 4, suite, agent), finished_run(["pass"] * 4, suite, agent))
    assert told.verdict is GateVerdict.NOT_ENOUGH
    assert told.gate.more_calls


def test_the_margin_of_the_suite_decides_what_counts_as_the_same(agent: Agent) -> None:
    suite = make_suite(10, margin=0.3)
    told = compare(finished_run(["pass"] * 10, suite, agent), finished_run(["pass"] * 10, suite, agent))
    assert told.verdict is GateVerdict.SAME


def test_a_run_is_not_compared_with_itself(suite: Suite, agent: Agent) -> None:
    run = finished_run(["pass"] * 20, suite, agent)
    with pytest.raises(ValueError, match="itself"):
        compare(run, run)


def test_only_a_finished_run_can_be_a_baseline_and_its_name_moves_on(suite: Suite, agent: Agent) -> None:
    with pytest.raises(RunRefused, match="finished"):
        set_baseline(make_run(suite, agent), "main")
    first = finished_run(["pass"] * 20, suite, agent)
    second = finished_run(["pass"] * 20, suite, agent)
    set_baseline(first, "main")
    assert set_baseline(second, "main").run == second
    assert suite.baselines.count() == 1


def test_results_tell_the_rate_pass_hat_and_percentiles(agent: Agent) -> None:
    suite = make_suite(2, repeats=2, required_pass_rate=0.2)
    # Repeat by repeat: scenario A passes both times, B once.
    run = finished_run(["pass", "pass", "pass", "fail"], suite, agent, [[1.0, 2.0], [3.0], [], [4.0]])
    told = results(run)
    assert (told.rate.passed, told.rate.n) == (3, 4)
    assert told.rate.interval.low < 0.75 < told.rate.interval.high
    assert told.pass_hat == {1: 0.75, 2: 0.5}
    (reply,) = told.figures
    assert (reply.n, reply.calls, reply.p50, reply.maximum) == (4, 3, 2.5, 4.0)
    assert told.criteria["Books the table"].passed == 3
    assert told.gate.is_required_rate_kept is True


def test_a_call_scored_again_counts_with_its_newest_verdicts(agent: Agent) -> None:
    run = finished_run(["fail"], make_suite(1), agent)
    call = run.cases.get().call
    assert call
    assert results(run).criteria["Books the table"].passed == 0
    judge(call, "pass", number=2)
    assert results(run).criteria["Books the table"].passed == 1
