"""The admin of access: tokens, the audit log, webhooks. Tokens are made where they can be shown once, to one person."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from klix_site.models import ApiToken, AuditEntry, Delivery, Webhook

if TYPE_CHECKING:
    # Generic for the type checker only: Django's class takes no type at run time.
    TokenAdminBase = admin.ModelAdmin[ApiToken]
    AuditAdminBase = admin.ModelAdmin[AuditEntry]
    WebhookAdminBase = admin.ModelAdmin[Webhook]
    DeliveryAdminBase = admin.ModelAdmin[Delivery]
else:
    TokenAdminBase = AuditAdminBase = WebhookAdminBase = DeliveryAdminBase = admin.ModelAdmin


class ReadOnly:
    """History: neither added, changed nor deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
class AuditEntryAdmin(ReadOnly, AuditAdminBase):
    list_display = ("at", "actor", "action", "object_type", "object_id", "via", "token_name", "address")
    list_filter = ("action", "via", "object_type", "at")
    search_fields = ("actor", "action", "object_id", "token_name")
    date_hierarchy = "at"
    fields = list_display


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
class DeliveryAdmin(ReadOnly, DeliveryAdminBase):
    list_display = ("created_at", "event", "webhook", "state", "attempts", "response_status", "error", "due_at")
    list_filter = ("state", "event", "created_at")
    search_fields = ("public_id", "webhook__url", "error")
    list_select_related = ("webhook",)
    date_hierarchy = "created_at"
