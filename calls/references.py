"""What is known to have been said, set beside what was heard.

Where Klix plays both parties, each leg knows the words of its own side. The primary leg transcribes the far side; the
other leg's lines are the reference for it, matched by time: both legs' clocks start at their own stream's start.
"""

from calls.models import CallEvent, Leg, Turn

LINE_SPOKEN = "LineSpoken"


def align_references(call_id: int) -> None:
    """Give each transcribed turn the text of the lines that sound during it. Idempotent."""
    legs = {leg.is_primary: leg for leg in Leg.objects.filter(call_id=call_id)}
    primary, other = legs.get(True), legs.get(False)
    if primary is None or other is None or not primary.stream_started_at or not other.stream_started_at:
        return
    offset_ms = round((other.stream_started_at - primary.stream_started_at).total_seconds() * 1000)
    turns = list(Turn.objects.filter(call_id=call_id, side=other.side).order_by("start_ms"))
    if not turns:
        return
    references: dict[int, list[str]] = {}
    for event in CallEvent.objects.filter(call_id=call_id, name=LINE_SPOKEN, side=other.side).order_by("id"):
        start_ms, end_ms = event.data["start_ms"] + offset_ms, event.data["end_ms"] + offset_ms
        turn = max(turns, key=lambda turn: min(turn.end_ms, end_ms) - max(turn.start_ms, start_ms))
        if event.data["heard"]:
            references.setdefault(turn.pk, []).append(event.data["heard"])
    for turn in turns:
        turn.reference = " ".join(references.get(turn.pk, []))
    Turn.objects.bulk_update(turns, ["reference"])
