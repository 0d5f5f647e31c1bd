"""The page of a call of half an hour with 400 turns. What would make it slow is counted, not timed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_accessibility import Wire

pytestmark = pytest.mark.browser
MOST_ELEMENTS = 12_000
MOST_COLUMNS = 3_000


@pytest.fixture
def address(site: Site) -> str:
    return "/calls/" + site.run("from tests.long_calls import long_call\nprint(long_call().public_id)").strip() + "/"


def test_a_call_of_half_an_hour_stays_light_and_every_part_of_it_can_be_reached(
    address: str, signed_in: Callable[..., Page]
) -> None:
    wire = Wire()
    page = signed_in(address, watch=wire.watch)
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    assert wire.total("Document") <= 50_000
    assert page.locator("*").count() <= MOST_ELEMENTS
    columns = page.locator(".tl .wave").evaluate_all("waves => waves.map(w => w.viewBox.baseVal.width)")
    assert sum(columns) <= MOST_COLUMNS
    assert page.locator("#turns [data-t]").count() == 0, "words become elements where somebody points"

    page.locator("#turn-399").scroll_into_view_if_needed()
    page.locator("#turn-399 .bubble").hover()
    page.locator("#turn-399 [data-t]", has_text="Friday").click()
    expect(page.locator(".slider")).to_have_attribute("aria-valuetext", "29:59 of 30:00, caller speaking")
    page.keyboard.press("z")
    assert page.locator(".lanes").evaluate("lanes => lanes.clientWidth") == 12 * 1800
    page.keyboard.press("Home")
    expect(page.locator("#now")).to_have_text("0:00.0")
    page.keyboard.press("/")
    page.keyboard.type("nowhere to be found")
    expect(page.locator("#find-none")).to_be_visible()


def test_moving_the_playhead_touches_no_more_of_a_long_call_than_of_a_short_one(
    address: str, signed_in: Callable[..., Page]
) -> None:
    """The picture of the whole call stays as it is: the playhead lies in a drawing of its own."""
    page = signed_in(address)
    page.locator("html[data-ready=call]").wait_for(state="attached")
    page.evaluate(
        """() => {
          window.touched = new Set();
          new MutationObserver((changes) => changes.forEach((each) => window.touched.add(each.target))).observe(
            document.querySelector(".lanes"), { subtree: true, attributes: true, childList: true });
        }"""
    )
    for _ in range(20):
        page.keyboard.press("l")
    assert page.evaluate("[...window.touched].filter((each) => each.closest('.tl:not(.over) .wave')).length") == 0
    # The playhead, what was played, the slider's own words, and each of ten seconds' turns lighting up and going out.
    assert page.evaluate("window.touched.size") <= 3 + 2 * 25
