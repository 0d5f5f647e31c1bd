"""How agents and scenarios stand, from the last calls."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from calls.models import Call
from calls.states import Ending, Status
from evaluations.models import Evaluation
from evaluations.standing import standing
from tests.evaluations.runs.building import finished_run, judge, make_agent, make_suite

pytestmark = pytest.mark.django_db


def call_of(agent: Agent, ago_s: int, **values: Any) -> Call:
    call = Call.objects.create(agent=agent, agent_version=agent.current_version, direction="outbound", **values)
    Call.objects.filter(pk=call.pk).update(created_at=timezone.now() - timedelta(seconds=ago_s))
    return call


def test_an_agent_stands_as_its_calls_came_out() -> None:
    agent = make_agent()
    finished_run(["pass", "fail", "pass"], make_suite(3), agent, [[1.0, 3.0], [2.0], []])
    known = standing().agents[agent.pk]
    assert (known.agent.name, known.agent.public_id) == (agent.name, agent.public_id)
    assert (known.passed, known.told, known.rate.n) == (2, 3, 3)
    assert sorted(known.replies) == [1.0, 2.0, 3.0]
    assert known.medians == [2.0, 1.0]  # the newest first; a call without a reply has none
    assert (known.badge.kind, known.error) == ("pass", "")
    assert known.spark == "0.0,12.0 100.0,2.0"


def test_the_newest_evaluation_of_a_call_counts() -> None:
    agent = make_agent()
    call = call_of(agent, 60, status=Status.COMPLETED)
    judge(call, "fail", [5.0])
    judge(call, "pass", [1.0], number=2)
    known = standing().agents[agent.pk]
    assert (known.passed, known.told, known.replies) == (1, 1, [1.0])
    Evaluation.objects.create(call=call, number=3)
    known = standing().agents[agent.pk]
    assert (known.told, known.replies, known.badge.word) == (0, [], "Scoring")


def test_why_the_last_call_reached_nobody_is_told() -> None:
    agent = make_agent()
    call_of(agent, 60, status=Status.COMPLETED)
    call_of(agent, 5, status=Status.BUSY, ending=Ending.NOT_CONNECTED)
    known = standing().agents[agent.pk]
    assert (known.error, known.badge.word, known.rate.value) == ("The line was busy.", "Busy", None)


def test_scenarios_that_fail_come_with_the_worst_first_and_lead_to_their_last_failed_call() -> None:
    suite, agent = make_suite(3), make_agent()
    finished_run(["pass", "fail", "fail"], suite, agent)
    run = finished_run(["pass", "fail", "pass"], suite, agent)
    failing = standing().failing
    assert [(each.failed, each.told) for each in failing] == [(2, 2), (1, 2)]
    last = run.cases.get(index=1).call
    assert last
    assert failing[0].url == last.get_absolute_url()
    assert failing[0].scenario.name == run.cases.get(index=1).scenario.name


def test_the_rows_are_the_newest_calls_and_the_number_of_queries_stays(django_assert_num_queries: Any) -> None:
    agent = make_agent()
    finished_run(["pass"] * 4, make_suite(4), agent)
    with django_assert_num_queries(2):
        standing()
    with django_assert_num_queries(7):
        found = standing(rows=3)
    newest = Call.objects.order_by("-created_at", "-id")[:3]
    assert [row.call.pk for row in found.rows] == [call.pk for call in newest]


def test_where_there_are_no_calls_there_is_no_standing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        found = standing(rows=5)
    assert (found.agents, found.failing, found.rows) == ({}, [], [])
