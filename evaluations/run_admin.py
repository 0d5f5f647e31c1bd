"""Suites, runs and what belongs to them in the admin. They are changed on their pages and over the API."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from evaluations.history import History
from evaluations.long_lists import LongList
from evaluations.run_models import Alert, AlertRule, Baseline, Run, RunCase, Schedule, Suite

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:
    AnyAdmin = admin.ModelAdmin


@admin.register(Suite)
class SuiteAdmin(History, AnyAdmin):
    list_display = ("name", "description", "repeats", "updated_at", "archived_at")
    list_filter = (("archived_at", admin.EmptyFieldListFilter), "scenarios")
    search_fields = ("name", "description", "public_id")


@admin.register(Run)
class RunAdmin(History, AnyAdmin):
    list_display = ("__str__", "suite", "agent_version", "state", "created_at")
    list_filter = ("state", "suite", "created_at")
    search_fields = ("public_id", "suite__name", "agent_version__agent__name")
    list_select_related = ("suite", "agent_version__agent")


@admin.register(RunCase)
class RunCaseAdmin(LongList):
    list_display = ("run", "index", "scenario", "persona", "state", "outcome", "call")
    list_filter = ("state", "outcome")
    search_help_text = "The id of a case, of its run or of its call, or the whole name of its scenario."
    call, exact = "call", ("scenario__name",)
    list_select_related = ("run__suite", "run__agent_version__agent", "scenario", "persona", "call__agent")

    def _of_id(self, public_id: UUID) -> Q:
        return super()._of_id(public_id) | self.equals("run__public_id", str(public_id))


@admin.register(Baseline)
class BaselineAdmin(History, AnyAdmin):
    list_display = ("name", "suite", "run", "updated_at")
    list_filter = ("suite",)
    search_fields = ("name", "suite__name")
    list_select_related = ("suite", "run__suite", "run__agent_version__agent")


@admin.register(Schedule)
class ScheduleAdmin(AnyAdmin):
    list_display = ("suite", "agent", "cron", "is_enabled", "next_at", "problem")
    list_filter = ("is_enabled", "suite", "agent")
    search_fields = ("suite__name", "agent__name", "cron")
    list_select_related = ("suite", "agent")
    fields = ("suite", "agent", "cron", "max_cost", "max_minutes", "is_enabled", "next_at", "problem")
    readonly_fields = ("next_at", "problem")

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """The next time is found anew from the fields as they are now."""
        obj.next_at, obj.problem = None, ""
        super().save_model(request, obj, form, change)


@admin.register(AlertRule)
class AlertRuleAdmin(AnyAdmin):
    list_display = ("name", "condition", "threshold", "suite", "agent", "channel", "is_enabled")
    list_filter = ("is_enabled", "condition", "channel")
    search_fields = ("name", "suite__name", "agent__name")
    list_select_related = ("suite", "agent")


@admin.register(Alert)
class AlertAdmin(History, AnyAdmin):
    list_display = ("text", "rule", "run", "state", "attempts", "error", "created_at", "sent_at")
    list_filter = ("state", "rule")
    search_fields = ("text", "rule__name", "error")
    list_select_related = ("rule", "run__suite", "run__agent_version__agent")
