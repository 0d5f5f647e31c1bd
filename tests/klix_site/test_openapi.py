"""What the API answers fits its OpenAPI document, whatever is sent: schemathesis makes the requests."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
import yaml
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agents.models import Agent, Persona, Scenario
from agents.services import create_agent
from calls.models import Call
from evaluations.models import Criterion, Evaluation
from evaluations.run_models import AlertRule, Run, Schedule, Suite
from klix_site.models import Webhook
from klix_site.tokens import make_token
from klix_site.webhooks import new_webhook
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.factories import finished_call
from tests.klix_site.exchange import running_exchange
from tests.people import operator, viewer

pytestmark = pytest.mark.django_db
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests end as in Django's own test client: the test's transaction stays open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def things(settings: Any, one_connection: None) -> Iterator[None]:
    """Something to be found by each list, and an exchange that takes calls."""
    cache.clear()
    settings.API_RATE = settings.CALL_RATE = ""
    agent = create_agent("burger_bot", phone_number="+14155550199")
    finished_call(agent=agent)
    finished_run(["pass", "fail"], make_suite(2), make_agent())
    Schedule.objects.create(suite=Suite.objects.get(), agent=agent, cron="0 6 * * 1-5")
    AlertRule.objects.create(name="Smoke fails", condition="pass rate", channel="email", target="team@example.com")
    new_webhook(operator("wim"), "https://example.com/", ["call.ended"])
    with running_exchange() as exchange:
        settings.TWILIO_API_BASE_URL = exchange.url
        yield


def headers_of(who: str) -> dict[str, str]:
    if who == "stranger":
        return {}
    user = {"viewer": viewer, "operator": operator}[who]()
    return {"Authorization": f"Bearer {make_token(who, user)}"}


def answers(schema: Any, who: str) -> set[tuple[str, int]]:
    """Sends every operation EXAMPLES requests; (operation, status) of those that were answered."""
    headers, seen = headers_of(who), set[tuple[str, int]]()
    problems = []
    for found in schema.get_all_operations():
        try:
            ask(found.ok(), headers, seen)
        except BaseExceptionGroup as error:
            problems.append(f"{found.ok().label}: {told(error)}")
    # All of them at once: each is a place where the document and the code differ.
    assert problems == []
    return seen


def told(error: BaseException) -> str:
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "; ".join([*(str(part) for part in parts), *getattr(error, "__notes__", [])])


def known_id(path: str) -> str:
    """Of a thing that a path leads to. Not of a recording: under WSGI, as here, it is streamed with a warning."""
    if path.endswith("/recording"):
        return ""
    models = {
        "agents": Agent,
        "personas": Persona,
        "scenarios": Scenario,
        "criteria": Criterion,
        "suites": Suite,
        "calls": Call,
        "runs": Run,
        "evaluations": Evaluation,
        "webhooks": Webhook,
        "schedules": Schedule,
        "alert-rules": AlertRule,
    }
    model: Any = models.get(path.removeprefix("/api/v1/").partition("/")[0])
    known = model.objects.order_by("pk").first() if model and "{public_id}" in path else None
    return str(known.public_id) if known else ""


def ask(operation: Any, headers: dict[str, str], seen: set[tuple[str, int]]) -> None:
    sent = count(1)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def send(case: Any) -> None:
        # Half of the requests ask for something that is there.
        if (known := known_id(operation.path)) and next(sent) % 2:
            case.path_parameters["public_id"] = known
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=CHECKS, headers=headers)
        seen.add((operation.label, answer.status_code))

    send()


def test_the_document_is_made_without_a_warning_and_is_valid(tmp_path: Path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", file=str(tmp_path / "schema.yml"))
    document = yaml.safe_load((tmp_path / "schema.yml").read_text())
    assert document["openapi"].startswith("3.1")
    bodies = [
        (path, method, content)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]
    # What is posted has an example, so that a reader can begin with it.
    lacking = {(path, method) for path, method, content in bodies if method == "post" and "examples" not in content}
    assert lacking == set()


@pytest.mark.parametrize("who", ["stranger", "viewer", "operator"])
def test_no_request_gets_a_server_error_or_an_answer_that_is_not_in_the_document(who: str, things: None) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema?format=json", get_wsgi_application())
    seen = answers(schema, who)
    assert len({label for label, _ in seen}) >= 45
    statuses = {status for label, status in seen if label != "GET /api/v1/schema"}
    if who == "stranger":
        assert statuses <= {401, 404, 405}
    else:
        assert 200 in statuses
    if who == "viewer":
        assert {status for label, status in seen if label == "POST /call"} <= {403, 415}
