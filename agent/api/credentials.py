"""Registry credentials as clients send them: the `X-Registry-Auth` header and the body of `POST /auth`."""

from __future__ import annotations

import base64
import binascii

import msgspec

from agent.ports.images import Credentials

__all__ = ["AuthConfig", "parse_registry_auth"]


class AuthConfig(msgspec.Struct, rename="lower", kw_only=True):
    """Docker's AuthConfig. `auth` is base64 of `user:password`, what a client's configuration file keeps."""

    username: str | None = None
    password: str | None = None
    auth: str | None = None
    email: str | None = None
    server_address: str | None = msgspec.field(default=None, name="serveraddress")
    identity_token: str | None = msgspec.field(default=None, name="identitytoken")
    registry_token: str | None = msgspec.field(default=None, name="registrytoken")

    def credentials(self) -> Credentials:
        username, password = self.username or "", self.password or ""
        if self.auth and not username:
            try:
                username, _, password = base64.b64decode(self.auth).decode().rstrip("\0").partition(":")
            except ValueError:
                pass  # as Docker: an auth that cannot be read counts as none
        return Credentials(
            username=username,
            password=password,
            identity_token=self.identity_token or "",
            registry_token=self.registry_token or "",
            server_address=self.server_address or "",
        )


def parse_registry_auth(header: str) -> Credentials | None:
    """Decode `X-Registry-Auth` (base64, either alphabet, of JSON). None when empty or unreadable: then anonymous."""
    if not header:
        return None
    try:
        text = base64.urlsafe_b64decode(header.replace("+", "-").replace("/", "_") + "=" * (-len(header) % 4))
        credentials = msgspec.json.decode(text, type=AuthConfig).credentials()
    except (binascii.Error, ValueError):
        return None
    return None if credentials == Credentials(server_address=credentials.server_address) else credentials
