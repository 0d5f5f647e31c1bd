"""Reading the queue: which calls wait to be dialled, and for what."""

from django.conf import settings
from django.db.models import QuerySet

from calls.models import Call
from calls.states import LIVE, Status


def waiting_calls() -> "QuerySet[Call]":
    """Oldest first."""
    waiting = Call.objects.filter(status=Status.QUEUED, direction=Call.Direction.OUTBOUND, dial_claimed_at=None)
    return waiting.filter(legs__is_outbound=True).order_by("id")


def is_waiting(call: Call) -> bool:
    if call.status != Status.QUEUED or call.dial_claimed_at is not None:
        return False  # asks nothing
    return waiting_calls().filter(pk=call.pk).exists()


def waiting_reason(call: Call) -> str:
    """For a person: what a waiting call waits for."""
    before = waiting_calls().filter(pk__lt=call.pk).count()
    if settings.LINES and busy_lines() >= settings.LINES:
        cause = f"all {settings.LINES} lines are busy (KLIX_LINES)"
    elif settings.CALLS_PER_SECOND:
        cause = f"calls are dialled at {settings.CALLS_PER_SECOND:g} a second (KLIX_CALLS_PER_SECOND)"
    else:
        cause = "the exchange had no room for it"
    return f"The call waits in the queue with {before} before it: {cause}. It is dialled as soon as it may be."


def limits_words() -> str:
    """For a row of a list, without a query: what keeps calls waiting here."""
    lines, pace = settings.LINES, settings.CALLS_PER_SECOND
    told = [f"{pace:g} a second are dialled" if pace else "", f"at most {lines} at once" if lines else ""]
    return f"Waits in the queue: {', '.join(filter(None, told)) or 'the exchange had no room'}."


def busy_lines() -> int:
    placed = Call.objects.filter(direction=Call.Direction.OUTBOUND, status__in=LIVE)
    return placed.exclude(dial_claimed_at=None).count()
