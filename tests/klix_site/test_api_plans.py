"""Schedules, alert rules and alerts over the REST API, by the rules of their pages."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.secrets import MASK
from evaluations.run_models import Alert, AlertRule, Schedule
from klix_site.models import AuditEntry, CreateRequest
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.klix_site.asking import client_of
from tests.people import operator, viewer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]
JSON: Any = {"content_type": "application/json"}
SLACK = "https://hooks.example.com/services/T0/B0/very-secret"
RULE = {"name": "Smoke fails", "condition": "pass rate", "threshold": 0.8, "channel": "slack", "target": SLACK}


@pytest.fixture
def schedule() -> dict[str, Any]:
    return {"suite": make_suite().name, "agent": make_agent().name, "cron": "0 6 * * 1-5"}


def post(api: Client, path: str, body: Any, **headers: str) -> Any:
    return api.post(f"/api/v1/{path}/", body, headers=headers, **JSON)


# --- Schedules --------------------------------------------------------------------------------------------------------
def test_a_schedule_is_made_read_changed_and_deleted(api: Client, schedule: dict[str, Any]) -> None:
    made = post(api, "schedules", schedule | {"max_cost": "5.5"})
    assert made.status_code == 201, made.json()
    where = made["Location"]
    assert {**made.json(), **schedule} == made.json() == api.get(where).json()
    Schedule.objects.update(next_at=timezone.now(), problem="The agent was away.")
    changed = api.patch(where, {"cron": "30 7 * * *"}, **JSON).json()
    assert (changed["cron"], changed["max_cost"], changed["is_enabled"]) == ("30 7 * * *", "5.5000", True)
    assert (changed["next_at"], changed["problem"]) == (None, "")  # as the form does: the next time is found anew
    assert [each["id"] for each in api.get("/api/v1/schedules/").json()["results"]] == [made.json()["id"]]
    assert api.delete(where).status_code == 204
    assert not Schedule.objects.exists()
    actions = AuditEntry.objects.filter(via="api").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["schedule created", "schedule edited", "schedule deleted"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cron": "at six"}, "cron"),
        ({"suite": "nothing"}, "suite"),
        ({"crom": "0 6 * * *"}, "crom"),
        ({"max_minutes": -1}, "max_minutes"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_its_field(
    api: Client, schedule: dict[str, Any], wrong: dict[str, Any], field: str
) -> None:
    answer = post(api, "schedules", schedule | wrong)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field]), answer.json()
    assert not Schedule.objects.exists()


def test_the_same_key_makes_one_schedule(api: Client, schedule: dict[str, Any]) -> None:
    first, again = (post(api, "schedules", schedule, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json() == again.json()
    assert (Schedule.objects.count(), CreateRequest.objects.count()) == (1, 1)


def test_who_may_not_call_may_not_have_calls_placed_at_six(schedule: dict[str, Any]) -> None:
    assert post(client_of(viewer()), "schedules", schedule).status_code == 403
    refused = post(client_of(operator(), "read", "write"), "schedules", schedule)
    assert (refused.status_code, "scope call" in refused.json()["message"]) == (403, True)
    assert Client().get("/api/v1/schedules/").status_code == 401


# --- Alert rules ------------------------------------------------------------------------------------------------------
def test_where_a_rule_sends_to_is_never_told_and_stays_when_the_mask_comes_back(api: Client) -> None:
    made = post(api, "alert-rules", RULE, **{"Idempotency-Key": "k"})
    assert made.status_code == 201, made.json()
    where = made["Location"]
    answers = [made, api.get(where), api.get("/api/v1/alert-rules/")]
    answers.append(api.patch(where, {**RULE, "target": MASK, "threshold": 0.7}, **JSON))
    assert {answer.status_code for answer in answers} == {200, 201}
    assert not any("secret" in answer.content.decode() for answer in answers)
    assert "secret" not in str(CreateRequest.objects.get().answer)
    rule = AlertRule.objects.get()
    assert (rule.target, rule.threshold, rule.cool_down_minutes) == (SLACK, 0.7, 60)
    assert api.patch(where, {"target": "https://example.com/other"}, **JSON).json()["target"] == MASK
    assert AlertRule.objects.get().target == "https://example.com/other"


def test_a_mask_is_no_address_of_a_new_rule(api: Client) -> None:
    assert list(post(api, "alert-rules", RULE | {"target": MASK}).json()["fields"]) == ["target"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"threshold": 80}, "threshold"),
        ({"condition": "figure", "figure": "weather"}, "figure"),
        ({"channel": "email"}, "target"),
        ({"window": 2}, "window"),
        ({"agent": "nobody"}, "agent"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_field(api: Client, wrong: dict[str, Any], field: str) -> None:
    answer = post(api, "alert-rules", RULE | wrong)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field]), answer.json()


def test_two_rules_cannot_have_one_name(api: Client) -> None:
    assert post(api, "alert-rules", RULE).status_code == 201
    assert list(post(api, "alert-rules", RULE).json()["fields"]) == ["name"]
    assert AuditEntry.objects.get(via="api").action == "alert rule created"


def test_what_rules_told_is_listed(api: Client) -> None:
    run = finished_run(["fail"], make_suite(1), make_agent())
    rule = AlertRule.objects.create(**RULE)
    Alert.objects.create(rule=rule, run=run, text="0 of 1 passed.", state="failed", error="The address answered 500.")
    (found,) = api.get("/api/v1/alerts/?rule=Smoke+fails&state=failed").json()["results"]
    assert (found["run"], found["text"]) == (str(run.public_id), "0 of 1 passed.")
    assert api.get("/api/v1/alerts/?state=sent").json()["results"] == []
