"""What this engine does not have, refused as Docker refuses it."""

from __future__ import annotations

from agent.api.backends import Backends
from agent.api.request import Request
from wire import errors

__all__ = [
    "buildkit",
    "no_privileges",
    "not_a_manager",
    "not_in_a_swarm",
    "plugins_unsupported",
    "swarm_init",
]


async def not_a_manager(backends: Backends, request: Request) -> None:
    raise errors.Unavailable(
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to '
        "swarm and try again."
    )


async def not_in_a_swarm(backends: Backends, request: Request) -> None:
    raise errors.Unavailable("This node is not part of a swarm")


async def swarm_init(backends: Backends, request: Request) -> None:
    raise errors.Unsupported("swarm mode is not offered by this engine: services are run by the control plane")


async def no_privileges(backends: Backends, request: Request) -> None:
    await request.answer_json([])


async def plugins_unsupported(backends: Backends, request: Request) -> None:
    raise errors.Unsupported("plugins are not offered by this engine")


async def buildkit(backends: Backends, request: Request) -> None:
    """BuildKit's session endpoints. Clients then build by `POST /build` (DOCKER_BUILDKIT=0)."""
    if not request.upgrade:
        raise errors.Invalid("no upgrade proto in request")
    raise errors.Unsupported("BuildKit sessions are not offered by this engine: build with DOCKER_BUILDKIT=0")
