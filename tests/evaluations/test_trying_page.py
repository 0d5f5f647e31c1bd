"""A criterion tried on past calls from its form: verdicts with evidence, nothing stored."""

from typing import Any

import pytest
from django.test import Client

from calls.models import Call
from evaluations.models import Criterion, Evaluation, Verdict
from tests.factories import finished_call
from tests.people import operator

pytestmark = pytest.mark.django_db
FORM = {"name": "Says goodbye", "kind": "phrase", "config__phrase": "goodbye", "config__match": "words",
        "config__by": "agent", "config__when": "any", "config__said": "on"}  # fmt: skip


@pytest.fixture
def olga(client: Client) -> Client:
    client.force_login(operator())
    return client


@pytest.fixture
def call() -> Call:
    return finished_call(recorded=False, scored=False)


def test_a_new_criterion_is_tried_without_being_saved(olga: Client, call: Call) -> None:
    answer = olga.post("/criteria/new/", FORM | {"try": "1", "call": str(call.public_id)})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Tried, and nothing stored" in page
    assert f"Passed: {call.agent.name}" in page
    assert f"{call.get_absolute_url()}?t=55.47" in page
    assert 'value="Says goodbye"' in page  # what was entered is kept
    assert (Criterion.objects.count(), Verdict.objects.count(), Evaluation.objects.count()) == (0, 0, 0)
    assert olga.post("/criteria/new/", FORM).status_code == 302
    assert Criterion.objects.get().name == "Says goodbye"


def test_a_change_is_tried_and_the_criterion_stays_as_it_is(olga: Client, call: Call) -> None:
    criterion = Criterion.objects.create(name="Says goodbye", kind="phrase", config={"phrase": "goodbye"})
    changed: dict[str, Any] = FORM | {"config__phrase": "auf Wiedersehen", "try": "1"}
    page = olga.post(f"{criterion.get_absolute_url()}edit/", changed).content.decode()
    assert f"Failed: {call.agent.name}" in page
    criterion.refresh_from_db()
    assert criterion.config == {"phrase": "goodbye"}


def test_what_is_wrong_is_said_and_nothing_is_tried(olga: Client, call: Call) -> None:
    answer = olga.post("/criteria/new/", FORM | {"config__phrase": "", "try": "1"})
    assert answer.status_code == 422
    assert "Tried" not in answer.content.decode()


def test_without_calls_there_is_nothing_to_try_it_on(olga: Client) -> None:
    assert "There is no call yet to try it on" in olga.get("/criteria/new/").content.decode()


def test_what_is_tried_waits_for_its_condition(olga: Client, call: Call) -> None:
    other = Criterion.objects.create(name="Sings", kind="phrase", config={"phrase": "la la la"})
    page = olga.post("/criteria/new/", FORM | {"try": "1", "condition": other.pk}).content.decode()
    assert f"Not tested: {call.agent.name}" in page
    assert "Applies only where “Sings” is pass; it is fail." in page


def test_the_page_of_a_criterion_says_the_rule_and_when_it_applies(olga: Client) -> None:
    other = Criterion.objects.create(name="Sings", kind="phrase", config={"phrase": "la la la"})
    config = {"figure": "reply_time", "part": "p95", "limit": 900.0, "unit": "ms"}
    criterion = Criterion.objects.create(name="Fast", kind="metric", config=config, weight=2.5, condition=other)
    page = " ".join(olga.get(criterion.get_absolute_url()).content.decode().split())
    assert ">The 95th percentile of reply times is at most 0.9 s.</p>" in page
    assert "<dt>Limit</dt><dd>900</dd>" in page
    assert "<dt>Weight</dt><dd>2.5</dd>" in page
    assert "Sings</a> is pass" in page
    assert "<dt>Must be said</dt><dd>Yes</dd>" in olga.get(other.get_absolute_url()).content.decode()


def test_a_criterion_that_this_version_does_not_know_is_shown_as_it_is(olga: Client) -> None:
    criterion = Criterion.objects.create(name="Reads minds", kind="telepathy", config={"depth": 3})
    assert "<dt>depth</dt><dd>3</dd>" in olga.get(criterion.get_absolute_url()).content.decode()
