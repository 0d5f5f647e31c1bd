from pathlib import Path

import pytest
from django.conf import LazySettings

from evaluations import tasks


@pytest.fixture
def recordings(settings: LazySettings, tmp_path: Path) -> Path:
    """Where this test's recordings lie."""
    settings.RECORDINGS_DIR = tmp_path
    return tmp_path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The evaluations that are sent to the task queue, instead of being sent."""
    found: list[int] = []
    monkeypatch.setattr(tasks.evaluate_call, "apply_async", lambda args, **_: found.extend(args))
    return found
