"""The head of a call's page: what a waiting call waits for, and who answered."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from calls.badges import answered_by_words
from calls.heading import heading
from calls.models import Call
from calls.states import Ending, Side, Status
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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"preset": "bad mobile"}, "bad mobile"),
        (
            {"caller": [{"condition": "noise", "scene": "babble"}], "agent": [{"condition": "delay"}], "seed": 7},
            "noise, delay",
        ),
    ],
)
def test_the_line_of_a_call_is_said(line: dict[str, Any], words: str) -> None:
    assert words in page_of(live_call(scenario_snapshot={"line": line}))


def test_a_reason_to_hang_up_is_no_error() -> None:
    call = make_call(status=Status.COMPLETED, ending=Ending.CALLER_HUNG_UP, error_message="order placed")
    head = heading(call)
    assert (head.ending, head.cause) == ("caller hung up (order placed)", "")
    broken = make_call(status=Status.COMPLETED, ending=Ending.PROVIDER_FAILED, error_message="No text within 8 s.")
    assert heading(broken).cause == "No text within 8 s."


@pytest.mark.parametrize(
    ("policy", "answered_by", "words"),
    [
        ("message", "machine_end_beep", "message after the tone: “Call us back.”"),
        ("hang_up", "machine_end_beep", "no message was left"),
        ("message", "fax", "no message was left"),
    ],
)
def test_what_a_machine_was_told_is_said(policy: str, answered_by: str, words: str) -> None:
    kept = {"on_voicemail": policy, "voicemail_message": "Call us back."}
    call = make_call(status=Status.COMPLETED, ending=Ending.VOICEMAIL, answered_by=answered_by, scenario_snapshot=kept)
    assert words in page_of(call)
