"""Calls in the admin: what happened is history, read here; scoring again and hanging up can be asked for."""

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import format_html

from agents.exporting import csv_line
from calls import services
from calls.models import Call, CallEvent, Leg, Recording, Turn
from calls.states import Side
from evaluations.history import History
from evaluations.long_lists import LongList, words
from evaluations.outcomes import Outcome
from evaluations.rescoring import score_again

if TYPE_CHECKING:  # the classes take no parameters at run time
    LegTable = admin.TabularInline[Leg, Call]
    TurnTable = admin.TabularInline[Turn, Call]
else:
    LegTable = TurnTable = admin.TabularInline

CHUNK: Final = 500
MOST_AT_ONCE: Final = 1000
EXPORTED: Final = ("public_id", "created_at", "agent", "status", "ending", "direction", "answered_at", "ended_at")


class LegInline(History, LegTable):
    model = Leg
    fields = ("side", "is_primary", "is_outbound", "call_sid", "status", "stream_started_at", "stream_ended_at")
    extra = 0


class TurnInline(History, TurnTable):
    model = Turn
    fields = ("index", "side", "text", "heard", "translation", "start_ms", "end_ms")
    extra = 0


@admin.register(Call)
class CallAdmin(LongList):
    list_display = (
        "__str__", "page", "status", "outcome", "ending", "direction", "persona", "scenario", "created_at", "ended_at",
    )  # fmt: skip
    list_filter = ("status", words("outcome", "outcome", lambda: list(Outcome)), "ending", "direction", "agent")
    search_help_text = "A call's id or SID, or a part of its agent's name."
    agent = "agent"
    exact = ("legs__call_sid",)
    list_select_related = ("agent", "persona", "scenario")
    ordering = ("-created_at", "-id")
    inlines = (LegInline, TurnInline)
    actions = ("score", "hang_up", "export_csv")

    @admin.display(description="page")
    def page(self, call: Call) -> str:
        return format_html('<a href="{}">open</a>', call.get_absolute_url())

    @admin.action(description="Score the selected calls again")
    def score(self, request: HttpRequest, queryset: QuerySet[Call]) -> None:
        if self._is_too_much(request, queryset):
            return
        asked = [score_again(call) for call in queryset]
        begun = sum(evaluation is not None for evaluation in asked)
        self.message_user(request, f"Being scored: {begun}. Without a conversation: {len(asked) - begun}.")

    @admin.action(description="Hang up the selected calls")
    def hang_up(self, request: HttpRequest, queryset: QuerySet[Call]) -> None:
        if self._is_too_much(request, queryset):
            return
        live = [call for call in queryset if call.is_live]
        for call in live:
            try:
                services.hang_up(call)
            except (services.CallRefused, services.TelephonyFailed) as failed:
                self.message_user(request, f"{call}: {failed.message}", messages.ERROR)
        self.message_user(request, f"Asked to end: {len(live)}. Were over: {len(queryset) - len(live)}.")

    def _is_too_much(self, request: HttpRequest, queryset: QuerySet[Call]) -> bool:
        """ "Select all" may mean a million calls: more than a request can ask for."""
        is_too_much = queryset[: MOST_AT_ONCE + 1].count() > MOST_AT_ONCE
        if is_too_much:
            told = f"At most {MOST_AT_ONCE} calls at once: choose fewer, by a filter."
            self.message_user(request, told, messages.ERROR)
        return is_too_much

    @admin.action(description="Export the selected calls as CSV")
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Call]) -> StreamingHttpResponse:
        return csv_download("calls", EXPORTED, queryset)


def csv_download(name: str, fields: tuple[str, ...], rows: QuerySet[Any]) -> StreamingHttpResponse:
    """Read as it is sent: "select all" may mean a million rows."""
    found = rows.order_by("pk").iterator(chunk_size=CHUNK)
    lines = chain(["\ufeff" + csv_line(fields)], (csv_line([getattr(row, field) for field in fields]) for row in found))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="klix-{name}.csv"'
    return response


@admin.register(Turn)
class TurnAdmin(LongList):
    list_display = ("call", "index", "side", "text", "start_ms", "end_ms")
    list_filter = ("side",)
    search_help_text = "The id of a turn or of its call."
    call = "call"
    list_select_related = ("call__agent",)


@admin.register(CallEvent)
class CallEventAdmin(LongList):
    list_display = ("call", "name", "side", "at_ms", "created_at")
    list_filter = (words("side", "side", lambda: list(Side)),)
    search_help_text = "The id of a call."
    call = "call"
    list_select_related = ("call__agent",)


@admin.register(Recording)
class RecordingAdmin(LongList):
    list_display = ("call", "state", "duration_ms", "channels", "sample_rate_hz", "created_at")
    list_filter = ("state",)
    search_help_text = "The id of a recording or of its call."
    call = "call"
    list_select_related = ("call__agent",)
