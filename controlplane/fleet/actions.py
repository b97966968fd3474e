"""Every write of hosts: enrolment, what people change, what the gateway observes."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from controlplane.fleet.choices import Link
from controlplane.fleet.models import Enrolment, GatewayLease, Host, LinkEvent
from controlplane.kernel import news
from controlplane.kernel.clock import now
from controlplane.kernel.secrets import digest_of, new_secret
from wire.errors import Conflict, Forbidden, Invalid

__all__ = [
    "begin_gateway_epoch", "change_host", "create_enrolment", "enroll", "link_down", "link_up", "record_report",
    "remove_host", "renew_gateway_lease",
]  # fmt: skip

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
LINK_HISTORY = 200
LOST_AFTER = timedelta(seconds=10)  # a host that dialled in a moment ago may not be in a list made before


def check_name(name: str) -> str:
    """Return `name` when it may stand in a URL path; raise Invalid otherwise."""
    if not _NAME.fullmatch(name):
        raise Invalid("a host's name is 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit")
    with contextlib.suppress(ValueError):
        uuid.UUID(name)
        raise Invalid("a host's name must not look like a host's id")
    return name


def create_enrolment(
    *,
    organisation_id: uuid.UUID,
    name: str = "",
    ttl_s: int | None = None,
    labels: Mapping[str, str] | None = None,
    created_by: str = "",
) -> tuple[Enrolment, str]:
    """Permit one machine to join; the secret is returned this once. Raises Invalid, Conflict for a taken name."""
    seconds = settings.MOORING_ENROLMENT_TTL_S if ttl_s is None else ttl_s
    if not 60 <= seconds <= 7 * 24 * 3600:
        raise Invalid("ttl_s must be between 60 and 604800")
    if name:
        check_name(name)
        if Host.objects.filter(organisation_id=organisation_id, name=name, removed_at=None).exists():
            raise Conflict(f"a host called {name} exists already")
    secret = new_secret("mre")
    enrolment = Enrolment.objects.create(
        organisation_id=organisation_id,
        digest=digest_of(secret),
        name=name,
        labels=dict(labels or {}),
        created_by=created_by,
        expires_at=now() + timedelta(seconds=seconds),
    )
    return enrolment, secret


def enroll(*, secret: str, name: str, facts: Mapping[str, Any]) -> tuple[Host, str]:
    """Turn an enrolment secret into a host and its credential (returned this once).

    Of two racing callers one wins. Raises Forbidden for an unknown, used or expired secret; Invalid or Conflict for
    the name, in which case the secret stays good.
    """
    enrolment = Enrolment.objects.filter(digest=digest_of(secret)).first()
    if enrolment is None:
        raise Forbidden("the enrolment token is not known here")
    try:
        with transaction.atomic():
            locked = Enrolment.objects.select_for_update().get(pk=enrolment.pk)
            if locked.used_at is not None:
                raise Forbidden("the enrolment token has been used; make a new one")
            if locked.expires_at <= now():
                raise Forbidden("the enrolment token has expired; make a new one")
            host_name = check_name(locked.name or name)
            credential = new_secret("mrh")
            try:
                with transaction.atomic():
                    host = Host.objects.create(
                        organisation_id=locked.organisation_id,
                        name=host_name,
                        credential_digest=digest_of(credential),
                        labels=locked.labels,
                        facts=dict(facts),
                        version=str(facts.get("version", ""))[:64],
                    )
            except IntegrityError:
                raise Conflict(f"a host called {host_name} exists already; choose another name") from None
            locked.used_at, locked.host, locked.problem = now(), host, ""
            locked.save(update_fields=["used_at", "host", "problem"])
            transaction.on_commit(lambda: _hint(host.pk))
            return host, credential
    except (Forbidden, Invalid, Conflict) as error:
        Enrolment.objects.filter(pk=enrolment.pk).update(problem=error.message[:300])
        raise


def change_host(
    host: Host,
    *,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    schedulable: bool | None = None,
) -> Host:
    """Change what is given. Raises Invalid, Conflict for a taken name."""
    fields = []
    if name is not None:
        host.name = check_name(name)
        fields.append("name")
    if labels is not None:
        host.labels = {str(key): str(value) for key, value in labels.items()}
        fields.append("labels")
    if schedulable is not None:
        host.schedulable = schedulable
        fields.append("schedulable")
    try:
        with transaction.atomic():
            host.save(update_fields=fields)
    except IntegrityError:
        raise Conflict(f"a host called {host.name} exists already") from None
    _hint(host.pk)
    return host


def remove_host(host: Host) -> None:
    """Take the host out of the fleet: its credential dies at once, the gateway cuts its tunnel, containers run on."""
    with transaction.atomic():
        Host.objects.filter(pk=host.pk).update(removed_at=now(), credential_digest=None, link=Link.LEFT)
        transaction.on_commit(lambda: news.publish({"type": "host_removed", "host": str(host.pk), "id": str(host.pk)}))


def begin_gateway_epoch() -> int:
    """Become the gateway and return the epoch: the previous one is fenced, its hosts are lost until they dial again."""
    with transaction.atomic():
        lease, _ = GatewayLease.objects.get_or_create(pk=1)
        GatewayLease.objects.filter(pk=1).update(epoch=F("epoch") + 1, renewed_at=now())
        lease.refresh_from_db()
        hosts = list(Host.objects.filter(link=Link.UP))
        for host in hosts:
            _change_link(host, Link.LOST, "the gateway restarted")
    for host in hosts:
        _hint(host.pk)
    return lease.epoch


def renew_gateway_lease(epoch: int, live_hosts: Sequence[uuid.UUID]) -> bool:
    """Show a sign of life for the gateway and the hosts it hears. False: another gateway has taken over.

    A host that counts as linked here and is not heard was lost while that could not be written.
    """
    with transaction.atomic():
        if not GatewayLease.objects.filter(pk=1, epoch=epoch).update(renewed_at=now()):
            return False
        if live_hosts:
            Host.objects.filter(pk__in=live_hosts).update(last_seen_at=now())
        silent = Host.objects.filter(link=Link.UP, link_epoch=epoch, last_seen_at__lt=now() - LOST_AFTER)
        lost = list(silent.exclude(pk__in=live_hosts).values_list("pk"))
    for (host_id,) in lost:
        link_down(host_id, epoch, left=False, detail="its tunnel ended while the database was away")
    return True


def link_up(host_id: uuid.UUID, epoch: int) -> None:
    """A tunnel of this host is up at the gateway of `epoch`."""
    with transaction.atomic():
        host = Host.objects.select_for_update().get(pk=host_id)
        if host.link == Link.UP:  # a newer connection replaced the older one: it never was away
            Host.objects.filter(pk=host_id).update(link_epoch=epoch, last_seen_at=now())
            return
        host.link_epoch = epoch
        _change_link(host, Link.UP, "")
    _hint(host_id)


def link_down(host_id: uuid.UUID, epoch: int, *, left: bool, detail: str = "") -> None:
    """The tunnel is gone: a goodbye (`left`) or silence. Ignored when a newer gateway holds the host."""
    with transaction.atomic():
        host = Host.objects.select_for_update().get(pk=host_id)
        if host.link_epoch != epoch or host.link != Link.UP:
            return
        _change_link(host, Link.LEFT if left else Link.LOST, detail)
    _hint(host_id)


def record_report(
    host_id: uuid.UUID,
    *,
    facts: Mapping[str, Any] | None = None,
    usage: Mapping[str, Any] | None = None,
    findings: Sequence[Mapping[str, Any]] | None = None,
    version: str | None = None,
    runtime: str | None = None,
) -> None:
    """Store what the agent says about its host; what is None stays as it was."""
    values: dict[str, Any] = {"last_seen_at": now()}
    if facts is not None:
        values["facts"] = dict(facts)
    if usage is not None:
        values["usage"] = dict(usage)
    if findings is not None:
        values["findings"] = [dict(finding) for finding in findings]
    if version:
        values["version"] = version[:64]
    if runtime:
        values["runtime"] = runtime[:64]
    Host.objects.filter(pk=host_id).update(**values)
    if findings is not None or facts is not None:
        _hint(host_id)


def _change_link(host: Host, link: Link, detail: str) -> None:
    at = now()
    host.link, host.link_since = link, at
    if link == Link.UP:
        host.last_seen_at = at
    host.save(update_fields=["link", "link_since", "link_epoch", "last_seen_at"])
    LinkEvent.objects.create(host=host, at=at, state=link, detail=detail[:300])
    old = LinkEvent.objects.filter(host=host).order_by("-pk").values_list("pk", flat=True)[LINK_HISTORY:]
    if keep_from := list(old[:1]):
        LinkEvent.objects.filter(host=host, pk__lte=keep_from[0]).delete()


def _hint(host_id: uuid.UUID) -> None:
    news.publish({"type": "host", "host": str(host_id), "id": str(host_id)})
