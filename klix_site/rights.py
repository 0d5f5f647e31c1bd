"""Who may do what: the one place that pages, the REST API and the websockets ask.

A person has the rights of the highest role among their groups (none: viewer), a superuser those of an administrator.
A token has those of its owner that its scopes cover. What a route needs follows from its name and method.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from klix_site.models import ApiToken

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Right(StrEnum):
    VIEW = "view"
    OWN = "own"  # one's own password and tokens
    EDIT = "edit"  # test design, labels, scoring again
    CALL = "call"  # place calls and hang them up
    ADMINISTER = "administer"


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


RIGHTS: Final = {
    Role.VIEWER: frozenset({Right.VIEW, Right.OWN}),
    Role.OPERATOR: frozenset({Right.VIEW, Right.OWN, Right.EDIT, Right.CALL}),
    Role.ADMIN: frozenset(Right),
}
# No scope covers administering: that takes a person who signed in.
SCOPES: Final = {
    "read": frozenset({Right.VIEW}),
    "write": frozenset({Right.OWN, Right.EDIT}),
    "call": frozenset({Right.CALL}),
}
# Routes that need another right than their method tells (reading: VIEW, anything else: EDIT).
PLACING: Final = frozenset(
    {
        "calls:place",
        "calls:hang_up",
        "calls:say",
        "calls:take_over",
        "place-call",
        "api-calls",
        "api-call-hang-up",
        "api-runs",
        "api-run-retry",
        "api-run-stop",
        # A schedule places calls by itself.
        "api-schedules",
        "api-schedule",
        "runs:new",
        "runs:stop",
        "runs:retry",
        "talk",
    }
)
OWNING: Final = frozenset({"password_change", "tokens", "token_revoke", "api-tokens", "api-token"})
ADMINISTERING: Final = frozenset({"audit", "settings", "check_models"})
# They know by themselves whom they admit, and whoever is signed in may use them.
OPEN: Final = frozenset({"login", "logout"})
# Forms: to open one takes the right to send it.
FORM_ENDINGS: Final = ("new", "edit", "place", "_new", "_edit", "import", "talk")
WHAT: Final = {
    Right.VIEW: "see this",
    Right.OWN: "change your account",
    Right.EDIT: "change the test design or score calls",
    Right.CALL: "place calls or hang them up",
    Right.ADMINISTER: "administer Klix",
}


def role_of(user: AbstractBaseUser | AnonymousUser) -> Role | None:
    """None for a stranger. One query a request; none for a superuser, and for those who signed in to pages."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN
    known: Role | None = getattr(user, "_klix_role", None)
    if known is None:
        known = keep_role(user, set(user.groups.values_list("name", flat=True)))
    return known


def keep_role(user: User, groups: AbstractSet[str]) -> Role:
    """The role that groups of these names give, kept for this request as Django keeps permissions."""
    found = next((role for role in (Role.ADMIN, Role.OPERATOR) if role in groups), Role.VIEWER)
    user._klix_role = found  # type: ignore[attr-defined]  # a place of our own
    return found


def rights_of(user: AbstractBaseUser | AnonymousUser, token: ApiToken | None = None) -> frozenset[Right]:
    role = role_of(user)
    if role is None:
        return frozenset()
    return RIGHTS[role] if token is None else RIGHTS[role] & rights_of_scopes(token.scope_names)


def rights_of_scopes(scopes: Iterable[str]) -> frozenset[Right]:
    return frozenset().union(*(SCOPES[scope] for scope in scopes if scope in SCOPES))


def may(user: AbstractBaseUser | AnonymousUser, right: Right, token: ApiToken | None = None) -> bool:
    if right is Right.VIEW and token is None:
        # Every role has it: no need to ask for the groups.
        return isinstance(user, User) and user.is_active
    return right in rights_of(user, token)


def refusal(user: AbstractBaseUser | AnonymousUser, right: Right, token: ApiToken | None = None) -> str:
    """A sentence on why not, and what to do."""
    if token is not None and may(user, right):
        scopes = " or ".join(scope for scope, rights in SCOPES.items() if right in rights)
        return f"This token may not {WHAT[right]}. Use one with the scope {scopes}." if scopes else _no_token(right)
    wanted = Role.ADMIN if right is Right.ADMINISTER else Role.OPERATOR
    role = role_of(user) or "stranger"
    return f"The role {role} may not {WHAT[right]}. Ask an administrator for the role {wanted}."


def _no_token(right: Right) -> str:
    return f"No token may {WHAT[right]}: sign in as an administrator."


def needed(route: str, method: str) -> Right:
    """The right that a request takes, by the name of its route ("calls:hang_up") and its method."""
    is_form = route.endswith(FORM_ENDINGS)
    if route in ADMINISTERING:
        return Right.ADMINISTER
    if method in SAFE_METHODS and not is_form:
        return Right.VIEW
    if route in PLACING:
        return Right.CALL
    return Right.OWN if route in OWNING else Right.EDIT


def is_open(route: str) -> bool:
    """Django's admin asks for its own permissions, which the groups hold."""
    return route in OPEN or route.startswith("admin:")


class RightsMiddleware(MiddlewareMixin):
    """Pages: 403 with a sentence for those who lack the right. The REST API asks in `HasRight`."""

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is None or not getattr(view, "login_required", True) or is_open(match.view_name):
            return None
        right = needed(match.view_name, request.method or "GET")
        if not may(request.user, right):
            raise PermissionDenied(refusal(request.user, right))
        return None
