"""The parts of a live call's page, each as HTML that replaces its older self by id."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.template.loader import render_to_string

from calls.functions import Function, called_on
from calls.heading import heading
from calls.live_peaks import pieces_html, pieces_of
from calls.models import Call, CallEvent, Turn
from calls.notices import notices_of
from calls.transcript import ShownTurn, caller_name, shown_turn


def turn_html(turn: ShownTurn) -> str:
    return render_to_string("calls/_turn.html", {"turn": turn, "oob": True})


def no_turn_html(index: int) -> str:
    return f'<li id="turn-{index}" hx-swap-oob="delete"></li>'


def speaking_html(side: str, caller: str, is_speaking: bool) -> str:
    name = caller if side == "caller" else "Agent"
    return render_to_string(
        "calls/_speaking.html", {"side": side, "name": name, "is_speaking": is_speaking, "oob": True}
    )


def head_html(public_id: UUID) -> str:
    """Read afresh: whoever announces a change may hold an older copy."""
    call = Call.objects.select_related("agent", "agent_version", "persona", "scenario").get(public_id=public_id)
    return render_to_string("calls/_head.html", {"head": heading(call), "oob": True})


def turns_html(public_id: UUID) -> str:
    call = Call.objects.select_related("persona").get(public_id=public_id)
    caller = caller_name(call)
    turns = list(Turn.objects.filter(call=call).order_by("index"))
    items: list[tuple[ShownTurn | Function, float]] = [(shown_turn(turn, caller), turn.index) for turn in turns]
    items += [(each, order_of(each, turns)) for each in called_on(call) if each.is_shown]
    return render_to_string("calls/_turns.html", {"items": sorted(items, key=lambda item: item[1]), "oob": True})


def order_of(function: Function, turns: Iterable[Turn]) -> float:
    """Its place among the turns, which stand at their indexes: after those that had begun."""
    return max((turn.index for turn in turns if turn.start_ms <= function.at_ms), default=-1) + 0.5


def function_html(call: Call, note: CallEvent) -> str:
    """Of the function that this note is about; "" where it is not shown."""
    called = [each for each in called_on(call) if each.call == str(note.data.get("call")) and each.is_shown]
    if not called:
        return ""
    order = order_of(called[-1], Turn.objects.filter(call=call))
    return render_to_string("calls/_function.html", {"function": called[-1], "order": order, "oob": True})


def notice_html(failed: CallEvent) -> str:
    (notice,) = notices_of([failed.data])
    return render_to_string("calls/_notice.html", {"notice": notice, "oob": True})


def news_html() -> str:
    """An element that makes the page fetch all its parts once."""
    return render_to_string("calls/_news.html", {"has_news": True, "oob": True})


@dataclass(frozen=True, slots=True)
class Snapshot:
    html: str
    is_live: bool


def snapshot(public_id: UUID, seen: str) -> Snapshot:
    """What a page that shows version `seen` of this call lacks: for a live call its parts as they stand, for a
    finished one the news that there is more, or nothing. Raises Call.DoesNotExist."""
    call = Call.objects.get(public_id=public_id)
    if call.is_live:
        return Snapshot(head_html(public_id) + turns_html(public_id) + pieces_html(pieces_of(public_id)), True)
    return Snapshot("" if heading(call).version == seen else news_html(), False)


def caller_of(public_id: UUID) -> str:
    """Raises Call.DoesNotExist."""
    return caller_name(Call.objects.select_related("persona").get(public_id=public_id))
