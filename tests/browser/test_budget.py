"""What a page costs on the wire, and that its scripts come as one file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_accessibility import PAGES

pytestmark = pytest.mark.browser
LIMITS = {"Script": 35_000, "Stylesheet": 12_000, "Document": 50_000}
REQUESTS = 10


@dataclass
class Wire:
    """Requests by id with their kind, and the bytes that came for each, as Chromium counts them: headers too."""

    kinds: dict[str, str] = field(default_factory=dict)
    bytes_of: dict[str, int] = field(default_factory=dict)

    def watch(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
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
def test_a_page_keeps_its_budget(name: str, signed_in: Callable[..., Page], site: Site) -> None:
    page, wire = signed_in("/password/"), Wire()
    wire.watch(page)
    page.goto(site.path(PAGES[name]), wait_until="load")
    expect(page.locator("html[data-ready]")).to_be_attached()
    page.wait_for_load_state("networkidle")
    assert len(wire.before_audio) <= REQUESTS, wire.kinds
    for kind, most in LIMITS.items():
        assert 0 < wire.total(kind) <= most, f"{kind}: {wire.total(kind)} bytes"
