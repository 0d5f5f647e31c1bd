"""The head of a call's page: what a waiting call waits for, and who answered."""

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from calls.badges import answered_by_words
from calls.models import Call
from calls.states import Side, Status
from tests.factories import live_call, make_call

pytestmark = pytest.mark.django_db


def page_of(call: Call) -> str:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client.get(f"/calls/{call.public_id}/").content.decode()


def waiting() -> Call:
    call = make_call(status=Status.QUEUED)
    call.legs.create(side=Side.AGENT, is_outbound=True, is_primary=True)
    return call


def test_a_call_in_the_queue_says_what_it_waits_for() -> None:
    with override_settings(CALLS_PER_SECOND=1.0):
        assert "1 a second (KLIX_CALLS_PER_SECOND)" in page_of(waiting())
    assert "waits in the queue" not in page_of_other(live_call())


def page_of_other(call: Call) -> str:
    client = Client()
    client.force_login(User.objects.get())
    return client.get(f"/calls/{call.public_id}/").content.decode()


def test_a_call_that_waits_for_a_line_says_so() -> None:
    live = live_call()
    Call.objects.filter(pk=live.pk).update(dial_claimed_at=live.created_at)
    with override_settings(LINES=1):
        assert "all 1 lines are busy (KLIX_LINES)" in page_of(waiting())


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("human", "answered by a person"),
        ("machine_start", "answered by a machine"),
        ("machine_end_beep", "answered by a machine (voicemail)"),
        ("fax", "answered by a fax"),
        ("unknown", "answered, not known by whom"),
        ("", ""),
    ],
)
def test_who_answered_is_said_in_words(told: str, words: str) -> None:
    assert answered_by_words(told) == words
    if words:
        assert words in page_of(live_call(answered_by=told))
