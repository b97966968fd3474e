"""Secrets that are shown once and kept as a digest.

They carry 256 random bits, so one SHA-256 is enough (a slow hash protects short passwords, not these), and looking a
digest up by index tells an attacker nothing about the secret.
"""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["digest_of", "new_secret"]


def new_secret(prefix: str) -> str:
    """Return a new secret such as `mrt_…`; the prefix lets secret scanners and people recognise it."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> str:
    """Return the hexadecimal SHA-256 of `secret`: what the database keeps."""
    return hashlib.sha256(secret.encode()).hexdigest()
