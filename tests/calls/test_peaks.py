import pytest

from calls.models import Recording
from calls.peaks import COLUMN_MS, peaks_of
from tests.factories import DIALOGUE, DURATION_MS, finished_call, make_call

pytestmark = pytest.mark.django_db


def test_the_outline_is_loud_where_a_side_speaks_and_still_elsewhere() -> None:
    peaks = peaks_of(finished_call(scored=False).recording)
    assert peaks
    assert peaks.duration_ms == pytest.approx(DURATION_MS, abs=1)
    speaking = [range(start // COLUMN_MS, end // COLUMN_MS + 1) for side, start, end, _ in DIALOGUE if side == "caller"]
    for column, level in enumerate(peaks.caller):
        if not any(column in stretch for stretch in speaking):
            assert level == 0
    assert all(max(peaks.caller[stretch.start : stretch.stop]) > 0.1 for stretch in speaking)
    assert max(peaks.agent) == 1


def test_a_recording_that_is_not_ready_has_no_outline() -> None:
    assert peaks_of(Recording(call=make_call(), state=Recording.State.OPEN, file="x.ulaw2")) is None
    assert peaks_of(Recording(call=make_call(), state=Recording.State.READY, file="gone.wav")) is None
