"""The admin of access: tokens, the audit log, webhooks. Tokens are made where they can be shown once, to one person."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from evaluations.long_lists import LongList, words
from klix_site.models import ApiToken, AuditEntry, Delivery, Webhook
from klix_site.webhooks import EVENTS

if TYPE_CHECKING:
    # Generic for the type checker only: Django's class takes no type at run time.
    TokenAdminBase = admin.ModelAdmin[ApiToken]
    WebhookAdminBase = admin.ModelAdmin[Webhook]
else:
    TokenAdminBase = WebhookAdminBase = admin.ModelAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(TokenAdminBase):
    list_display = ("name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    list_filter = ("user",)
    search_fields = ("name", "user__username", "prefix")
    list_select_related = ("user",)
    fields = ("name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
    readonly_fields = ("user", "prefix", "scopes", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(LongList):
    list_display = ("at", "actor", "action", "object_type", "object_id", "via", "token_name", "address")
    list_filter = (words("via", "via", lambda: ("page", "api", "admin", "command")),)
    search_help_text = "The whole name of a person, an action or a token, or an object's id."
    exact = ("actor", "action", "object_id", "token_name")
    ordering = ("-at", "-id")
    fields = list_display

    def _of_id(self, public_id: UUID) -> Q:
        return Q(object_id=str(public_id))


@admin.register(Webhook)
class WebhookAdmin(WebhookAdminBase):
    list_display = ("url", "user", "events", "is_active", "created_at")
    list_filter = ("is_active", "user")
    search_fields = ("url", "user__username", "public_id")
    list_select_related = ("user",)
    fields = ("url", "user", "events", "is_active", "public_id", "created_at", "updated_at")
    readonly_fields = ("url", "user", "events", "public_id", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Delivery)
class DeliveryAdmin(LongList):
    list_display = ("created_at", "event", "webhook", "state", "attempts", "response_status", "error", "due_at")
    list_filter = ("state", words("event", "event", lambda: EVENTS), "webhook")
    search_help_text = "The id of a delivery, or the whole address of a webhook."
    exact = ("webhook__url",)
    list_select_related = ("webhook",)
    ordering = ("-created_at", "-id")
