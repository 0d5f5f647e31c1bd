"""Make or revoke a token for the REST API."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from klix_site.audit import record
from klix_site.models import ALL_SCOPES, ApiToken
from klix_site.rights import SCOPES
from klix_site.tokens import make_token


class Command(BaseCommand):
    help = "Makes a token for the REST API and prints it, once: only its hash is kept."
    # They look at telephony and providers, which have no part in this.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the token is for")
        parser.add_argument("--user", help="whose it is; default: the first administrator")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="days until it expires; default: never")
        parser.add_argument(
            "--scope",
            action="append",
            choices=list(SCOPES),
            help="read, write (test design, labels, scoring) or call (place calls); may be repeated; default: all",
        )
        parser.add_argument("--revoke", action="store_true", help="delete the token NAME instead")

    def handle(
        self,
        *,
        name: str,
        user: str | None,
        expires: int | None,
        revoke: bool,
        scope: list[str] | None = None,
        **options: Any,
    ) -> None:
        if revoke:
            self._revoke(name)
        else:
            self.stdout.write(self._make(name, user, expires, scope or ALL_SCOPES.split()))

    def _make(self, name: str, username: str | None, days: int | None, scopes: list[str]) -> str:
        if days is not None and days < 1:
            raise CommandError("--expires must be 1 day or more.")
        if not 0 < len(name) <= 100:
            raise CommandError("A token's name has 1 to 100 characters.")
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(f"There is a token named {name!r}. Choose another name, or revoke it: --revoke")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        token = make_token(name, self._owner(username), expires_at=expires_at, scopes=scopes)
        made = ApiToken.objects.get(name=name)
        record("token made", user=made.user, via="command", object_type="token", object_id=made.public_id)
        return token

    def _owner(self, username: str | None) -> User:
        if username is None:
            owner = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
            hint = "There is no administrator yet. Make one: manage.py createsuperuser"
        else:
            owner = User.objects.filter(username=username, is_active=True).first()
            hint = f"There is no active user named {username!r}."
        if owner is None:
            raise CommandError(hint)
        return owner

    def _revoke(self, name: str) -> None:
        deleted, _ = ApiToken.objects.filter(name=name).delete()
        if not deleted:
            raise CommandError(f"There is no token named {name!r}.")
        record("token revoked", via="command", object_type="token", object_id=name)
        self.stdout.write(f"Revoked {name}.")
