"""The call's page knows where it was opened from, and which calls stand beside it there."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client

from evaluations.call_places import place_of
from evaluations.run_models import RunCase
from tests.factories import finished_call, make_call
from tests.run_factories import live_run

pytestmark = pytest.mark.django_db


def opened(call: Any, query: str = "") -> Any:
    return place_of(call, QueryDict(query))


def test_opened_from_a_run_it_stands_between_the_calls_of_the_run() -> None:
    run = live_run()
    failed = list(RunCase.objects.filter(run=run, outcome="fail").order_by("index").select_related("call"))
    place = opened(failed[0].call, f"run={run.public_id}&show=failed")
    assert (place.number, place.total, place.here) == (1, 2, "Call 1")
    assert place.previous == ""
    assert failed[1].call
    assert place.next == f"/calls/{failed[1].call.public_id}/?run={run.public_id}&show=failed"
    assert place.crumbs[1] == (run.suite_snapshot["name"], f"/runs/{run.public_id}/?show=failed")


def test_a_call_that_left_the_tab_it_was_opened_from_is_placed_among_all_calls_of_the_run() -> None:
    run = live_run()
    passed = RunCase.objects.filter(run=run, outcome="pass").select_related("call").earliest("index")
    place = opened(passed.call, f"run={run.public_id}&show=live")
    assert place.total == 6
    assert place.number == 5


def test_opened_from_a_filtered_list_it_stands_between_the_calls_of_the_filter() -> None:
    first, _, last = finished_call(recorded=False), make_call(status="no-answer"), finished_call(recorded=False)
    place = opened(last, "show=failed")
    assert (place.previous, place.next) == ("", f"/calls/{first.public_id}/?show=failed")


@pytest.mark.parametrize(
    "query", ["", "run=nonsense", "run=6b14eeb5-f20e-457c-ba8f-245718deca9a", "show=odd&agent=%00"]
)
def test_without_a_place_that_holds_it_the_call_stands_in_the_list_of_all_calls(query: str) -> None:
    below, call, above = make_call(), make_call(), make_call()
    place = opened(call, query)
    assert f"/calls/{above.public_id}/" in place.previous
    assert f"/calls/{below.public_id}/" in place.next
    assert place.crumbs[0] == ("Calls", "/calls/") or query.startswith("show")


def test_the_page_names_its_place_and_the_live_head_leaves_it_alone(client: Client) -> None:
    from calls.live_parts import head_html

    client.force_login(User.objects.create_superuser("ada"))
    run = live_run()
    case = RunCase.objects.filter(run=run, state="calling").select_related("call").earliest("index")
    assert case.call
    html = client.get(f"/calls/{case.call.public_id}/?run={run.public_id}").content.decode()
    assert "1 / 6" in html
    assert 'id="call-pager" hx-preserve' in html
    assert " / 6" not in head_html(case.call.public_id)
    listed = client.get(f"/runs/{run.public_id}/?show=live").content.decode()
    assert f"/calls/{case.call.public_id}/?run={run.public_id}&amp;show=live" in listed


def test_the_sidebar_tells_how_far_the_run_is_that_goes_on(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    assert "A run is live" not in client.get("/").content.decode()
    run = live_run()
    html = client.get("/").content.decode()
    assert f'data-run="{run.public_id}"' in html
    assert "<small>5 / 12</small>" in html
