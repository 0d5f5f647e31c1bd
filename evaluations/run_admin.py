"""Suites, runs and what belongs to them in the admin. They are changed on their pages and over the API."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from evaluations.call_admin import CappedPaginator
from evaluations.history import History
from evaluations.run_models import Alert, AlertRule, Baseline, Run, RunCase, Schedule, Suite

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:
    AnyAdmin = admin.ModelAdmin


@admin.register(Suite)
class SuiteAdmin(History, AnyAdmin):
    list_display = ("name", "description", "repeats")
    search_fields = ("name", "description", "public_id")


@admin.register(Run)
class RunAdmin(History, AnyAdmin):
    list_display = ("__str__", "suite", "agent_version", "state", "created_at")
    list_filter = ("state", "suite", "created_at")
    search_fields = ("public_id", "suite__name", "agent_version__agent__name")
    list_select_related = ("suite", "agent_version__agent")


@admin.register(RunCase)
class RunCaseAdmin(History, AnyAdmin):
    list_display = ("run", "index", "scenario", "persona", "state", "outcome", "call")
    list_filter = ("state", "outcome")
    search_fields = ("=run__public_id", "scenario__name", "=call__public_id")
    list_select_related = ("run__suite", "run__agent_version__agent", "scenario", "persona", "call__agent")
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ("-id",)


for plain in (Baseline, Schedule, AlertRule, Alert):
    admin.site.register(plain, type(f"{plain.__name__}Admin", (History, admin.ModelAdmin), {}))
