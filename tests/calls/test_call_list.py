from typing import Any

import pytest
from django.test import Client

from calls import selectors
from calls.models import Call
from calls.selectors import CallFilter
from calls.waiting import waiting_reason
from tests.factories import finished_call, live_call, make_agent, make_call
from tests.people import operator

pytestmark = pytest.mark.django_db


def listed(chosen: CallFilter, after: str = "") -> list[int]:
    return [row.call.pk for row in selectors.call_page(chosen, after).rows]


def test_pages_follow_each_other_without_gap_or_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE_SIZE", 3)
    made = [make_call().pk for _ in range(8)]
    found, after = [], ""
    while True:
        page = selectors.call_page(CallFilter(), after)
        found += [row.call.pk for row in page.rows]
        if not page.older:
            break
        after = page.older
        make_call()  # a new call moves nothing
    assert found == made[::-1]


def test_calls_of_the_same_moment_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE_SIZE", 2)
    made = [make_call() for _ in range(5)]
    Call.objects.update(created_at=made[0].created_at)
    first = selectors.call_page(CallFilter())
    second = selectors.call_page(CallFilter(), first.older)
    assert [row.call.pk for row in [*first.rows, *second.rows]] == [call.pk for call in made[:0:-1]]


@pytest.mark.parametrize("cursor", ["x", "%%%", "bm90IGEgY3Vyc29y", "MjAyNi0xMS0yMlQxMDowMDowMHwx"])
def test_a_cursor_that_is_none_of_ours_is_not_found(cursor: str, client: Client) -> None:
    client.force_login(operator("ada"))
    assert client.get("/calls/", {"after": cursor}).status_code == 404


def test_tabs_choose_by_state_and_by_the_newest_outcome() -> None:
    failed, live, unanswered = finished_call(), live_call(), make_call(status="no-answer")
    scored_again = finished_call()
    scored_again.evaluations.create(number=2, state="done", outcome="pass")
    assert listed(CallFilter("failed")) == [failed.pk]
    assert listed(CallFilter("passed")) == [scored_again.pk]
    assert listed(CallFilter("live")) == [live.pk]
    assert listed(CallFilter("errors")) == [unanswered.pk]


def test_a_row_says_what_a_waiting_call_waits_for(settings: Any) -> None:
    settings.CALLS_PER_SECOND, settings.LINES = 1, 4
    call = make_call(status="queued", answered_at=None, ended_at=None)
    (row,) = selectors.call_page(CallFilter()).rows
    assert row.line == "Waits in the queue: 1 a second are dialled, at most 4 at once."
    settings.CALLS_PER_SECOND = settings.LINES = 0
    assert "the exchange had no room" in selectors.row_of(call).line
    assert "the exchange had no room" in waiting_reason(call)


def test_calls_are_found_by_agent_and_by_a_part_of_a_name() -> None:
    agent = make_agent("Pizza line")
    call, _ = make_call(agent=agent), make_call()
    assert listed(CallFilter(agent=agent.public_id)) == [call.pk]
    assert listed(CallFilter(text="pizza")) == [call.pk]


def test_a_row_tells_what_was_found() -> None:
    row = selectors.row_of(finished_call(recorded=False))
    assert (row.badge.word, row.passed, row.median_s, row.slowest_s) == ("Failed", "3 of 6", 1.26, 3.12)
    assert row.slowest_is_bad
    assert row.dots.count("fail") == 3
    assert row.line.startswith("Confirms the corrected party size")


def test_a_row_of_an_unanswered_call_tells_the_cause() -> None:
    row = selectors.row_of(make_call(status="busy"))
    assert (row.badge.word, row.line) == ("Busy", "The line was busy.")


def test_an_unknown_filter_is_left_out(client: Client) -> None:
    client.force_login(operator("ada"))
    make_call()
    html = client.get("/calls/", {"show": "nonsense", "agent": "nobody"}).content.decode()
    assert html.count('class="row dial"') == 1
