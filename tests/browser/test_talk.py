"""The browser phone in Chromium with a fake microphone, and without one."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from agents.ports import Audio
from agents.providers.registry import make_voice
from calls.audio import wav
from tests.browser.conftest import Complaints, Site

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
AGENT = """
from tests.factories import *
agent = make_agent("Talker")
AgentVersion.objects.create(
    agent=agent, number=3, brain="scripted", ears="scripted", voice="scripted:tone",
    brain_options={"greeting": "Hello, this is the pizza line.", "replies": ["One pizza is on its way to you."]},
    ears_options={"texts": ["I would like a pizza."]},
)
print(agent.public_id)
"""


async def _spoken() -> Audio:
    pieces = [piece async for piece in make_voice("joe").synthesize("I would like a large pizza with mushrooms.")]
    return Audio(np.concatenate([piece.samples for piece in pieces]), pieces[0].sample_rate_hz)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of silence, a spoken sentence, a minute of silence."""
    spoken: list[Audio] = []
    # Playwright's loop runs in this thread.
    thread = threading.Thread(target=lambda: spoken.append(asyncio.run(_spoken())))
    thread.start()
    thread.join()
    rate_hz = spoken[0].sample_rate_hz
    quiet = np.zeros(rate_hz, np.int16)
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    wav.write(path, np.concatenate([*[quiet] * 4, spoken[0].samples, *[quiet] * 60]), rate_hz)
    return path


@pytest.fixture
def talking(
    site: Site,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    complaints: Complaints,
    speech: Path,
) -> Iterator[Callable[..., Page]]:
    """Opens the Talk page in a Chromium of its own, whose microphone plays the file."""
    open_browsers: list[Browser] = []

    def visit(*arguments: str, **options: Any) -> Page:
        given = [*browser_type_launch_args["args"], *arguments]
        browser = browser_type.launch(**{**browser_type_launch_args, "args": given})
        open_browsers.append(browser)
        context = browser.new_context(**options)
        context.add_cookies([{"name": "sessionid", "value": site.session, "url": site.url}])
        page = context.new_page()
        complaints.watch(page)
        page.goto(f"{site.url}/talk/?agent={site.run(AGENT).strip()}")
        page.locator("html[data-ready=talk]").wait_for(state="attached")
        return page

    yield visit
    for browser in open_browsers:
        browser.close()


def fake_microphone(speech: Path) -> list[str]:
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech}%noloop",
        "--autoplay-policy=no-user-gesture-required",
    ]


def test_what_is_said_arrives_as_a_turn_and_the_answer_is_heard(
    talking: Callable[..., Page], speech: Path, complaints: Complaints
) -> None:
    page = talking(*fake_microphone(speech), permissions=["microphone"])
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#phone-state")).to_have_text("Connected. Speak.", timeout=PATIENCE_MS)
    turns = page.locator("#talk-call #turns > .turnrow")
    expect(turns.filter(has_text="this is the pizza line")).to_have_count(1, timeout=PATIENCE_MS)
    expect(turns.filter(has_text="I would like a pizza.")).to_have_class(re.compile("caller"), timeout=PATIENCE_MS)
    expect(turns.filter(has_text="One pizza is on its way")).to_have_count(1, timeout=PATIENCE_MS)
    expect(page.locator("#reply")).to_have_text(re.compile(r"\d\.\d\d s"), timeout=PATIENCE_MS)
    # 20 ms each, of 1.8 s of greeting and some of the answer.
    assert int(page.locator("#phone").get_attribute("data-played") or 0) > 50
    page.get_by_role("region", name="Browser phone").get_by_role("button", name="Hang up").click()
    expect(page.locator("#phone-state")).to_have_text("The call has ended.")
    expect(page.locator("#talk-call .verdict").first).not_to_have_class(re.compile("live"), timeout=PATIENCE_MS)
    assert complaints.found == []


def test_a_denied_microphone_is_explained(talking: Callable[..., Page], complaints: Complaints) -> None:
    page = talking("--use-fake-device-for-media-stream", "--deny-permission-prompts", permissions=[])
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#phone-error")).to_contain_text("Allow it in the site settings", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_enabled()
    assert complaints.found == []


def test_a_missing_microphone_is_explained(talking: Callable[..., Page]) -> None:
    page = talking("--use-fake-ui-for-media-stream", permissions=["microphone"])
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#phone-error")).to_contain_text("No microphone was found", timeout=PATIENCE_MS)


def test_a_page_without_https_says_that_it_needs_it(talking: Callable[..., Page]) -> None:
    page = talking()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.reload()
    expect(page.locator("#phone-error")).to_contain_text("over HTTPS")
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_disabled()


def test_the_reply_time_is_told_of_whoever_spoke_before_the_greeting_too(talking: Callable[..., Page]) -> None:
    page = talking()
    turns = [("caller", 0.1, 2.0), ("agent", 1.5, 1.9), ("agent", 2.45, 2.45), ("caller partial", 3.0, 3.0)]
    rows = [f'<li class="turnrow {who}" data-start="{start}" data-end="{end}"></li>' for who, start, end in turns]
    page.locator("#talk-call").evaluate("(box, rows) => box.innerHTML = rows", f'<ol id="turns">{"".join(rows)}</ol>')
    page.locator("#talk-call").dispatch_event("klix:news", {"bubbles": True})
    expect(page.locator("#reply")).to_have_text("0.45 s")
