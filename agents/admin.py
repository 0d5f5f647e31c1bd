"""Agents, personas and scenarios in the admin. A version is history: it can be read there, not changed."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest

from agents.forms import PersonaForm, ScenarioForm
from agents.models import Agent, AgentVersion, Persona, Scenario

if TYPE_CHECKING:
    AgentModelAdmin = admin.ModelAdmin[Agent]
    VersionModelAdmin = admin.ModelAdmin[AgentVersion]
    PersonaModelAdmin = admin.ModelAdmin[Persona]
    ScenarioModelAdmin = admin.ModelAdmin[Scenario]
    VersionTabular = admin.TabularInline[AgentVersion, Agent]
else:  # Django's own classes take no parameter
    AgentModelAdmin = VersionModelAdmin = PersonaModelAdmin = ScenarioModelAdmin = admin.ModelAdmin
    VersionTabular = admin.TabularInline

VERSION_FIELDS = (
    "number", "prompt", "brain", "brain_options", "ears", "ears_options", "voice", "voice_options", "language",
    "created_at",
)  # fmt: skip


class ArchivedFilter(admin.SimpleListFilter):
    title = "archived"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Active"), ("yes", "Archived")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(archived_at__isnull=self.value() == "no") if self.value() else queryset


class ReadOnly:
    """Neither added, changed nor deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class VersionInline(ReadOnly, VersionTabular):
    model = AgentVersion
    fields = ("number", "brain", "voice", "ears", "language", "created_at")
    readonly_fields = fields
    ordering = ("-number",)
    extra = 0
    show_change_link = True


@admin.register(Agent)
class AgentAdmin(AgentModelAdmin):
    list_display = ("name", "kind", "phone_number", "version_count", "updated_at", "archived_at")
    list_filter = ("kind", "address_kind", ArchivedFilter)
    search_fields = ("name", "description", "phone_number", "address", "public_id")
    readonly_fields = ("public_id", "created_at", "updated_at")
    inlines = (VersionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        return super().get_queryset(request).annotate(version_count=Count("versions"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An agent is archived: its versions are what calls were judged on."""
        return False

    @admin.display(description="Versions", ordering="version_count")
    def version_count(self, agent: Agent) -> int:
        return int(getattr(agent, "version_count", 0))


@admin.register(AgentVersion)
class AgentVersionAdmin(ReadOnly, VersionModelAdmin):
    list_display = ("agent", "number", "brain", "voice", "ears", "language", "created_at")
    list_display_links = ("agent", "number")
    list_filter = ("brain", "language", "agent")
    list_select_related = ("agent",)
    search_fields = ("agent__name", "prompt", "public_id")
    date_hierarchy = "created_at"
    fields = ("agent", "public_id", *VERSION_FIELDS)


@admin.register(Persona)
class PersonaAdmin(PersonaModelAdmin):
    form = PersonaForm
    fields = (*PersonaForm.Meta.fields, "archived_at", "public_id", "created_at", "updated_at")
    list_display = ("name", "phone_number", "brain", "voice", "language", "updated_at", "archived_at")
    list_filter = ("brain", "language", ArchivedFilter)
    search_fields = ("name", "description", "manner", "phone_number", "public_id")
    readonly_fields = ("public_id", "created_at", "updated_at")


@admin.register(Scenario)
class ScenarioAdmin(ScenarioModelAdmin):
    form = ScenarioForm
    fields = (*ScenarioForm.Meta.fields, "archived_at", "public_id", "created_at", "updated_at")
    list_display = ("name", "persona", "updated_at", "archived_at")
    list_filter = ("persona", ArchivedFilter)
    list_select_related = ("persona",)
    search_fields = ("name", "goal", "outcome", "public_id")
    readonly_fields = ("public_id", "created_at", "updated_at")
