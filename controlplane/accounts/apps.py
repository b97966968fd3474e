"""Registration of the accounts room."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.accounts"
    label = "accounts"
