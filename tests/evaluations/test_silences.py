"""What was measured on a silence is shown on the silence."""

from dataclasses import dataclass

from evaluations.report.silences import on_silence


@dataclass
class Said:
    start_ms: int
    end_ms: int


TURNS = [Said(0, 1000), Said(4000, 6000)]


def item(start_ms: int, end_ms: int) -> dict[str, object]:
    return {"turn": "t", "quote": "Yes.", "start_ms": start_ms, "end_ms": end_ms}


def test_evidence_between_two_turns_cites_the_silence() -> None:
    (placed,) = on_silence([item(1000, 4000)], TURNS)
    assert placed == {"turn": None, "quote": "3.00 s of silence", "start_ms": 1000, "end_ms": 4000}


def test_evidence_in_which_somebody_speaks_keeps_its_turn() -> None:
    assert on_silence([item(4200, 5000), item(800, 1100)], TURNS) == [item(4200, 5000), item(800, 1100)]


def test_evidence_without_a_turn_or_without_a_length_is_left_as_it_is() -> None:
    pointlike, unplaced = item(2000, 2000), {"turn": None, "quote": "x", "start_ms": 2000, "end_ms": 3000}
    assert on_silence([pointlike, unplaced], TURNS) == [pointlike, unplaced]
