"""Published ports of sandboxes: reserved, translated, and moved when a container's default route moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from agent.host import failpoints
from agent.network import firewall, nftables
from agent.network.kernel import Kernel
from agent.network.publishing import HostPorts, Reservation
from agent.network.sandbox import Sandbox
from agent.network.worker import Worker
from agent.ports.network import PortBinding, PortRequest
from wire.errors import Internal, MooringError

__all__ = ["Publisher"]

_log = logging.getLogger(__name__)


class Publisher:
    """Used on the event loop, under the sandbox's lock; the methods that say so run on the worker thread."""

    def __init__(self, worker: Worker, kernel: Kernel, *, table: str) -> None:
        self._worker = worker
        self._kernel = kernel
        self._table = table
        self._ports = HostPorts()

    def restore(self, sandbox: Sandbox, bindings: Iterable[PortBinding]) -> None:
        """After a restart: hold the ports of a running container again."""
        sandbox.reservations = [self._ports.take_again(binding) for binding in bindings]
        for reservation in sandbox.reservations:
            if reservation.held is None:
                _log.warning("port.reservation_lost binding=%s", reservation.binding)

    async def publish(self, sandbox: Sandbox, ports: Sequence[PortRequest], *, default_ip: str) -> list[PortBinding]:
        """Publish all or none; Internal names the endpoint, as Docker does."""
        gateway = sandbox.gateway(4) or sandbox.gateway(6)
        assert gateway is not None
        before = set(sandbox.translations())
        kept = sandbox.reservations
        made: list[Reservation] = []
        try:
            for number, request in enumerate(ports):
                made += self._ports.take(request, default_ip=default_ip)
                if number % 16 == 15:  # a range of a thousand ports must not hold up the loop
                    await asyncio.sleep(0)
            sandbox.reservations = [*kept, *made]
            await self.move(sandbox, before)
            failpoints.hit("network.after_port_rule")
            sandbox.save()
        except BaseException as error:
            now = set(sandbox.translations())
            sandbox.reservations = kept
            self._ports.give_back(made)
            await self._worker.run(self.withdraw, now - before)
            if isinstance(error, Internal | OSError):
                reason = error.message if isinstance(error, MooringError) else str(error)
                name, endpoint_id = gateway.endpoint.container_name, gateway.endpoint.id
                raise Internal(
                    f"driver failed programming external connectivity on endpoint {name} ({endpoint_id}): {reason}"
                ) from error
            raise
        return [item.binding for item in made]

    async def move(self, sandbox: Sandbox, before: set[firewall.Translation]) -> None:
        """Bring the firewall and the held sockets from the translations of `before` to those of now."""
        now = set(sandbox.translations())
        if now != before:
            commands = [
                *firewall.publish_elements(self._table, before - now, verb="delete"),
                *firewall.publish_elements(self._table, now - before),
            ]
            gateways = [item for item in (sandbox.gateway(4), sandbox.gateway(6)) if item is not None]
            hairpin = {item.host_link for item in gateways if item.host_link}
            await self._worker.run(self._kernel.publish, commands, hairpin, now - before)
        sandbox.relay()

    def release(self, sandbox: Sandbox) -> list[firewall.Translation]:
        """Let the held sockets go; return what the firewall still translates, for `withdraw`."""
        translations = list(sandbox.translations())
        self._ports.give_back(sandbox.reservations)
        sandbox.reservations = []
        return translations

    def withdraw(self, translations: Iterable[firewall.Translation]) -> None:
        """Take translations away and forget the flows that used them. Runs on the worker thread; safe to repeat."""
        gone = list(translations)
        if not gone:
            return
        try:
            self._kernel.apply(firewall.publish_elements(self._table, gone, verb="delete"))
        except nftables.NftError as error:  # somebody flushed our table: they are away already
            _log.warning("firewall.elements_missing error=%s", error.message.splitlines()[0])
        self._kernel.forget_flows(gone)

    async def close(self, sandboxes: Iterable[Sandbox]) -> None:
        """Close every held socket; translations stay."""
        reservations = [item for sandbox in sandboxes for item in sandbox.reservations]
        self._ports.give_back(reservations)
        for reservation in reservations:
            if reservation.held is not None:
                await reservation.held.wait_closed()
