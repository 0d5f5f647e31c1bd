"""One's own tokens and webhooks over the REST API. An administrator's list of webhooks is the admin."""

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from klix_site.api_base import KEY_PARAMETER, KnownFilters, NewestFirst, Strict, create_once
from klix_site.models import ApiToken, Delivery, Webhook
from klix_site.rights import SCOPES
from klix_site.tokens import make_token
from klix_site.webhooks import EVENTS, BadAddress, check_url, new_webhook


# --- Tokens -----------------------------------------------------------------------------------------------------------
class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    id = serializers.UUIDField(source="public_id")
    scopes = serializers.ListField(source="scope_names", child=serializers.CharField())

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")


class MadeTokenSerializer(ApiTokenSerializer):
    """With the token itself, which is told only now."""

    token = serializers.CharField()

    class Meta(ApiTokenSerializer.Meta):
        fields = (*ApiTokenSerializer.Meta.fields, "token")


class NewTokenSerializer(Strict):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(list(SCOPES)), min_length=1, max_length=len(SCOPES))
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate_name(self, name: str) -> str:
        if ApiToken.objects.filter(name=name).exists():
            raise ValidationError("There is a token of this name. Choose another.")
        return name

    def validate_expires_at(self, moment: Any) -> Any:
        if moment is not None and moment <= timezone.now():
            raise ValidationError("This time is past.")
        return moment


@extend_schema_view(get=extend_schema(operation_id="list_tokens"))
class TokenList(ListAPIView[ApiToken]):
    """One's own tokens."""

    serializer_class = ApiTokenSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)

    def get_queryset(self) -> QuerySet[ApiToken]:
        return _own(ApiToken.objects.all(), self.request)

    @extend_schema(
        operation_id="create_token",
        request=NewTokenSerializer,
        responses={201: MadeTokenSerializer},
        examples=[OpenApiExample("For reading", {"name": "dashboard", "scopes": ["read"]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Make a token. A token makes none that may more than itself."""
        asked = NewTokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        if isinstance(request.auth, ApiToken) and (more := set(data["scopes"]) - set(request.auth.scope_names)):
            raise ValidationError({"scopes": [f"This token has not the scope {', '.join(sorted(more))} itself."]})
        token = make_token(data["name"], _user(request), expires_at=data["expires_at"], scopes=data["scopes"])
        row = ApiToken.objects.get(name=data["name"])
        row.token = token  # type: ignore[attr-defined]  # for this one answer
        return Response(MadeTokenSerializer(row).data, status=status.HTTP_201_CREATED)


class TokenDetail(APIView):
    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Revoke a token."""
        get_object_or_404(_own(ApiToken.objects.all(), request), public_id=public_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- Webhooks ---------------------------------------------------------------------------------------------------------
class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    id = serializers.UUIDField(source="public_id")
    events = serializers.ListField(child=serializers.ChoiceField(EVENTS))

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ("id", "url", "events", "is_active", "created_at", "updated_at")


class MadeWebhookSerializer(WebhookSerializer):
    """With the secret, which is told only now: deliveries are signed with it."""

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")


class NewWebhookSerializer(Strict):
    url = serializers.URLField(max_length=500)
    events = serializers.ListField(child=serializers.ChoiceField(EVENTS), min_length=1, max_length=len(EVENTS))
    is_active = serializers.BooleanField(default=True)

    def validate_url(self, url: str) -> str:
        try:
            return check_url(url)
        except BadAddress as error:
            raise ValidationError(str(error)) from error

    def validate_events(self, events: list[str]) -> list[str]:
        return [event for event in EVENTS if event in events]


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    id = serializers.UUIDField(source="public_id")

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event",
            "payload",
            "state",
            "attempts",
            "due_at",
            "response_status",
            "error",
            "created_at",
            "delivered_at",
        )


@extend_schema_view(get=extend_schema(operation_id="list_webhooks"))
class WebhookList(ListAPIView[Webhook]):
    """One's own webhooks."""

    serializer_class = WebhookSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)

    def get_queryset(self) -> QuerySet[Webhook]:
        return _own(Webhook.objects.all(), self.request)

    @extend_schema(
        operation_id="create_webhook",
        request=NewWebhookSerializer,
        responses={201: MadeWebhookSerializer},
        parameters=[KEY_PARAMETER],
        examples=[
            OpenApiExample(
                "Ended calls", {"url": "https://example.com/klix", "events": ["call.ended"]}, request_only=True
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Subscribe an address. Each delivery is signed; see the header Klix-Signature in docs/api.md."""
        asked = NewWebhookSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return create_once(request, lambda: self._make(_user(request), asked.validated_data))

    def _make(self, user: User, asked: dict[str, Any]) -> Response:
        webhook = new_webhook(user, asked["url"], asked["events"])
        if not asked["is_active"]:
            webhook.is_active = False
            webhook.save(update_fields=["is_active", "updated_at"])
        headers = {"Location": reverse("api-webhook", args=[webhook.public_id])}
        return Response(MadeWebhookSerializer(webhook).data, status=status.HTTP_201_CREATED, headers=headers)


class WebhookDetail(APIView):
    @extend_schema(operation_id="get_webhook", responses=WebhookSerializer)
    def get(self, request: Request, public_id: UUID) -> Response:
        """One webhook."""
        return Response(WebhookSerializer(self._webhook(request, public_id)).data)

    @extend_schema(
        operation_id="change_webhook", request=NewWebhookSerializer(partial=True), responses=WebhookSerializer
    )
    def patch(self, request: Request, public_id: UUID) -> Response:
        """Change its address or events, or switch it on or off."""
        webhook = self._webhook(request, public_id)
        asked = NewWebhookSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        for name, value in asked.validated_data.items():
            setattr(webhook, name, value)
        webhook.save()
        return Response(WebhookSerializer(webhook).data)

    @extend_schema(operation_id="delete_webhook", responses={204: None})
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Unsubscribe. What waits to be delivered is forgotten."""
        self._webhook(request, public_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _webhook(self, request: Request, public_id: UUID) -> Webhook:
        webhook: Webhook = get_object_or_404(_own(Webhook.objects.all(), request), public_id=public_id)
        return webhook


@extend_schema_view(get=extend_schema(operation_id="list_deliveries"))
class DeliveryList(ListAPIView[Delivery]):
    """What was sent to a webhook, and how that went; newest first."""

    serializer_class = DeliverySerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)

    def get_queryset(self) -> QuerySet[Delivery]:
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        webhook = get_object_or_404(_own(Webhook.objects.all(), self.request), public_id=self.kwargs["public_id"])
        return Delivery.objects.filter(webhook=webhook)


def _user(request: Request) -> User:
    return cast(User, request.user)


def _own(rows: QuerySet[Any], request: Request) -> QuerySet[Any]:
    return rows.filter(user_id=request.user.pk)
