"""Registration of the accounts room."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Listen for cleaning time."""
        from controlplane.accounts.throttle import forget_old
        from controlplane.kernel.bus import subscribe
        from controlplane.kernel.tasks import CleaningTime

        subscribe(CleaningTime, lambda _: forget_old())
