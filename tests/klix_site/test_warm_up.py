"""The speech models are loaded before the first call."""

import gc
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from agents.errors import Misconfigured
from agents.providers.registry import VOICES, Entry
from klix_site.warm_up import ROUNDS, WarmUp


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """Before a test; after it what the whole run froze is frozen again, and the collector's rounds are as they were."""
    rounds = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.set_threshold(*rounds)
    gc.freeze()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise Misconfigured("The weights are missing.")

    VOICES.all()
    monkeypatch.setitem(VOICES._entries, "broken", Entry("broken", "Broken", lambda _: None, fail))


def test_a_process_that_loaded_nothing_is_not_ready() -> None:
    assert WarmUp().state != "ok"


def test_all_models_are_loaded_in_the_background() -> None:
    warm_up = WarmUp()
    warm_up.start()
    warm_up.wait(60)
    assert warm_up.state == "ok"


def test_what_is_loaded_is_left_alone_by_the_garbage_collector() -> None:
    before = gc.get_freeze_count()
    warm_up = WarmUp()
    warm_up.start()
    warm_up.wait(60)
    assert gc.get_freeze_count() > before + 1000
    assert gc.get_threshold() == ROUNDS


def test_a_model_that_nobody_chose_may_fail(broken: None) -> None:
    warm_up = WarmUp()
    warm_up.start()
    warm_up.wait(60)
    assert warm_up.state == "ok"


def test_the_chosen_voice_may_not_fail(broken: None, settings: Settings) -> None:
    settings.DEFAULT_VOICE = "broken:x"
    warm_up = WarmUp()
    warm_up.start()
    warm_up.wait(60)
    assert warm_up.state == "Cannot be loaded: broken; the log says why."
