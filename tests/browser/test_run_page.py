"""The page of a run in Chromium: it follows the run, keeps its order under the pointer, and tells the count."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Site

pytestmark = pytest.mark.browser
MAKE = "from tests.run_factories import *\nrun = live_run()\nprint(run.public_id, run.cases.get(index=5).pk)"
SETTLE = """
from tests.run_factories import *
settle(RunCase.objects.get(pk={case}), "pass")
"""


@pytest.fixture
def run(site: Site) -> tuple[str, str]:
    public_id, case = site.run(MAKE).split()
    return public_id, case


def test_a_case_that_is_settled_moves_down_and_is_counted_without_a_reload(
    run: tuple[str, str], site: Site, signed_in: Callable[..., Page], complaints: Complaints
) -> None:
    public_id, case = run
    page = signed_in(f"/runs/{public_id}/")
    page.locator("html[data-ready=run]").wait_for(state="attached")
    expect(page.locator("#rows > .row").first).to_have_id(f"case-{case}")
    expect(page).to_have_title("5 of 12 done, " + page.title().partition(", ")[2])
    page.mouse.move(5, 5)
    site.run(SETTLE.format(case=case))
    expect(page.locator(f"#case-{case} .st")).to_have_text("Passed", timeout=30_000)
    expect(page.locator("#run-progress p")).to_contain_text("6 of 12 done")
    expect(page.locator("#rows > .row").first).not_to_have_id(f"case-{case}")
    expect(page.locator('#run-tabs [data-show="passed"] i')).to_have_text("3")
    assert page.title().startswith("6 of 12 done")
    assert str(page.locator('link[rel="icon"]').get_attribute("href")).startswith("data:image/svg+xml")
    assert complaints.found == []


def test_the_order_is_frozen_while_the_focus_is_in_the_list(
    run: tuple[str, str], site: Site, signed_in: Callable[..., Page]
) -> None:
    public_id, case = run
    page = signed_in(f"/runs/{public_id}/")
    page.locator("html[data-ready=run]").wait_for(state="attached")
    page.mouse.move(5, 5)
    page.locator("#rows a").nth(1).focus()
    site.run(SETTLE.format(case=case))
    expect(page.locator(f"#case-{case} .st")).to_have_text("Passed", timeout=30_000)
    expect(page.locator("#rows > .row").first).to_have_id(f"case-{case}")
    page.locator("main").focus()
    expect(page.locator("#rows > .row").first).not_to_have_id(f"case-{case}")


def test_the_run_can_be_stopped_from_its_page(run: tuple[str, str], signed_in: Callable[..., Page]) -> None:
    page = signed_in(f"/runs/{run[0]}/")
    page.locator("html[data-ready=run]").wait_for(state="attached")
    page.get_by_role("button", name="Stop run").click()
    expect(page.locator("#run-head .verdict")).to_have_text("Stopping")
    expect(page.locator("#run-head")).to_contain_text("Stopped by ada.")


def test_the_estimate_of_a_new_run_follows_the_choice(site: Site, signed_in: Callable[..., Page]) -> None:
    page = signed_in("/runs/new/")
    page.locator("html[data-ready]").wait_for(state="attached")
    page.get_by_label("Suite").select_option(index=1)
    expect(page.locator("#estimate dd").first).not_to_be_empty()
