"""Every page in Chromium: no accessibility violation, no complaint of the browser, nothing wider than the window,
and no more than its budget on the wire."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
    "compared call": "/calls/{call}/compare/",
    "save as scenario": "/calls/{call}/turns/11/scenario/",
    "talk": "/talk/",
    "import a recording": "/calls/import/",
    "import YAML": "/definitions/import/",
    "new agent": "/agents/new/",
    "new persona": "/personas/new/",
    "edit persona": "/personas/{persona}/edit/",
    "new scenario": "/scenarios/new/",
    "edit criterion": "/criteria/{criterion}/edit/",
    "tokens": "/settings/tokens/",
    "audit log": "/settings/audit/",
    "password changed": "/password/done/",
    "labels": "/criteria/{criterion}/labels/",
    "providers": "/providers/help/",
    "suites": "/runs/suites/",
    "new suite": "/runs/suites/new/",
    "schedules": "/runs/schedules/",
    "new schedule": "/runs/schedules/new/",
    "alerts": "/runs/alerts/",
    "new alert": "/runs/alerts/new/",
    "drafts": "/agents/{agent}/drafts/",
    "API reference": "/api/v1/reference/",
}
# Forms and the like, of parts that other pages show: half of the looks.
BRIEFLY = frozenset(list(PAGES)[list(PAGES).index("compared call") :])
LIMITS = {"Script": 35_000, "Stylesheet": 12_000, "Document": 50_000}
REQUESTS = 10
# What passes is not told: to hand it over takes as long as to find out.
TOLD = {"resultTypes": ["violations"]}
WCAG: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], **TOLD}
# The dark look has the light one's structure and other colours.
COLOURS: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}, **TOLD}
LOOKS = [("light", 1440, WCAG), ("dark", 1440, COLOURS), ("light", 390, WCAG), ("dark", 390, COLOURS)]
FEW_LOOKS = [("light", 1440, WCAG), ("dark", 390, WCAG)]


@dataclass
class Wire:
    """Requests by id with their kind, and the bytes that came for each, as Chromium counts them: headers too."""

    kinds: dict[str, str] = field(default_factory=dict)
    bytes_of: dict[str, int] = field(default_factory=dict)

    def watch(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)

    def _asked(self, event: dict[str, Any]) -> None:
        self.kinds[event["requestId"]] = event["type"]

    def _came(self, event: dict[str, Any]) -> None:
        self.bytes_of[event["requestId"]] = int(event["encodedDataLength"])

    def total(self, kind: str) -> int:
        return sum(size for request, size in self.bytes_of.items() if self.kinds.get(request) == kind)

    @property
    def before_audio(self) -> list[str]:
        return [kind for kind in self.kinds.values() if kind not in ("Media", "WebSocket")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violation_and_no_complaint_in_any_look_and_keeps_its_budget(
    name: str, signed_in: Callable[..., Page], complaints: Complaints
) -> None:
    wire = Wire()
    page = signed_in(PAGES[name], reduced_motion="reduce", watch=wire.watch)
    expect(page.locator("html[data-ready]")).to_be_attached()
    for scheme, width, rules in FEW_LOOKS if name in BRIEFLY else LOOKS:
        check(page, scheme, width, rules)
    assert complaints.found == []
    assert len(wire.before_audio) <= REQUESTS, wire.kinds
    for kind, most in LIMITS.items():
        assert wire.total(kind) <= most, f"{kind}: {wire.total(kind)} bytes"
    assert wire.total("Document") > 0


def check(page: Page, scheme: str, width: int, rules: dict[str, Any]) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    results = Axe().run(page, options=rules)
    assert results.violations_count == 0, f"{scheme}, {width} px: {results.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_sign_in_page_has_no_violation(site: Site, browser: Browser, complaints: Complaints) -> None:
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        complaints.watch(page)
        page.goto(f"{site.url}/sign-in/")
        for scheme, width, rules in LOOKS:
            check(page, scheme, width, rules)
    assert complaints.found == []


@pytest.mark.parametrize("width", [320, 768, 1024, 1920])
def test_the_call_page_fits_every_window(width: int, signed_in: Callable[..., Page]) -> None:
    page = signed_in("/calls/{call}/", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
