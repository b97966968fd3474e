"""Nothing passes a view that does not say what it does."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

__all__ = ["DenyUnlessDeclared"]


class DenyUnlessDeclared(BasePermission):
    """Refuse methods without a declared action; `ApiView.initial` then asks `accounts.access` about the action."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the view declares this method."""
        return request.method in getattr(view, "actions", {})
