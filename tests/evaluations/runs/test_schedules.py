"""Suites that run by themselves, and who is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents.models import Agent
from evaluations.run_models import Alert, AlertRule, Run, Schedule, Suite
from evaluations.runs.alert_rules import announce_ended
from evaluations.runs.alerting import MAX_ATTEMPTS, send_due
from evaluations.runs.cron import next_time
from evaluations.runs.scheduling import start_due
from evaluations.runs.starting import set_baseline
from tests.evaluations.runs.building import finished_run, make_agent, make_suite

pytestmark = pytest.mark.django_db


@pytest.fixture
def suite() -> Suite:
    return make_suite(10)


@pytest.fixture
def agent() -> Agent:
    return make_agent()


def due(suite: Suite, agent: Agent, **values: Any) -> Schedule:
    past = timezone.now() - timedelta(minutes=3)
    return Schedule.objects.create(suite=suite, agent=agent, cron="0 6 * * *", **{"next_at": past, **values})


# --- Schedules --------------------------------------------------------------------------------------------------------
def test_cron_fields_give_the_next_time() -> None:
    after = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert next_time("*/15 6 * * 1-5", after) == datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["hourly", "61 * * * *", "0 0 30 2 *", "", "* * * *"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        next_time(text, timezone.now())


def test_a_due_suite_is_run_once(suite: Suite, agent: Agent) -> None:
    schedule = due(suite, agent, max_minutes=30)
    assert (start_due(), start_due()) == (1, 0)
    run = Run.objects.get()
    assert (run.max_minutes, run.label) == (30, "scheduled")
    schedule.refresh_from_db()
    assert schedule.next_at
    assert schedule.next_at > timezone.now()


def test_a_new_schedule_waits_for_its_first_time(suite: Suite, agent: Agent) -> None:
    schedule = due(suite, agent, next_at=None)
    assert start_due() == 0
    schedule.refresh_from_db()
    assert schedule.next_at


def test_times_missed_while_klix_was_down_are_run_once(suite: Suite, agent: Agent) -> None:
    due(suite, agent, next_at=timezone.now() - timedelta(days=9))
    assert (start_due(), start_due()) == (1, 0)


def test_a_schedule_that_cannot_start_says_why_and_is_tried_the_next_time(suite: Suite, agent: Agent) -> None:
    Agent.objects.update(phone_number="")
    schedule = due(suite, agent)
    assert start_due() == 0
    schedule.refresh_from_db()
    assert "no phone number" in schedule.problem
    assert schedule.is_enabled


def test_disabled_and_archived_ones_rest(suite: Suite, agent: Agent) -> None:
    due(suite, agent, is_enabled=False)
    Agent.objects.filter(pk=agent.pk).update(archived_at=timezone.now())
    due(suite, agent)
    assert start_due() == 0


# --- Rules ------------------------------------------------------------------------------------------------------------
def rule(**values: Any) -> AlertRule:
    given: dict[str, Any] = {
        "name": f"rule {AlertRule.objects.count()}",
        "condition": "pass rate",
        "threshold": 0.9,
        "channel": "webhook",
        "target": "http://127.0.0.1:9/",
        "cool_down_minutes": 0,
    }
    made = AlertRule(**given | values)
    made.full_clean()
    made.save()
    return made


def runs(suite: Suite, agent: Agent, *passed: int) -> list[Run]:
    return [finished_run(["pass"] * each + ["fail"] * (10 - each), suite, agent) for each in passed]


def test_a_run_below_the_threshold_is_told_once(suite: Suite, agent: Agent) -> None:
    rule()
    runs(suite, agent, 10, 6)
    assert (announce_ended(), announce_ended()) == (1, 0)
    assert "6 of 10 passed, 60%; the limit is 90%" in Alert.objects.get().text


def test_so_many_runs_in_a_row_must_meet_the_condition(suite: Suite, agent: Agent) -> None:
    rule(occurrences=2)
    runs(suite, agent, 6, 10, 6)
    assert announce_ended() == 0
    runs(suite, agent, 7)
    assert announce_ended() == 1
    assert "2 runs in a row" in Alert.objects.get().text


def test_after_an_alert_it_is_quiet_for_a_while(suite: Suite, agent: Agent) -> None:
    rule(cool_down_minutes=60)
    runs(suite, agent, 6, 5)
    assert announce_ended() == 1
    Alert.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    runs(suite, agent, 4)
    assert announce_ended() == 1


def test_a_rule_about_another_suite_or_agent_is_silent(suite: Suite, agent: Agent) -> None:
    rule(suite=make_suite(1))
    rule(agent=make_agent())
    rule(is_enabled=False)
    runs(suite, agent, 1)
    assert announce_ended() == 0


def test_a_figure_above_its_limit_is_told(suite: Suite, agent: Agent) -> None:
    rule(condition="figure", figure="reply_time", part="p95", threshold=2.0)
    finished_run(["pass"] * 10, suite, agent, [[1.0]] * 10)
    assert announce_ended() == 0
    finished_run(["pass"] * 10, suite, agent, [[3.0]] * 10)
    assert announce_ended() == 1
    assert "Reply time p95 is 3.00 s over 10 values; the limit is 2 s" in Alert.objects.get().text


def test_a_run_worse_than_its_baseline_is_told(suite: Suite, agent: Agent) -> None:
    rule(condition="worse", baseline="main")
    (good,) = runs(suite, agent, 10)
    assert announce_ended() == 0, "without a baseline there is nothing to be worse than"
    set_baseline(good, "main")
    runs(suite, agent, 2)
    assert announce_ended() == 1
    assert "8 of 10 cases regressed" in Alert.objects.get().text


def test_a_falling_pass_rate_is_told_before_it_crosses_any_threshold(suite: Suite, agent: Agent) -> None:
    rule(condition="trend")
    runs(suite, agent, 10, 9, 8, 7)
    assert announce_ended() == 0
    runs(suite, agent, 6)
    assert announce_ended() == 1
    assert "falls over 5 runs, from 100% to 60%" in Alert.objects.get().text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"condition": "figure", "figure": "nothing"}, "figure"),
        ({"condition": "figure", "figure": "reply_time", "part": "p7"}, "part"),
        ({"threshold": 90}, "threshold"),
        ({"condition": "worse", "baseline": ""}, "baseline"),
        ({"target": "ftp://x"}, "target"),
        ({"target": "https://user:secret@x"}, "target"),
        ({"channel": "email", "target": "ada"}, "target"),
        ({"channel": "email", "target": ","}, "target"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rule(**wrong)
    assert field in caught.value.message_dict


# --- Sending ----------------------------------------------------------------------------------------------------------
@contextmanager
def listener(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook on loopback, and what it was told."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", told
        finally:
            server.shutdown()
            thread.join()


def test_a_webhook_gets_the_alert_once(suite: Suite, agent: Agent) -> None:
    with listener() as (url, told):
        rule(target=url)
        (run,) = runs(suite, agent, 6)
        announce_ended()
        assert (send_due(), send_due()) == (1, 0)
    (body,) = told
    assert body["run"] == str(run.public_id)
    assert body["url"].endswith(f"/runs/{run.public_id}/")  # the page, for a person
    assert "/api/" not in body["url"]
    assert Alert.objects.get().state == Alert.State.SENT


def test_slack_gets_a_text(suite: Suite, agent: Agent) -> None:
    with listener() as (url, told):
        rule(target=url, channel="slack")
        runs(suite, agent, 6)
        announce_ended()
        send_due()
    assert list(told[0]) == ["text"]
    assert "6 of 10 passed" in told[0]["text"]


def test_mail_goes_to_each_address(suite: Suite, agent: Agent, settings: Any) -> None:
    settings.HAS_MAIL_SERVER = True
    rule(target="ada@example.com, bob@example.com", channel="email")
    runs(suite, agent, 6)
    announce_ended()
    assert send_due() == 1
    assert mail.outbox[0].to == ["ada@example.com", "bob@example.com"]


def test_without_a_mail_server_the_alert_says_so(suite: Suite, agent: Agent) -> None:
    rule(target="ada@example.com", channel="email")
    runs(suite, agent, 6)
    announce_ended()
    assert send_due() == 0
    assert "EMAIL_URL" in Alert.objects.get().error


def test_an_alert_that_is_refused_is_sent_again_later_and_given_up_in_the_end(suite: Suite, agent: Agent) -> None:
    with listener(500) as (url, told):
        rule(target=url)
        runs(suite, agent, 6)
        announce_ended()
        for _ in range(MAX_ATTEMPTS + 1):
            send_due()
            assert send_due() == 0, "not before its time"
            Alert.objects.update(due_at=timezone.now())
    assert len(told) == MAX_ATTEMPTS
    alert = Alert.objects.get()
    assert (alert.state, alert.error) == (Alert.State.FAILED, "The address answered 500.")
