"""The admin of access: tokens. They are made on the command line, where they can be shown once and to one person."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from klix_site.models import ApiToken

if TYPE_CHECKING:
    # Generic for the type checker only: Django's class takes no type at run time.
    TokenAdminBase = admin.ModelAdmin[ApiToken]
else:
    TokenAdminBase = admin.ModelAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(TokenAdminBase):
    list_display = ("name", "user", "prefix", "created_at", "expires_at", "last_used_at")
    list_filter = ("user",)
    search_fields = ("name", "user__username", "prefix")
    list_select_related = ("user",)
    fields = ("name", "user", "prefix", "created_at", "expires_at", "last_used_at")
    readonly_fields = ("user", "prefix", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
