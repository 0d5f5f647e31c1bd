"""Every page in Chromium: no accessibility violation, no complaint of the browser, nothing wider than the window."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints, Site

pytestmark = pytest.mark.browser

PAGES = {
    "overview": "/",
    "calls": "/calls/",
    "runs": "/runs/",
    "live run": "/runs/{run}/",
    "finished run": "/runs/{new}/",
    "new run": "/runs/new/",
    "compare": "/runs/compare/?old={old}&new={new}",
    "trends": "/trends/?period=all",
    "settings": "/settings/",
    "place a call": "/calls/new/",
    "finished call": "/calls/{call}/",
    "live call": "/calls/{live}/",
    "call being scored": "/calls/{scored}/",
    "agents": "/agents/",
    "agent": "/agents/{agent}/",
    "edit agent": "/agents/{agent}/edit/",
    "personas": "/personas/",
    "persona": "/personas/{persona}/",
    "scenarios": "/scenarios/",
    "scenario": "/scenarios/{scenario}/",
    "edit scenario": "/scenarios/{scenario}/edit/",
    "criteria": "/criteria/",
    "criterion": "/criteria/{criterion}/",
    "new criterion": "/criteria/new/",
    "style guide": "/style-guide/",
    "password": "/password/",
}
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


LOOKS = [("light", 1440), ("dark", 1440), ("dark", 390), ("light", 390)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violation_and_no_complaint_in_any_look(
    name: str, signed_in: Callable[..., Page], complaints: Complaints
) -> None:
    page = signed_in(PAGES[name], reduced_motion="reduce")
    expect(page.locator("html[data-ready]")).to_be_attached()
    for scheme, width in LOOKS:
        check(page, scheme, width)
    assert complaints.found == []


def check(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    results = Axe().run(page, options=WCAG)
    assert results.violations_count == 0, f"{scheme}, {width} px: {results.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_sign_in_page_has_no_violation(site: Site, browser: Browser, complaints: Complaints) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        complaints.watch(page)
        page.goto(f"{site.url}/sign-in/")
        for scheme, width in LOOKS:
            check(page, scheme, width)
    assert complaints.found == []


@pytest.mark.parametrize("width", [320, 768, 1024, 1920])
def test_the_call_page_fits_every_window(width: int, signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
