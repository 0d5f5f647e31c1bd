"""Old recordings and transcripts are deleted, and nothing else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.models import Call, CallEvent, Recording
from evaluations.models import Measurement, Verdict
from klix_site import retention
from klix_site.celery import app
from klix_site.models import CreateRequest
from klix_site.retention import delete_old_words, forget_old_keys
from tests.factories import finished_call

pytestmark = pytest.mark.django_db


@pytest.fixture
def old() -> Call:
    call = finished_call()
    then = timezone.now() - timedelta(days=31)
    Call.objects.filter(pk=call.pk).update(ended_at=then, concluded_at=then)
    CallEvent.objects.create(call=call, name="LineSpoken", data={"text": "I am Dana."})
    return call


def test_what_was_said_and_recorded_goes_and_the_figures_stay(old: Call, settings: Any) -> None:
    settings.RETENTION_DAYS = 30
    path = Path(site.RECORDINGS_DIR) / Recording.objects.get(call=old).file
    assert path.exists()
    measured = Measurement.objects.filter(evaluation__call=old).count()
    assert delete_old_words() == 1
    assert not path.exists()
    assert (old.turns.count(), Recording.objects.get(call=old).state) == (0, "empty")
    assert CallEvent.objects.get(call=old, name="LineSpoken").data == {}
    assert Measurement.objects.filter(evaluation__call=old).count() == measured
    verdicts = list(Verdict.objects.filter(evaluation__call=old))
    assert [verdict.reason for verdict in verdicts] == [""] * 7
    assert not any(item["quote"] for verdict in verdicts for item in verdict.evidence)
    assert "deleted after 30 days" in Call.objects.get(pk=old.pk).notice


def test_a_second_night_finds_nothing_more(old: Call, settings: Any) -> None:
    settings.RETENTION_DAYS = 30
    assert (delete_old_words(), delete_old_words()) == (1, 0)


def test_younger_calls_are_kept(old: Call, settings: Any) -> None:
    settings.RETENTION_DAYS = 40
    assert delete_old_words() == 0
    assert old.turns.count() == 13


def test_without_a_number_of_days_everything_is_kept(old: Call) -> None:
    assert delete_old_words() == 0
    assert old.turns.count() == 13


def test_a_missing_file_does_not_stop_the_night(old: Call, settings: Any) -> None:
    settings.RETENTION_DAYS = 30
    (Path(site.RECORDINGS_DIR) / Recording.objects.get(call=old).file).unlink()
    assert delete_old_words() == 1


def test_many_calls_take_as_many_queries_as_few_and_are_cleared_in_batches(old: Call, settings: Any) -> None:
    settings.RETENTION_DAYS = 30

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            delete_old_words()
        return len(seen)

    alone = queries()
    for _ in range(3):
        Call.objects.filter(pk=finished_call().pk).update(ended_at=old.created_at - timedelta(days=31))
    Call.objects.update(concluded_at=timezone.now())
    assert queries() <= alone
    assert Call.objects.filter(forgotten_at=None).count() == 0
    assert Call.objects.filter(turns__isnull=False).count() == 0


def test_more_calls_than_a_batch_are_all_cleared(old: Call, settings: Any, monkeypatch: Any) -> None:
    settings.RETENTION_DAYS = 30
    monkeypatch.setattr(retention, "BATCH", 1)
    then = timezone.now() - timedelta(days=31)
    Call.objects.filter(pk=finished_call().pk).update(ended_at=then, concluded_at=then)
    assert delete_old_words() == 2


def test_keys_of_creates_are_forgotten_after_a_day_and_may_be_used_again() -> None:
    ada = User.objects.create_user("ada")
    keys = [CreateRequest.objects.create(user=ada, key=key, fingerprint="f", status=201) for key in ("old", "young")]
    CreateRequest.objects.filter(pk=keys[0].pk).update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    CreateRequest.objects.filter(pk=keys[1].pk).update(created_at=timezone.now() - timedelta(hours=23))
    assert (forget_old_keys(), forget_old_keys()) == (1, 0)
    assert list(CreateRequest.objects.values_list("key", flat=True)) == ["young"]
    assert CreateRequest.objects.create(user=ada, key="old", fingerprint="other").pk


def test_keys_are_forgotten_by_the_beat() -> None:
    (entry,) = (each for each in site.CELERY_BEAT_SCHEDULE.values() if each["task"] == forget_old_keys.name)
    assert forget_old_keys.name in app.tasks
    assert entry["schedule"].remaining_estimate(timezone.now()) <= timedelta(hours=1)
