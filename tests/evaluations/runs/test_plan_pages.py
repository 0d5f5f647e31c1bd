"""Suites, schedules, alert rules and baselines on their pages."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from evaluations.run_models import Alert, AlertRule, Baseline, Run, Schedule, Suite
from evaluations.runs.alert_rules import announce_ended
from evaluations.runs.scheduling import start_due
from tests.evaluations.runs.building import finished_run, make_agent, make_run, make_suite
from tests.people import operator, viewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga(client: Client) -> Client:
    client.force_login(operator())
    return client


def suite_form(**changes: Any) -> dict[str, Any]:
    scenario = make_suite(1).scenarios.get()
    values = {"name": "Smoke", "scenarios": [scenario.pk], "lines": "[]", "repeats": 3, "margin": 0.1}
    return values | {"required_pass_rate": 0.9} | changes


def rule_form(**changes: Any) -> dict[str, Any]:
    values = {"name": "Few pass", "condition": "pass rate", "threshold": 0.9, "part": "p95", "baseline": "main"}
    more = {"window": 6, "occurrences": 1, "cool_down_minutes": 60, "channel": "slack", "is_enabled": "on"}
    return values | more | {"target": "https://hooks.example.com/x"} | changes


def test_a_suite_is_made_changed_and_archived(olga: Client, django_assert_max_num_queries: Any) -> None:
    form = suite_form(strict_judges="on", lines='[{"name": "street", "conditions": {"preset": "street at 10 dB"}}]')
    assert olga.post("/runs/suites/new/", form).status_code == 302
    suite = Suite.objects.get(name="Smoke")
    assert (suite.repeats, suite.strict_judges, suite.lines[0]["name"]) == (3, True, "street")
    for _ in range(5):
        make_suite(2)
    with django_assert_max_num_queries(8):
        page = olga.get("/runs/suites/").content.decode()
    assert "3 calls: 1 scenario, 1 line, 3 times each; 90 % must pass" in page.replace("90%", "90 %")
    olga.post(f"/runs/suites/{suite.public_id}/", form | {"repeats": 5})
    suite.refresh_from_db()
    assert suite.repeats == 5
    olga.post(f"/runs/suites/{suite.public_id}/archive/")
    assert "<b>Smoke</b>" not in olga.get("/runs/suites/").content.decode()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"lines": '[{"conditions": {}}]'}, "Write a list"),
        ({"lines": '[{"name": "a"}, {"name": "a"}]'}, "a name of its own"),
        ({"lines": '[{"name": "a", "conditions": {"preset": "moon"}}]'}, "a: "),
        ({"required_pass_rate": 3}, "less than or equal to 1"),
    ],
)
def test_a_suite_that_cannot_be_played_is_refused(olga: Client, wrong: dict[str, Any], told: str) -> None:
    answer = olga.post("/runs/suites/new/", suite_form(**wrong))
    assert answer.status_code == 422
    assert told in answer.content.decode()


def test_a_schedule_made_on_its_page_starts_runs(olga: Client) -> None:
    suite, agent = make_suite(1), make_agent()
    form = {"suite": suite.pk, "agent": agent.pk, "cron": "0 6 * * *", "max_minutes": 30, "is_enabled": "on"}
    assert "Write minute, hour" in olga.post("/runs/schedules/new/", form | {"cron": "daily"}).content.decode()
    assert olga.post("/runs/schedules/new/", form).status_code == 302
    start_due()
    schedule = Schedule.objects.get()
    assert schedule.next_at is not None
    Schedule.objects.update(next_at=timezone.now())
    assert start_due() == 1
    assert (Run.objects.get().suite, Run.objects.get().max_minutes) == (suite, 30)
    page = olga.get("/runs/schedules/").content.decode()
    assert f"{agent.name} at 0 6 * * *; next:" in page
    olga.post(f"/runs/schedules/{schedule.public_id}/", form | {"cron": "0 7 * * *"})
    schedule.refresh_from_db()
    assert schedule.cron == "0 7 * * *"
    assert Schedule.objects.filter(next_at=None).exists()
    olga.post(f"/runs/schedules/{schedule.public_id}/delete/")
    assert not Schedule.objects.exists()


def test_an_alert_rule_made_on_its_page_makes_alerts_that_are_listed(olga: Client) -> None:
    wrong = olga.post("/runs/alerts/new/", rule_form(channel="email"))
    assert "Write e-mail addresses" in wrong.content.decode()
    assert olga.post("/runs/alerts/new/", rule_form()).status_code == 302
    finished_run(["fail"] * 2, make_suite(2), make_agent())
    announce_ended()
    page = olga.get("/runs/alerts/").content.decode()
    assert "0 of 2 passed, 0%; the limit is 90%" in page
    assert "hooks.example.com" not in page
    rule = AlertRule.objects.get()
    olga.post(f"/runs/alerts/{rule.public_id}/", rule_form(threshold=0.5))
    rule.refresh_from_db()
    assert rule.threshold == 0.5
    olga.post(f"/runs/alerts/{rule.public_id}/delete/")
    assert (AlertRule.objects.count(), Alert.objects.count()) == (0, 0)


def test_a_finished_run_is_made_the_baseline_and_later_ones_are_compared_with_it(olga: Client) -> None:
    suite, agent = make_suite(2), make_agent()
    old, new = finished_run(["pass"] * 2, suite, agent), finished_run(["fail"] * 2, suite, agent)
    olga.post(f"/runs/{old.public_id}/baseline/", {"name": "main"})
    assert Baseline.objects.get().run == old
    assert "Baseline main" in olga.get(f"/runs/{old.public_id}/").content.decode()
    assert f"?old={old.public_id}&amp;new={new.public_id}" in olga.get(f"/runs/{new.public_id}/").content.decode()
    going = make_run(suite, agent)
    page = olga.post(f"/runs/{going.public_id}/baseline/", {"name": "main"}, follow=True).content.decode()
    assert "Only a finished run can be a baseline" in page


def test_viewers_see_plans_and_change_none(client: Client) -> None:
    client.force_login(viewer())
    for name in ("suites", "schedules", "alerts"):
        assert client.get(f"/runs/{name}/").status_code == 200
        assert client.get(f"/runs/{name}/new/").status_code == 403
        assert client.post(f"/runs/{name}/new/").status_code == 403
