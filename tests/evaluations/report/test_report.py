from typing import Any

import pytest

from calls.models import Call
from calls.selectors import call_for_page
from evaluations.models import Measurement
from evaluations.report import timeline as draw
from evaluations.report.figures import Figure, Measured, figures
from evaluations.report.page import CallReport, Gap, call_report, first_sentence
from tests.factories import finished_call, live_call, make_call


@pytest.fixture
def report(db: None) -> CallReport:
    return call_report(call_for_page(finished_call().public_id))


def test_failed_criteria_are_the_findings_in_order(report: CallReport) -> None:
    assert [(found.number, found.title, found.start_ms) for found in report.findings] == [
        (1, "Confirms the corrected party size", 48600),
        (2, "Replies within 2.0 s", 25020),
        (3, "Stops within 0.5 s when interrupted", 34480),
    ]
    assert report.findings[0].line == "Booked for four, caller asked for five"


def test_six_numbers_are_shown(report: CallReport) -> None:
    assert [(figure.label, figure.value, figure.tone) for figure in report.figures] == [
        ("Criteria passed", "3", "bad"),
        ("Median reply", "1.26", "bad"),
        ("Slowest reply", "3.12", "bad"),
        ("First word", "0.90", ""),
        ("Overlap", "1.38", "bad"),
        ("Talk share", "66", ""),
    ]


@pytest.mark.parametrize(
    ("agent", "caller", "told"),
    [
        (0, 0, "No interruption"),
        (0, 1, "Caller interrupted once"),
        (2, 1, "Agent interrupted twice"),
        (3, 0, "Agent interrupted 3 times"),
    ],
)
def test_who_interrupted_is_told_beside_the_overlap(agent: int, caller: int, told: str) -> None:
    measured = {"agent_interruptions": agent, "caller_interruptions": caller, "talk_over": 10}
    shown = figures([], {name: Measured(name, float(value)) for name, value in measured.items()})
    assert [figure.sub for figure in shown if figure.label == "Overlap"] == [told]


def test_the_transcript_holds_findings_between_and_within_turns(report: CallReport) -> None:
    gaps = [place for place, item in enumerate(report.transcript) if isinstance(item, Gap)]
    assert gaps == [6, 8]
    turns = [item for item in report.transcript if not isinstance(item, Gap)]
    assert [turn.index for turn in turns if turn.is_bad] == [10]
    assert [piece.mark.kind for turn in turns for piece in turn.pieces if piece.mark] == ["ref", "bad"]
    assert [turn.reply_ms for turn in turns if turn.reply_ms] == [900, 1100, 940, 3120, 1420, 1750, 1050]


def test_the_reply_bar_sits_on_the_silence_that_it_measures(report: CallReport) -> None:
    assert report.timeline
    blocks = {block.index: float(block.x[:-1]) for block in report.timeline.blocks}
    slow = next(bar for bar in report.timeline.bars if bar.is_bad)
    assert float(slow.x[:-1]) + float(slow.width[:-1]) == pytest.approx(blocks[6], abs=0.01)


def test_both_channels_are_drawn_and_stay_light(report: CallReport) -> None:
    assert report.timeline
    assert [wave.side for wave in report.timeline.waves] == ["caller", "agent"]
    assert all(len(wave.path) < 15_000 for wave in report.timeline.waves)


@pytest.mark.django_db
def test_a_live_call_has_no_timeline_and_an_unanswered_one_no_words() -> None:
    live = call_report(call_for_page(live_call().public_id))
    assert live.timeline is None
    silent = call_report(call_for_page(make_call(status="no-answer", error_message="It rang for 30 s.").public_id))
    assert silent.heading.cause == "Nobody picked up. It rang for 30 s."
    assert (silent.figures, silent.findings, silent.transcript, silent.timeline) == ([], [], [], None)


@pytest.mark.django_db
def test_a_call_without_a_recording_is_drawn_from_its_turns() -> None:
    report = call_report(call_for_page(finished_call(recorded=False).public_id))
    assert report.timeline
    assert (report.timeline.waves, report.recording) == ([], None)


def test_a_figure_without_a_value_says_why() -> None:
    shown = figures([], {"first_word": Measured("first_word", None, "The agent never spoke.")})
    assert [(figure.value, figure.sub) for figure in shown][:4] == [
        ("–", "No criterion applies"),
        ("–", "Not measured"),
        ("–", "Not measured"),
        ("–", "The agent never spoke."),
    ]


def test_an_outline_comes_back_to_where_it_began() -> None:
    wave = draw.wave("caller", [0, 0.5, 1, 0.5, 0], 5)
    assert wave.path == "M1 50l1 -23l1 -23l1 23l1 23l-1 23l-1 23l-1 -23l-1 -23z"


def test_silence_is_not_drawn() -> None:
    assert draw.wave("agent", [0.0] * 100, 100).path == ""


@pytest.mark.parametrize("duration_ms", [1, 900, 59_140, 600_000, 1_800_000, 7_200_000])
def test_there_are_never_too_many_ticks(duration_ms: int) -> None:
    assert 1 <= len(draw.ticks(draw.Axis(duration_ms))) <= 16


def test_the_first_sentence_does_not_end_within_a_number() -> None:
    assert first_sentence("The p95 is 2.3 s, over 2.0 s. One reply of six.") == "The p95 is 2.3 s, over 2.0 s"


def test_a_figure_is_rounded_as_the_lists_round_it() -> None:
    measured = {"reply_time": Measured("reply_time", 1.085, n=5, parts={"p50": 1.085})}
    (median,) = [figure for figure in figures([], measured) if figure.label == "Median reply"]
    assert median.value == "1.09"


def median_reply(call: Call) -> Figure:
    (found,) = [each for each in call_report(call_for_page(call.public_id)).figures if each.label == "Median reply"]
    return found


@pytest.mark.django_db
def test_the_median_reply_is_told_against_the_last_call_of_its_scenario_and_persona() -> None:
    first = finished_call(recorded=False)
    Measurement.objects.filter(metric="reply_time").update(value=1.4)
    same: dict[str, Any] = {"agent": first.agent, "scenario": first.scenario}
    finished_call(recorded=False, **same)  # another persona's
    told = median_reply(finished_call(recorded=False, persona=first.persona, **same))
    assert told.change == pytest.approx(1.26 - 1.4)
    assert (told.change_size, told.since) == ("0.14", first.created_at)
    assert median_reply(first).since is None
