"""`python -m controlplane.asgi`: the process that serves the Engine API, the dashboard and the browser sockets."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import cast

import uvloop

__all__ = ["main"]

logger = logging.getLogger(__name__)


async def _serve() -> None:
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    import controlplane.celery  # noqa: F401 - makes the broker known to whoever sends a job's message
    from controlplane.accounts.revocation import watch
    from controlplane.engine_api.environment import forget_environments
    from controlplane.frontdoor.dispatch import Dispatch
    from controlplane.frontdoor.listeners import listeners
    from controlplane.gateway.calls import client
    from controlplane.jobs.execution import leases
    from controlplane.jobs.waiting import waiter
    from controlplane.kernel.news import Hint, Listener
    from controlplane.routing import sockets
    from controlplane.streams.hints import hub
    from wire.net.asgi import App
    from wire.net.server import serve

    def on_hint(hint: Hint | None) -> None:
        waiter().on_hint(hint)
        hub().on_hint(hint)
        if hint is None or hint.get("type") in ("host", "host_removed"):
            forget_environments()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    client().loop = loop
    background = [
        asyncio.create_task(Listener(on_hint).run(), name="news"),
        asyncio.create_task(watch().run(), name="revocation"),
    ]
    app = Dispatch(dashboard=cast(App, get_asgi_application()), sockets=sockets)
    bound, certificate = listeners()
    if certificate is not None:
        background.append(asyncio.create_task(certificate.watch(), name="certificate"))
    try:
        async with serve(app, bound, grace_s=3.0):
            logger.info("asgi.ready socket=%s port=%d", settings.MOORING_ENGINE_SOCKET, settings.MOORING_PORT)
            await stop.wait()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        client().close()
        await asyncio.to_thread(leases.stop)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings.production")
    import django

    django.setup()
    uvloop.run(_serve())


if __name__ == "__main__":
    main()
