"""What the API answers fits its OpenAPI document, whatever is sent: schemathesis makes the requests."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agents.services import create_agent
from klix_site.tokens import make_token
from klix_site.webhooks import new_webhook
from tests.factories import finished_call
from tests.klix_site.exchange import running_exchange
from tests.people import operator, viewer

pytestmark = pytest.mark.django_db
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12


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


def ask(operation: Any, headers: dict[str, str], seen: set[tuple[str, int]]) -> None:
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
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=CHECKS, headers=headers)
        seen.add((operation.label, answer.status_code))

    send()


@pytest.mark.parametrize("who", ["stranger", "viewer", "operator"])
def test_no_request_gets_a_server_error_or_an_answer_that_is_not_in_the_document(who: str, things: None) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema?format=json", get_wsgi_application())
    seen = answers(schema, who)
    assert len({label for label, _ in seen}) >= 18
    statuses = {status for label, status in seen if label != "GET /api/v1/schema"}
    if who == "stranger":
        assert statuses <= {401, 404, 405}
    else:
        assert 200 in statuses
    if who == "viewer":
        assert {status for label, status in seen if label == "POST /call"} <= {403, 415}
