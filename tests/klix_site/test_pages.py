"""Every page through Django: reachable, for those who are signed in, in few queries, without inline code."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from calls.models import Call
from evaluations.labelling import label_verdict
from evaluations.models import Criterion, Verdict
from evaluations.runs.starting import set_baseline
from tests.factories import add_turns, finished_call, live_call, make_call
from tests.people import operator
from tests.run_factories import finished_runs, live_run

pytestmark = pytest.mark.django_db
MAX_QUERIES = 12
PAGES = (
    "/",
    "/calls/",
    "/runs/",
    "/runs/new/",
    "/runs/{run}/",
    "/runs/{run}/?show=queued&q=dana",
    "/runs/compare/?old={old}&new={new}",
    "/trends/",
    "/settings/",
    "/calls/?show=failed",
    "/calls/?show=passed",
    "/calls/?show=errors&q=dana",
    "/calls/new/",
    "/calls/{call}/",
    "/calls/{call}/parts/",
    "/calls/{live}/",
    "/calls/{call}/turns/11/scenario/",
    "/calls/{silent}/",
    "/agents/",
    "/agents/new/",
    "/agents/{agent}/",
    "/agents/{agent}/edit/",
    "/personas/",
    "/personas/new/",
    "/personas/{persona}/",
    "/personas/{persona}/edit/",
    "/scenarios/",
    "/scenarios/new/",
    "/scenarios/{scenario}/",
    "/scenarios/{scenario}/edit/",
    "/criteria/",
    "/criteria/new/",
    "/criteria/new/?kind=judge",
    "/criteria/{criterion}/",
    "/criteria/{criterion}/edit/",
    "/goto/?q=dana",
    "/password/",
    "/style-guide/",
)


@pytest.fixture
def ids() -> dict[str, Any]:
    call, live = finished_call(), live_call()
    add_turns(live, 3)
    silent = make_call(status="no-answer")
    assert call.persona
    assert call.scenario
    old, new = finished_runs(2)
    return {
        "run": live_run().public_id,
        "old": old.public_id,
        "new": new.public_id,
        "call": call.public_id,
        "live": live.public_id,
        "silent": silent.public_id,
        "agent": call.agent.public_id,
        "persona": call.persona.public_id,
        "scenario": call.scenario.public_id,
        "criterion": Criterion.objects.earliest("pk").public_id,
    }


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.mark.parametrize("pattern", PAGES)
def test_a_page_is_shown_in_few_queries_and_without_inline_code(
    pattern: str, ids: dict[str, Any], staff: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(MAX_QUERIES):
        response = staff.get(pattern.format(**ids))
    html = response.content.decode()
    assert response.status_code == 200
    assert not re.search(r"""\sstyle=|<style|\son[a-z]+=["']|<script(?![^>]*\ssrc=)""", html)
    assert "None" not in re.sub(r"<[^>]*>", "", html)


RUN_PAGES = ("/runs/{new}/", "/runs/{new}/?q=a", "/runs/{new}/?show=failed&q=a", "/runs/compare/?old={old}&new={new}")


@pytest.fixture
def many_rows() -> dict[str, Any]:
    """Two runs of several calls whose verdicts are a judge's and a rule's, some labelled, and a baseline."""
    old, new = finished_runs(2)
    ann = User.objects.create_user("ann")
    judged = [verdict.pk for verdict in Verdict.objects.order_by("pk") if verdict.pk % 2]
    Verdict.objects.filter(pk__in=judged).update(kind="judge", decided_by="judge a:b")
    for pk in judged[:3]:
        label_verdict(Verdict.objects.get(pk=pk), ann)
    for name in ("main", "release"):
        set_baseline(old, name)
    return {"old": old.public_id, "new": new.public_id}


@pytest.mark.parametrize("pattern", RUN_PAGES)
def test_a_run_with_judged_and_labelled_calls_is_shown_in_few_queries_to_an_operator(
    pattern: str, many_rows: dict[str, Any], client: Client, django_assert_max_num_queries: Any
) -> None:
    client.force_login(operator("omar"))
    with django_assert_max_num_queries(MAX_QUERIES):
        response = client.get(pattern.format(**many_rows))
    html = response.content.decode()
    assert response.status_code == 200
    assert "of 20 labels" in html
    assert "compare" in pattern or html.count("Compare with") == 3


@pytest.mark.parametrize("pattern", PAGES)
def test_a_page_is_only_for_those_who_are_signed_in(pattern: str, ids: dict[str, Any], client: Client) -> None:
    response = client.get(pattern.format(**ids))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in/?next=")


def test_twenty_more_calls_cost_the_list_no_more_queries(staff: Client, django_assert_num_queries: Any) -> None:
    finished_call(recorded=False)
    staff.get("/calls/")
    with django_assert_num_queries(8):
        staff.get("/calls/")
    for _ in range(20):
        finished_call(recorded=False)
    with django_assert_num_queries(8):
        response = staff.get("/calls/")
    assert response.content.count(b'class="row fail"') == 21


@pytest.mark.django_db
def test_the_sidebar_of_an_open_call_follows_what_is_live(staff: Client) -> None:
    call = live_call()
    assert "1 call is live" in staff.get(call.get_absolute_url()).content.decode()
    Call.objects.filter(pk=call.pk).update(status="completed", ending="caller-hung-up")
    parts = staff.get(f"{call.get_absolute_url()}parts/").content.decode()
    assert '<div id="live-now" hx-swap-oob="true"></div>' in parts


@pytest.mark.django_db
def test_the_style_guide_is_for_staff(client: Client) -> None:
    client.force_login(operator("bob"))
    response = client.get("/style-guide/")
    assert response.status_code == 403
    assert b"You may not see or do this" in response.content


def test_what_is_not_there_is_said_in_the_pages_look(staff: Client) -> None:
    response = staff.get("/nowhere/")
    assert response.status_code == 404
    assert b"There is nothing at this address" in response.content
    assert b"klix/klix.css" in response.content


def test_a_page_that_breaks_says_so(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("klix_site.views.standing", broken)
    staff.raise_request_exception = False
    response = staff.get("/")
    assert response.status_code == 500
    assert b"This page failed on our side" in response.content


def test_the_first_visit_shows_the_three_steps(staff: Client) -> None:
    html = staff.get("/").content.decode()
    assert not Call.objects.exists()
    assert "To a first call in three steps" in html
    assert "Make an agent" in html


def test_signing_in_leads_to_the_overview_and_out_again(client: Client) -> None:
    User.objects.create_user("ada", password="a long password")
    response = client.post("/sign-in/", {"username": "ada", "password": "a long password"})
    assert response.headers["Location"] == "/"
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_go_to_finds_agents_by_a_part_of_their_name(staff: Client, ids: dict[str, Any]) -> None:
    html = staff.get("/goto/?q=lucia").content.decode()
    assert f"/agents/{ids['agent']}/" in html
    assert "Nothing is named" in staff.get("/goto/?q=zzz").content.decode()


def test_what_was_said_on_a_call_is_shown_as_text(staff: Client) -> None:
    call = live_call()
    call.turns.create(index=0, side="caller", text="<script>alert(1)</script>", start_ms=0, end_ms=900)
    html = staff.get(f"/calls/{call.public_id}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html


def test_a_phone_number_is_shown_with_its_middle_hidden(staff: Client, ids: dict[str, Any]) -> None:
    html = staff.get(f"/calls/{ids['call']}/").content.decode()
    assert "+390255504417" not in html
    assert "4417" in html


def test_the_page_of_a_long_call_stays_light_on_the_wire(staff: Client) -> None:
    call = finished_call()
    text = "There is a public garage on Mill Street, two minutes away from here."
    for index in range(13, 200):
        call.turns.create(
            index=index,
            side="agent" if index % 2 else "caller",
            text=text,
            start_ms=index * 8000,
            end_ms=index * 8000 + 6000,
        )
    response = staff.get(f"/calls/{call.public_id}/", headers={"accept-encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(response.content) < 50_000
