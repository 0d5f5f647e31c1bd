"""The REST API's question to `rights`: DRF asks it before every view."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from klix_site.models import ApiToken
from klix_site.rights import may, needed, refusal


class HasRight(BasePermission):
    """401 for strangers; 403 with a sentence for those whose role or token's scope does not cover the route."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        match = request.resolver_match
        route = match.view_name if match else ""
        right = needed(route, request.method or "GET")
        token = request.auth if isinstance(request.auth, ApiToken) else None
        if not may(request.user, right, token):
            raise PermissionDenied(refusal(request.user, right, token))
        return True
