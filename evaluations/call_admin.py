"""Calls in the admin: what happened is history, read here; scoring again and hanging up can be asked for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html

from agents.exporting import csv_line
from calls import services
from calls.models import Call, CallEvent, Leg, Recording, Turn
from evaluations.history import History
from evaluations.rescoring import score_again

if TYPE_CHECKING:  # the classes take no parameters at run time
    CallBase = admin.ModelAdmin[Call]
    TurnBase = admin.ModelAdmin[Turn]
    EventBase = admin.ModelAdmin[CallEvent]
    RecordingBase = admin.ModelAdmin[Recording]
    LegTable = admin.TabularInline[Leg, Call]
    TurnTable = admin.TabularInline[Turn, Call]
    CappedBase = Paginator[Any]
else:
    CallBase = TurnBase = EventBase = RecordingBase = admin.ModelAdmin
    LegTable = TurnTable = admin.TabularInline
    CappedBase = Paginator

MAX_COUNTED: Final = 10_000
EXPORTED: Final = ("public_id", "created_at", "agent", "status", "ending", "direction", "answered_at", "ended_at")


class CappedPaginator(CappedBase):
    """Counts no further than MAX_COUNTED: counting a million rows takes longer than showing a page of them."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:MAX_COUNTED].count())


class LegInline(History, LegTable):
    model = Leg
    fields = ("side", "is_primary", "is_outbound", "call_sid", "status", "stream_started_at", "stream_ended_at")
    extra = 0


class TurnInline(History, TurnTable):
    model = Turn
    fields = ("index", "side", "text", "heard", "translation", "start_ms", "end_ms")
    extra = 0


@admin.register(Call)
class CallAdmin(History, CallBase):
    list_display = ("__str__", "page", "status", "ending", "direction", "persona", "scenario", "created_at", "ended_at")
    list_filter = ("status", "ending", "direction", "agent", "created_at")
    search_fields = ("public_id", "agent__name", "legs__call_sid")
    list_select_related = ("agent", "persona", "scenario")
    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    inlines = (LegInline, TurnInline)
    actions = ("score", "hang_up", "export_csv")

    @admin.display(description="page")
    def page(self, call: Call) -> str:
        return format_html('<a href="{}">open</a>', call.get_absolute_url())

    @admin.action(description="Score the selected calls again")
    def score(self, request: HttpRequest, queryset: QuerySet[Call]) -> None:
        asked = [score_again(call) for call in queryset]
        begun = sum(evaluation is not None for evaluation in asked)
        self.message_user(request, f"Being scored: {begun}. Without a conversation: {len(asked) - begun}.")

    @admin.action(description="Hang up the selected calls")
    def hang_up(self, request: HttpRequest, queryset: QuerySet[Call]) -> None:
        live = [call for call in queryset if call.is_live]
        for call in live:
            try:
                services.hang_up(call)
            except (services.CallRefused, services.TelephonyFailed) as failed:
                self.message_user(request, f"{call}: {failed.message}", messages.ERROR)
        self.message_user(request, f"Asked to end: {len(live)}. Were over: {len(queryset) - len(live)}.")

    @admin.action(description="Export the selected calls as CSV")
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Call]) -> HttpResponse:
        return csv_download("calls", EXPORTED, queryset)


def csv_download(name: str, fields: tuple[str, ...], rows: Iterable[Any]) -> HttpResponse:
    lines = [csv_line(fields), *(csv_line([getattr(row, field) for field in fields]) for row in rows)]
    response = HttpResponse("\ufeff" + "".join(lines), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="klix-{name}.csv"'
    return response


@admin.register(Turn)
class TurnAdmin(History, TurnBase):
    list_display = ("call", "index", "side", "text", "start_ms", "end_ms")
    list_filter = ("side", "is_final", "language")
    search_fields = ("=public_id", "=call__public_id")
    list_select_related = ("call__agent",)
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ("-id",)


@admin.register(CallEvent)
class CallEventAdmin(History, EventBase):
    list_display = ("call", "name", "side", "at_ms", "created_at")
    search_fields = ("=call__public_id", "=name")
    list_select_related = ("call__agent",)
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ("-id",)


@admin.register(Recording)
class RecordingAdmin(History, RecordingBase):
    list_display = ("call", "state", "duration_ms", "channels", "sample_rate_hz", "created_at")
    list_filter = ("state",)
    search_fields = ("=public_id", "=call__public_id")
    list_select_related = ("call__agent",)
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ("-id",)
