"""Lists of the admin over millions of rows: nothing that reads them all is asked. A search finds by key: the ids of
rows, of calls, and exact names; a part of a name is looked up among the few agents only."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from agents.models import Agent
from calls.models import Call
from evaluations.history import History

if TYPE_CHECKING:  # the classes take no parameters at run time
    CappedBase = Paginator[Any]
    LongBase = admin.ModelAdmin[Any]
else:
    CappedBase, LongBase = Paginator, admin.ModelAdmin

MAX_COUNTED: Final = 10_000


class CappedPaginator(CappedBase):
    """Counts no further than MAX_COUNTED: counting a million rows takes longer than showing a page of them."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_COUNTED].count())

    @property
    def is_capped(self) -> bool:
        """The page says "or more"."""
        return self.count >= MAX_COUNTED


class LongList(History, LongBase):
    """`call` and `agent`: the paths to them; "" where a row has none. `exact`: lookups of whole values, indexed."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    # What is searched is told by the three below; Django shows a field for the search where this is not empty.
    search_fields = ("public_id",)
    call: ClassVar[str] = ""
    agent: ClassVar[str] = ""
    exact: ClassVar[tuple[str, ...]] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip().replace("\x00", "")
        return (queryset.filter(self._found(text)) if text else queryset), False

    def _found(self, text: str) -> Q:
        try:
            return self._of_id(UUID(text))
        except ValueError:
            found = Q(pk__in=[])
        for lookup in self.exact:
            found |= self.equals(lookup, text)
        if self.agent and (known := list(Agent.objects.filter(name__icontains=text).values_list("pk", flat=True))):
            found |= Q(**{f"{self.agent}__in": known})
        return found

    def _of_id(self, public_id: UUID) -> Q:
        # One or the other: with an "or" the database would read the whole table.
        if self.call and (known := list(Call.objects.filter(public_id=public_id).values_list("pk", flat=True))):
            return Q(**{f"{self.call}__in": known})
        has_id = any(field.name == "public_id" for field in self.model._meta.fields)
        return Q(public_id=public_id) if has_id else Q(pk__in=[])

    def equals(self, lookup: str, text: str) -> Q:
        """By key where the lookup leads to another table."""
        relation, _, rest = lookup.rpartition("__")
        if not relation:
            return Q(**{lookup: text})
        other: type[Model] = self.model._meta.get_field(relation).related_model
        return Q(
            **{f"{relation}__in": list(other._default_manager.filter(**{rest: text}).values_list("pk", flat=True))}
        )


def words(name: str, title_of: str, values: Callable[[], Iterable[str]]) -> type[admin.SimpleListFilter]:
    """A filter by known values: Django's own would look for the different ones among all rows."""

    class Words(admin.SimpleListFilter):
        title = title_of
        parameter_name = name

        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            return [(value, value) for value in values()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{name: self.value()}) if self.value() else queryset

    return Words
