"""The page of one call in Chromium: hearing it, finding one's way in it, and watching it happen."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints, Site

pytestmark = pytest.mark.browser


def time_of(page: Page) -> float:
    value: float = page.evaluate("document.getElementById('audio').currentTime")
    return value


def test_a_click_on_a_word_seeks_the_recording(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.locator("#turn-10").hover()  # its words become elements of their own
    page.locator("#turn-10 [data-t]", has_text="Confirmed").click()
    expect(page.locator(".slider")).to_have_attribute("aria-valuetext", re.compile(r"0:4\d of 0:59, agent speaking"))
    assert 47 < time_of(page) < 50


def test_the_end_of_a_long_recording_can_be_reached_at_once(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/?t=55.6")
    expect(page.locator("#now")).to_have_text("0:55.6")
    assert time_of(page) == pytest.approx(55.6, abs=0.2)


def test_next_finding_walks_through_the_findings_in_time(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    for number in ("2", "3", "1"):
        page.keyboard.press("e")
        # First of all: it goes away by itself.
        expect(page.locator("#toast")).to_have_text(f"Finding {number} of 3")
        expect(page.locator(".pin.on")).to_have_attribute("data-ev", number)
    expect(page).to_have_url(re.compile(r"t=48\.6#crit-1$"))


def test_arrow_keys_step_by_turns_and_on_the_slider_by_seconds(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#now")).to_have_text("0:00.9")
    page.locator(".slider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#now")).to_have_text("0:01.9")


def test_find_hides_the_turns_without_the_text(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.keyboard.press("/")
    page.keyboard.type("parking")
    expect(page.locator("#turns > .turnrow:visible")).to_have_count(1)
    page.locator("#find").fill("no such words")
    expect(page.locator("#find-none")).to_be_visible()


def test_help_opens_with_a_question_mark_and_go_to_with_control_k(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("Criteria")
    expect(page.locator("#goto-list a").first).to_contain_text("Criteria")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/criteria/$"))


def test_the_theme_is_kept_from_page_to_page(signed_in: Callable[..., Page], site: Site) -> None:
    page = signed_in("/calls/")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.goto(f"{site.url}/agents/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_call_can_be_watched_until_its_verdicts(
    site: Site, signed_in: Callable[..., Page], complaints: Complaints
) -> None:
    public_id = site.run("from tests.factories import *\ncall = live_call()\nadd_turns(call, 1)\nprint(call.public_id)")
    page = signed_in(f"/calls/{public_id.strip()}/")
    expect(page.locator("#turns > .turnrow")).to_have_count(1)
    with page.expect_event("websocket"):
        page.reload()
    site.run(
        f"""
import asyncio
from uuid import UUID
from calls import broadcast
from tests.factories import *
public_id = UUID("{public_id.strip()}")
call = Call.objects.get(public_id=public_id)
turn = Turn.objects.create(call=call, index=1, side="caller", text="I would like a table.", start_ms=6000, end_ms=8000)
turn = Turn.objects.select_related("call").get(pk=turn.pk)
async def happen():
    await broadcast.turn_changed(turn)
    await broadcast.turn_changed(turn)
    await broadcast.speaking_changed(public_id, "agent", True)
    await broadcast.partial_changed(public_id, "agent", 2, "For how many", 9000)
    await broadcast._live[public_id].flush
asyncio.run(happen())
"""
    )
    expect(page.locator("#turns > .turnrow")).to_have_count(3)
    expect(page.locator("#turn-1")).to_contain_text("I would like a table.")
    expect(page.locator("#turn-2.partial")).to_contain_text("For how many")
    expect(page.locator("#speaking-agent")).to_contain_text("speaking")
    site.run(
        f"""
from django.utils import timezone
from calls import broadcast
from tests.factories import *
call = Call.objects.get(public_id="{public_id.strip()}")
call.turns.all().delete()
turns = add_turns(call)
record(call)
call.status, call.ended_at, call.ending = "completed", timezone.now(), "caller-hung-up"
call.save()
broadcast.call_changed_sync(call)
evaluation = score(call, turns)
from evaluations.notifications import evaluation_changed
evaluation_changed(evaluation)
"""
    )
    expect(page.locator("#call-head .verdict")).to_have_text("Failed")
    expect(page.locator(".stat")).to_have_count(6)
    expect(page.locator(".crits > li")).to_have_count(7)
    expect(page.locator(".pin")).to_have_count(3)
    page.locator(".ts").first.click()
    expect(page.locator("body.playing")).to_be_attached()
    assert complaints.found == []


def test_a_new_call_appears_in_the_open_list(site: Site, signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/")
    rows = page.locator("#rows > .row")
    expect(page.locator("html[data-ready]")).to_be_attached()
    before = rows.count()
    key = site.run(
        "from tests.factories import *\nfrom calls import broadcast\ncall = make_call()\n"
        "broadcast.call_changed_sync(call)\nbroadcast.call_changed_sync(call)\nprint(call.pk)"
    ).strip()
    expect(rows).to_have_count(before + 1)
    expect(rows.first).to_have_id(f"call-{key}")
    expect(rows.first).to_contain_text("Ringing")


def test_pages_links_and_forms_work_without_javascript(site: Site, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 900}) as context:
        page = context.new_page()
        page.goto(site.url)
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("a long password")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Open navigation").click()
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Calls").click()
        expect(page.get_by_role("heading", name="Calls")).to_be_visible()
        page.goto(site.path("/calls/{call}/"))
        expect(page.locator("#turns > .turnrow")).to_have_count(13)
