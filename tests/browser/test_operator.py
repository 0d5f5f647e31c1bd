"""The operator's panel in Chromium, on the page of a call that goes on through the sandbox exchange."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Locator, Page, expect

from tests.browser.conftest import Complaints, Site

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
MICROPHONE = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
# The agent talks for half a minute; the persona says nothing.
CALL = """
from agents.services import create_agent
from tests.factories import *
from calls.services import place_call
from agents.models import Agent
agent = Agent.objects.filter(name="Operated").first() or create_agent(
    "Operated", phone_number="+15550100777", brain="scripted", brain_options={"greeting": "We have a long menu. " * 25},
    ears="scripted", ears_options={}, voice="scripted:tone",
)
persona = Persona.objects.filter(name="Quiet").first() or Persona.objects.create(
    name="Quiet", phone_number="+15550100778", brain="scripted", ears="scripted", voice="scripted:tone"
)
print(place_call(agent_version=agent.current_version, persona=persona).get_absolute_url())
"""
ANSWERS_AND_STAYS = "+15550100900"


@pytest.fixture
def operating(
    exchange: Site, browser_type: BrowserType, browser_type_launch_args: dict[str, Any], complaints: Complaints
) -> Iterator[Callable[[], Page]]:
    """Opens the page of a new call, once both sides are on the line, in a Chromium with a microphone that beeps."""
    open_browsers: list[Browser] = []

    def visit() -> Page:
        arguments = [*browser_type_launch_args["args"], *MICROPHONE]
        browser = browser_type.launch(**{**browser_type_launch_args, "args": arguments})
        open_browsers.append(browser)
        context = browser.new_context(permissions=["microphone"])
        context.add_cookies([{"name": "sessionid", "value": exchange.session, "url": exchange.url}])
        page = context.new_page()
        complaints.watch(page)
        page.goto(exchange.url + exchange.run(CALL).strip())
        expect(page.locator("#turns > .turnrow").first).to_be_visible(timeout=PATIENCE_MS)
        return page

    yield visit
    for browser in open_browsers:
        browser.close()


def panel_of(page: Page) -> Locator:
    return page.get_by_role("region", name="On this call")


def test_an_operator_listens_types_a_line_and_takes_the_call_over(
    operating: Callable[[], Page], complaints: Complaints
) -> None:
    page = operating()
    panel = panel_of(page)
    panel.get_by_role("button", name="Listen").click()
    expect(panel.get_by_role("status")).to_have_text("You hear both sides.", timeout=PATIENCE_MS)
    # More than 20 frames of 20 ms came out of the loudspeaker.
    expect(page.locator("#operator")).to_have_attribute(
        "data-played", re.compile(r"[2-9]\d|\d{3}"), timeout=PATIENCE_MS
    )
    panel.get_by_role("button", name="Stop listening").click()
    expect(panel.locator("[data-line-state]")).to_have_text("You no longer listen.")

    panel.get_by_label("Line for the agent to say").fill("We close at six.")
    panel.get_by_role("button", name="Say", exact=True).click()
    expect(panel).to_contain_text("It is being said.", timeout=PATIENCE_MS)
    expect(panel.get_by_label("Line for the agent to say")).to_have_value("")
    expect(page.locator("#turns > .turnrow.agent", has_text="We close at six.")).to_have_count(1, timeout=PATIENCE_MS)
    expect(page.locator("#call-head")).to_contain_text("An operator typed words for Klix to say.")

    # Who listens need not stop first.
    panel.get_by_role("button", name="Listen").click()
    expect(panel.locator("[data-line-state]")).to_have_text("You hear both sides.", timeout=PATIENCE_MS)
    panel.get_by_role("button", name="Take over here").click()
    expect(panel.locator("[data-line-state]")).to_have_text("You are on the line. Speak.", timeout=PATIENCE_MS)
    expect(page.locator("#call-head")).to_contain_text("A person took over", timeout=PATIENCE_MS)
    panel.get_by_role("button", name="Hang up").click()
    expect(page.locator("#call-head .verdict")).not_to_have_class(re.compile("live"), timeout=PATIENCE_MS)
    expect(panel).to_be_hidden()
    assert complaints.found == []


def test_an_operator_connects_a_call_to_a_telephone_and_hangs_up(
    operating: Callable[[], Page], complaints: Complaints
) -> None:
    page = operating()
    panel = panel_of(page)
    number = panel.get_by_label("Take over on a telephone")
    number.fill("0555 123")
    panel.get_by_role("button", name="Connect").click()
    expect(panel).to_contain_text("Write the number with + and country code", timeout=PATIENCE_MS)
    expect(number).to_have_value("0555123")
    number.fill(ANSWERS_AND_STAYS)
    panel.get_by_role("button", name="Connect").click()
    expect(page.locator("#call-head")).to_contain_text("A person took over", timeout=PATIENCE_MS)
    page.locator("#call-head").get_by_role("button", name="Hang up").click()
    expect(page.locator("#call-head .verdict")).not_to_have_class(re.compile("live"), timeout=PATIENCE_MS)
    expect(panel).to_be_hidden()
    assert complaints.found == []
