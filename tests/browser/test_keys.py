"""Keys that every page has, the menus, and the ways from one call to the next."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Site

pytestmark = pytest.mark.browser
PLACES = {"o": "/", "r": "/runs/", "c": "/calls/", "t": "/trends/", "a": "/agents/", "s": "/scenarios/"}


def test_g_and_a_letter_go_to_a_page_and_a_slash_searches(site: Site, signed_in: Callable[..., Page]) -> None:
    page = signed_in("/settings/")
    for letter, path in PLACES.items():
        page.locator("html[data-ready]").wait_for(state="attached")
        page.keyboard.press("g")
        page.keyboard.press(letter)
        expect(page).to_have_url(site.url + path)
    page.locator("html[data-ready]").wait_for(state="attached")
    page.keyboard.press("/")
    expect(page.locator("main [data-search]")).to_be_focused()
    page.keyboard.type("gr?")
    expect(page).to_have_url(site.url + "/scenarios/")
    page.goto(f"{site.url}/settings/")
    page.locator("html[data-ready]").wait_for(state="attached")
    page.keyboard.press("/")
    expect(page.locator("#goto-text")).to_be_focused()


def test_brackets_walk_through_the_calls_of_the_run_it_was_opened_from(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/runs/{new}/")
    page.locator("#rows a").first.click()
    expect(page.locator("#call-pager")).to_contain_text("1 / 4")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.keyboard.press("]")
    expect(page.locator("#call-pager")).to_contain_text("2 / 4")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.keyboard.press("[")
    expect(page.locator("#call-pager")).to_contain_text("1 / 4")
    expect(page.get_by_role("navigation", name="Breadcrumb")).to_contain_text(re.compile(r"Runs.*Weekly.*Call 1", re.S))


def test_every_key_of_the_player_does_what_the_list_of_keys_says(
    signed_in: Callable[..., Page], complaints: Complaints
) -> None:
    page = signed_in("/calls/{call}/", permissions=["clipboard-read", "clipboard-write"])
    page.locator("html[data-ready=call]").wait_for(state="attached")
    now = page.locator("#now")
    for key, shown in (
        ("l", "0:05.0"),
        ("j", "0:00.0"),
        ("PageDown", "0:10.0"),
        ("PageUp", "0:00.0"),
        ("ArrowRight", "0:00.9"),
        ("End", "0:59.1"),
        ("Home", "0:00.0"),
        ("e", "0:24.9"),
        ("Shift+E", "0:48.5"),
    ):
        page.keyboard.press(key)
        expect(now).to_have_text(shown)
    page.keyboard.press("2")
    expect(page.locator('[data-ch="caller"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".wave.agent")).to_have_class(re.compile("dim"))
    page.keyboard.press("1")
    expect(page.locator('[data-ch="both"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(">")
    expect(page.locator("#toast")).to_have_text("Speed 1.25×")
    page.keyboard.press("c")
    expect(page.locator("#toast")).to_have_text("Link to this moment copied")
    assert "t=48.5" in page.evaluate("() => navigator.clipboard.readText()")
    for key in ("k", "Space"):
        page.keyboard.press(key)
        expect(page.locator("body.playing")).to_have_count(1 if key == "k" else 0)
    assert complaints.found == []


def test_a_menu_closes_by_escape_and_by_a_click_elsewhere(signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/")
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.get_by_label("More about this call").click()
    expect(page.get_by_role("link", name="Everything, as a ZIP")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Everything, as a ZIP")).to_be_hidden()
    page.get_by_label("More about this call").click()
    page.locator("h1").click()
    expect(page.get_by_role("link", name="Everything, as a ZIP")).to_be_hidden()
