"""Who asks the REST API in tests."""

from typing import Any

from django.test import Client

from klix_site.rights import SCOPES
from klix_site.tokens import make_token


def client_of(user: Any, *scopes: str) -> Client:
    """With a new token of this person's: of every scope unless some are named."""
    token = make_token(f"of {user} {scopes}", user, scopes=scopes or SCOPES)
    return Client(headers={"Authorization": f"Bearer {token}"})
