"""Slow down password guessing: failures are counted per address and per account seen from that address.

Counting an account from everywhere would let anybody lock its owner out. The counters live in the database: a flushed
or restarted Redis must not give an attacker a fresh start.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F

from controlplane.accounts.models import LoginFailure
from controlplane.kernel.clock import now
from wire.errors import Exhausted

__all__ = ["TooManyAttempts", "check", "forget_old", "record_failure", "reset"]

WINDOW = timedelta(minutes=10)
LIMIT_PER_ACCOUNT = 10
LIMIT_PER_ADDRESS = 100


class TooManyAttempts(Exhausted):
    """Sign-in is refused until the window has passed."""


def _keys(address: str, username: str) -> dict[str, int]:
    return {f"a:{address}"[:200]: LIMIT_PER_ADDRESS, f"u:{address}:{username.casefold()}"[:200]: LIMIT_PER_ACCOUNT}


def check(address: str, username: str) -> None:
    """Raise TooManyAttempts when a further try is not allowed now."""
    limits = _keys(address, username)
    for failure in LoginFailure.objects.filter(key__in=limits, window_started_at__gt=now() - WINDOW):
        if failure.count >= limits[failure.key]:
            wait_s = int((failure.window_started_at + WINDOW - now()).total_seconds()) + 1
            raise TooManyAttempts(f"too many failed sign-ins; try again in {wait_s} s", retry_after_s=wait_s)


def record_failure(address: str, username: str) -> None:
    """Count one failed try."""
    with transaction.atomic():
        for key in _keys(address, username):
            row, created = LoginFailure.objects.get_or_create(
                key=key, defaults={"count": 1, "window_started_at": now()}
            )
            if created:
                continue
            if row.window_started_at <= now() - WINDOW:
                LoginFailure.objects.filter(pk=row.pk).update(count=1, window_started_at=now())
            else:
                LoginFailure.objects.filter(pk=row.pk).update(count=F("count") + 1)


def reset(address: str, username: str) -> None:
    """Forget the account's failures from this address after a good sign-in."""
    LoginFailure.objects.filter(key=f"u:{address}:{username.casefold()}"[:200]).delete()


def forget_old() -> None:
    """Drop counters whose window has passed."""
    LoginFailure.objects.filter(window_started_at__lt=now() - WINDOW).delete()
