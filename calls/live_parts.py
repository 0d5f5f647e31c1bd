"""The parts of a live call's page, each as HTML that replaces its older self by id."""

from dataclasses import dataclass
from uuid import UUID

from django.template.loader import render_to_string

from calls.heading import heading
from calls.live_peaks import pieces_html, pieces_of
from calls.models import Call, Turn
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
    turns = [shown_turn(turn, caller) for turn in Turn.objects.filter(call=call).order_by("index")]
    return render_to_string("calls/_turns.html", {"turns": turns, "oob": True})


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
