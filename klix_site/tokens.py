"""API tokens: made once, kept as a hash, sent as `Authorization: Bearer klix_…`."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from klix_site.models import ALL_SCOPES, ApiToken
from klix_site.rights import SCOPES

PREFIX: Final = "klix_"
SHOWN_CHARS: Final = 12
# The last use is for a person's eyes: a write per request would cost more than it tells.
LAST_USED_EVERY: Final = timedelta(minutes=1)


def token_hash(token: str) -> str:
    """SHA-256 in hex. No salt and no stretching: the token is 256 random bits, not a password."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(
    name: str, user: User, *, expires_at: datetime | None = None, scopes: Iterable[str] = ALL_SCOPES.split()
) -> str:
    """Store a new token's hash and return the token, which cannot be shown again. Raises ValueError on a scope that
    there is none of."""
    given = set(scopes)
    wanted = [scope for scope in SCOPES if scope in given]
    if not wanted or given - SCOPES.keys():
        raise ValueError(f"The scopes are: {', '.join(SCOPES)}.")
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        name=name,
        user=user,
        prefix=token[:SHOWN_CHARS],
        token_hash=token_hash(token),
        scopes=" ".join(wanted),
        expires_at=expires_at,
    )
    return token


class TokenAuthentication(BaseAuthentication):
    """Admits the bearer of a token that exists, has not expired and belongs to an active user."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, *credentials = get_authorization_header(request).split() or [b""]
        if scheme.lower() != b"bearer":
            return None
        if len(credentials) != 1:
            raise AuthenticationFailed("Write the header as: Authorization: Bearer klix_…")
        token = self._find(credentials[0].decode("ascii", errors="replace"))
        self._note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def _find(self, text: str) -> ApiToken:
        token = ApiToken.objects.select_related("user").filter(token_hash=token_hash(text)).first()
        if token is None or not token.user.is_active:
            raise AuthenticationFailed("The token is not known. Make one with: manage.py api_token NAME")
        if token.expires_at is not None and token.expires_at <= timezone.now():
            raise AuthenticationFailed("The token has expired. Make one with: manage.py api_token NAME")
        return token

    def _note_use(self, token: ApiToken) -> None:
        now = timezone.now()
        unused = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_EVERY)
        if token.last_used_at is None or token.last_used_at < now - LAST_USED_EVERY:
            ApiToken.objects.filter(unused, pk=token.pk).update(last_used_at=now)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registration hook is untyped
    """How the OpenAPI document describes it."""

    target_class = "klix_site.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "klix_…"}
