"""The audit log: who did what, to which object, when and from where.

One seam writes what pages and the REST API did: the middleware, once the answer says that it was done. What happens
elsewhere (sign-in, the admin, commands) comes through Django's signals and `record`. Never holds what was said, typed
or dialled: names of routes and ids of objects.
"""

import uuid
from typing import Any, Final

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.deprecation import MiddlewareMixin

from klix_site.addresses import address_of
from klix_site.models import ApiToken, AuditEntry
from klix_site.rights import SAFE_METHODS, is_open

# (action, type of object) by route; other routes that change something are logged under their own name.
ACTIONS: Final = {
    "place-call": ("call placed", "call"),
    "api-calls": ("call placed", "call"),
    "api-call-hang-up": ("call hang-up asked", "call"),
    "api-call-evaluate": ("scored again", "call"),
    "calls:place": ("call placed", "call"),
    "calls:hang_up": ("call hang-up asked", "call"),
    "calls:say": ("line typed into a call", "call"),
    "calls:take_over": ("call taken over", "call"),
    "calls:rescore": ("scored again", "call"),
    "agents:new": ("agent created", "agent"),
    "agents:edit": ("agent edited", "agent"),
    "agents:duplicate": ("agent created", "agent"),
    "agents:archive": ("agent archived", "agent"),
    "agents:persona_new": ("persona created", "persona"),
    "agents:persona_edit": ("persona edited", "persona"),
    "agents:persona_duplicate": ("persona created", "persona"),
    "agents:persona_archive": ("persona archived", "persona"),
    "agents:scenario_new": ("scenario created", "scenario"),
    "agents:scenario_edit": ("scenario edited", "scenario"),
    "agents:scenario_duplicate": ("scenario created", "scenario"),
    "agents:scenario_archive": ("scenario archived", "scenario"),
    "evaluations:criterion_new": ("criterion created", "criterion"),
    "evaluations:criterion_edit": ("criterion edited", "criterion"),
    "evaluations:criterion_archive": ("criterion archived", "criterion"),
    "api-alert-rules": ("alert rule created", "alert"),
    "api-tokens": ("token made", "token"),
    "api-token": ("token revoked", "token"),
    "tokens": ("token made", "token"),
    "token_revoke": ("token revoked", "token"),
    "password_change": ("password changed", "user"),
}
# Over the REST API these are archived, not deleted, and their lists' POST changes what is there already.
DESIGN: Final = frozenset({"agent", "persona", "scenario", "criterion", "suite"})
VERBS: Final = {"POST": "created", "PUT": "edited", "PATCH": "edited", "DELETE": "deleted"}
# Routes that change nothing, though they are posted to.
UNLOGGED: Final = frozenset(
    {
        "password_reset",
        "password_reset_confirm",
        "runs:estimate",
        "agents:voice_heard",
        "api-runs-estimate",
        "api-criteria-try",
        "api-agent-drafts",
    }
)
REPLAYED: Final = "Idempotency-Replayed"


def record(
    action: str,
    *,
    user: User | AnonymousUser | None = None,
    actor: str = "",
    via: str = "page",
    token: ApiToken | None = None,
    object_type: str = "",
    object_id: object = "",
    address: str | None = None,
) -> AuditEntry:
    known = user if isinstance(user, User) else None
    return AuditEntry.objects.create(
        user=known,
        actor=(known.get_username() if known else actor)[:150],
        via=via,
        token_name=token.name if token else "",
        action=action[:60],
        object_type=object_type,
        object_id=str(object_id or "")[:40],
        address=address,
    )


class AuditMiddleware(MiddlewareMixin):
    """Logs each request that changed something, by whoever was let in."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        match = request.resolver_match
        if match and _has_acted(request, response, match):
            self._log(request, response, match)
        return response

    def _log(self, request: HttpRequest, response: HttpResponseBase, match: ResolverMatch) -> None:
        action, kind = _action(match, request.method or "", response.status_code)
        token = getattr(request, "auth", None)
        record(
            action,
            user=request.user if isinstance(request.user, User) else None,
            via="api" if match.view_name.startswith("api-") or match.view_name == "place-call" else "page",
            token=token if isinstance(token, ApiToken) else None,
            object_type=kind,
            object_id=_object_id(request, response, match),
            address=address_of(request),
        )


def _has_acted(request: HttpRequest, response: HttpResponseBase, match: ResolverMatch) -> bool:
    if request.method in SAFE_METHODS or response.status_code >= 400 or is_open(match.view_name):
        return False
    if match.view_name in UNLOGGED or response.has_header(REPLAYED):
        return False
    return bool(getattr(request, "user", None) and request.user.is_authenticated)


def _action(match: ResolverMatch, method: str, status: int) -> tuple[str, str]:
    """From the table; "api-agent" and PATCH give ("agent edited", "agent")."""
    if match.view_name in ACTIONS:
        return ACTIONS[match.view_name]
    if match.view_name.startswith("api-"):
        told = match.view_name.removeprefix("api-").replace("-", " ")
        kind = told.split()[0]
        kind = {"criteria": "criterion"}.get(kind, kind.removesuffix("s"))
        act = " ".join([kind, *told.split()[1:]])
        verb = "archived" if method == "DELETE" and kind in DESIGN else VERBS.get(method, method)
        return f"{act} {'edited' if kind in DESIGN and status == 200 else verb}", kind
    return match.view_name, ""


def _object_id(request: HttpRequest, response: HttpResponseBase, match: ResolverMatch) -> object:
    """What the address names, else what the answer leads to: a new object's page."""
    if named := _named(match):
        return named
    location = response.headers.get("Location", "")
    try:
        return _named(resolve(location.partition("?")[0])) if location.startswith("/") else ""
    except Resolver404:
        return ""


def _named(match: ResolverMatch) -> object:
    return next((value for value in match.kwargs.values() if isinstance(value, uuid.UUID)), "")


# --- Signals ----------------------------------------------------------------------------------------------------------
def note_sign_in(sender: Any, request: HttpRequest | None, user: User, **_: Any) -> None:
    record("signed in", user=user, address=address_of(request) if request else None)


def note_failed_sign_in(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    actor = str(credentials.get("username", "")).replace("\x00", "")
    record("sign-in failed", actor=actor, address=address_of(request) if request else None)


def note_admin(sender: Any, instance: LogEntry, created: bool, **_: Any) -> None:
    """What was done in Django's admin, from the log that it keeps."""
    if not created:
        return
    verb = {ADDITION: "created", CHANGE: "edited"}.get(instance.action_flag, "deleted")
    model = instance.content_type.model if instance.content_type else ""
    record(f"{model} {verb}", user=instance.user, via="admin", object_type=model, object_id=instance.object_id)
