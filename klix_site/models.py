"""Who may use Klix, what they did, and who is told of what happened."""

import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

ALL_SCOPES = "read write call"


class ApiToken(models.Model):
    """A token for the REST API. Only its hash is kept; the token itself is shown once, when it is made."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=100, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    # The first characters, to tell tokens apart in a list.
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    # Names from rights.SCOPES with blanks between.
    scopes = models.CharField(max_length=60, default=ALL_SCOPES, help_text="read, write, call; with blanks between.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def scope_names(self) -> list[str]:
        return self.scopes.split()


class AuditEntry(models.Model):
    """Who did what, to which object, when and from where. Written once, never changed."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="audit_entries"
    )
    # The user's name as it was, also after the user is gone; for a failed sign-in the name that was tried.
    actor = models.CharField(max_length=150, blank=True)
    via = models.CharField(max_length=20, help_text="page, api, admin or command.")
    token_name = models.CharField(max_length=100, blank=True)
    action = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-at", "-id")
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=("-at", "-id")),
            models.Index(fields=("object_type", "object_id")),
        ]

    def __str__(self) -> str:
        return f"{self.actor or 'nobody'}: {self.action}"


class CreateRequest(models.Model):
    """A create that was sent with an Idempotency-Key, and its answer, so that a repeat creates nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    # SHA-256 of method, path and body.
    fingerprint = models.CharField(max_length=64)
    # 0: under way.
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)
    location = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("user", "key"), name="one_create_a_key")]

    def __str__(self) -> str:
        return self.key


class FailedAttempts(models.Model):
    """How often a sign-in failed, by name and address. In the database: to sign in needs nothing else."""

    key = models.CharField(max_length=120, unique=True)
    count = models.PositiveIntegerField(default=0)
    # After this moment it counts as none.
    until = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "failed attempts"

    def __str__(self) -> str:
        return f"{self.count} until {self.until:%H:%M}"


class ProviderCheck(models.Model):
    """One row: when somebody asked that the models be tried, who is at it, and what was found."""

    # Null: nobody waits for an answer.
    asked_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    # The fields of agents.provider_checks.Finding.
    findings = models.JSONField(default=list, encoder=DjangoJSONEncoder)

    def __str__(self) -> str:
        return f"checked {self.checked_at:%Y-%m-%d %H:%M}" if self.checked_at else "not checked yet"


class Webhook(models.Model):
    """An address that is told of events."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    # Names from webhooks.EVENTS.
    events = models.JSONField(default=list)
    # The HMAC key. It has to be readable: each delivery is signed with it.
    secret = models.CharField(max_length=64, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event on its way to one webhook, and the log of how that went."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    payload = models.JSONField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Also the claim: a worker moves it on before it sends, so that nobody else sends at the same time.
    due_at = models.DateTimeField(null=True)
    response_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=("state", "due_at")), models.Index(fields=("webhook", "-created_at", "-id"))]

    def __str__(self) -> str:
        return f"{self.event} {self.state}"
