"""`python -m controlplane.gateway`: the process that holds every agent's tunnel."""

from __future__ import annotations

import asyncio
import os
import signal

import uvloop


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings.production")
    import django

    django.setup()
    from controlplane.gateway.server import Gateway

    async def run() -> None:
        gateway = Gateway()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, gateway.stop.set)
        await gateway.run()

    uvloop.run(run())


if __name__ == "__main__":
    main()
