"""Who may call. Kept apart from the views: DRF resolves its default permission while its own views still load."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class SignedIn(BasePermission):
    """A client with a valid token."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user is not None


class Open(BasePermission):
    """Anybody; a bad token is still refused by the authentication."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return True
