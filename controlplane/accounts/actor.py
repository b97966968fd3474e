"""Who is asking, as a plain value. It is made at the edge of each protocol and handed down; never looked up again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ANONYMOUS", "NO_ORGANISATION", "Actor", "Principal"]

NO_ORGANISATION = uuid.UUID(int=0)


class Principal(StrEnum):
    """What kind of party an actor is; the rights table is written in these words."""

    ANONYMOUS = "anonymous"
    MEMBER = "member"
    ADMIN = "admin"
    HOST = "host"  # an enrolled agent, on its own tunnel
    SYSTEM = "system"  # the plane's own schedules


@dataclass(frozen=True, slots=True)
class Actor:
    """The party behind a request and how it proved itself.

    `method` is `session`, `token`, `peer` (root on the unix socket), `credential` (a host) or `none`; `source` is the
    peer's address for the audit record. `token_id` and `session_auth_hash` let an open stream be re-checked later.
    """

    principal: Principal
    organisation_id: uuid.UUID = NO_ORGANISATION
    user_id: uuid.UUID | None = None
    name: str = ""
    method: str = "none"
    token_id: uuid.UUID | None = None
    session_key: str | None = None
    session_auth_hash: str | None = None
    source: str = ""


ANONYMOUS = Actor(principal=Principal.ANONYMOUS, name="anonymous")
