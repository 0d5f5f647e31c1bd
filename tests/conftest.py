"""What all tests share: the browser, the running product, and the rule that in CI no browser test is skipped."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest

# The same examples on each machine and in each run, and no limit on how long a busy machine takes to make them.
hypothesis.settings.load_profile("ci")
CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TESTS: Final = Path(__file__).parent
IN_CI: Final = os.environ.get("CI", "").lower() in ("1", "true", "yes")
WALK: Final = "test_accessibility"
STOPS: Final = "test_start"
NO_BROWSER: Final = "There is no Chromium here (Debian: apt-get install chromium)."


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Groups before xdist reads them, the order after pytest-django made its own.

    Browser tests come last: Playwright's loop runs until the session ends, and async tests need one of their own.

    Tests on the running product come first: they wait more than they compute. Of these the one that stops it is last.
    """
    for item in items:
        if item.get_closest_marker("browser") and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason=NO_BROWSER))
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    if config.getoption("loadgroup", False) and any(_group(item) and "@" not in item.nodeid for item in items):
        raise pytest.UsageError("xdist does not group the tests: this version of pytest and it do not fit.")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("browser") is not None:
        return 3
    if _room(item) == "flows":
        return 1 if item.path.stem == STOPS else 0
    return 2


def _group(item: pytest.Item) -> str:
    """For `--dist loadgroup`: what shares a running product or a browser stays on one worker.

    The walk through all pages takes as long as all other browser tests together: it gets a browser of its own.
    """
    if item.path.stem == WALK:
        return "walk"
    return _room(item) if _room(item) in ("flows", "browser") else ""


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def pytest_collection_finish() -> None:
    """What all modules made stays: the garbage collector, which some libraries call by hand, need not look again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """With CI=true a browser test that was skipped has failed: nobody would see that it never ran."""
    report = yield
    if IN_CI and report.skipped and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, and in CI a browser test must run. {NO_BROWSER if CHROMIUM is None else ''}"
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium; as root it has no sandbox of its own."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return browser_type_launch_args | {"executable_path": CHROMIUM, "args": arguments}
