"""Redis is away: what needs the database alone is done at once, what needs the queue is kept and done later."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.provider_checks import Finding
from calls.models import Call, Leg
from calls.services import StatusReport, follow
from calls.states import Side, Status
from evaluations.models import Evaluation
from klix_site import settings_page
from klix_site.models import ProviderCheck
from klix_site.tasks import sweep_requests
from klix_site.tokens import make_token
from tests.factories import finished_call
from tests.klix_site.exchange import running_exchange
from tests.people import admin, operator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_gone")]
ORDER = {"name": "Reminder", "prompt": "Remind of tomorrow at nine.", "phone_number": "+14155550123"}


@pytest.fixture
def person() -> Client:
    client = Client()
    client.force_login(admin())
    return client


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token('tests', operator())}"}


def test_a_call_is_placed(settings: Any) -> None:
    with running_exchange() as exchange:
        settings.TWILIO_API_BASE_URL = exchange.url
        answer = Client().post("/call", ORDER, content_type="application/json", headers=bearer())
    assert (answer.status_code, exchange.dialled) == (201, ["+14155550123"])


def test_the_api_answers() -> None:
    call = finished_call()
    headers = bearer()
    for path in ("", f"{call.public_id}/"):
        assert Client().get(f"/api/v1/calls/{path}", headers=headers).status_code == 200
    assert Client().get("/api/v1/schema", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/calls/", "/agents/", "/settings/", "/api/v1/reference/"])
def test_the_pages_open(person: Client, path: str) -> None:
    finished_call()
    assert person.get(path).status_code == 200


def test_a_call_ends_and_its_evaluation_waits_in_the_database(
    django_capture_on_commit_callbacks: Any,
) -> None:
    call = finished_call(scored=False)
    Call.objects.filter(pk=call.pk).update(status=Status.IN_PROGRESS, concluded_at=None, ended_at=None)
    leg = Leg.objects.filter(call=call, is_outbound=True).first() or Leg.objects.create(
        call=call, side=Side.CALLER, is_outbound=True, call_sid=f"CA{call.pk:032x}"
    )
    with django_capture_on_commit_callbacks(execute=True):
        follow(leg, StatusReport(Status.COMPLETED))
    call.refresh_from_db()
    assert call.concluded_at is not None
    assert Evaluation.objects.get(call=call).state == Evaluation.State.QUEUED


def test_a_check_of_the_models_is_kept_and_made_once_the_queue_is_back(
    person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[None] = []
    monkeypatch.setattr(settings_page, "check_all", lambda prices: [Finding("ears", "openai", "whisper", took_ms=12.5)])
    assert person.post("/settings/models/").status_code == 302
    assert ProviderCheck.objects.get().asked_at is not None
    monkeypatch.setattr(settings_page.check_providers_now, "delay", lambda: sent.append(None))
    sweep_requests()
    assert len(sent) == 1
    for _ in range(2):  # the task may come twice
        settings_page.check_providers_now()
    kept = ProviderCheck.objects.get()
    assert kept.asked_at is None
    assert kept.checked_at is not None
    assert kept.checked_at <= timezone.now()
    sweep_requests()
    assert len(sent) == 1
    assert "whisper" in person.get("/settings/").content.decode()
