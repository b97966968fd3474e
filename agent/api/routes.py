"""Every endpoint, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from agent.api import (
    archives,
    builds,
    container_streams,
    containers,
    execs,
    host_calls,
    images,
    networks,
    plugins,
    refusals,
    system,
    volumes,
)  # fmt: skip
from agent.api.router import Handler, Router

__all__ = ["HOST_PREFIX", "HOST_ROUTES", "ROUTES", "build_router"]

ROUTES: dict[str, Handler] = {
    "GET /_ping": system.ping,
    "HEAD /_ping": system.ping,
    "GET /version": system.version,
    "GET /info": system.info,
    "GET /events": system.events,
    "GET /system/df": system.usage,
    "POST /auth": system.auth,
    # containers
    "GET /containers/json": containers.list_,
    "POST /containers/create": containers.create,
    "POST /containers/prune": containers.prune,
    "GET /containers/{id...}/json": containers.inspect,
    "GET /containers/{id...}/top": containers.top,
    "GET /containers/{id...}/changes": containers.changes,
    "GET /containers/{id...}/logs": container_streams.logs,
    "GET /containers/{id...}/stats": container_streams.stats,
    "GET /containers/{id...}/export": archives.export,
    "GET /containers/{id...}/attach/ws": container_streams.attach_websocket,
    "HEAD /containers/{id...}/archive": archives.stat,
    "GET /containers/{id...}/archive": archives.get,
    "PUT /containers/{id...}/archive": archives.put,
    "POST /containers/{id...}/start": containers.start,
    "POST /containers/{id...}/stop": containers.stop,
    "POST /containers/{id...}/restart": containers.restart,
    "POST /containers/{id...}/kill": containers.kill,
    "POST /containers/{id...}/pause": containers.pause,
    "POST /containers/{id...}/unpause": containers.unpause,
    "POST /containers/{id...}/rename": containers.rename,
    "POST /containers/{id...}/update": containers.update,
    "POST /containers/{id...}/wait": container_streams.wait,
    "POST /containers/{id...}/resize": container_streams.resize,
    "POST /containers/{id...}/attach": container_streams.attach,
    "POST /containers/{id...}/exec": execs.create,
    "DELETE /containers/{id...}": containers.remove,  # a link has a slash: CONTAINER/ALIAS
    "POST /commit": containers.commit,
    "POST /exec/{id}/start": execs.start,
    "POST /exec/{id}/resize": execs.resize,
    "GET /exec/{id}/json": execs.inspect,
    # images
    "GET /images/json": images.list_,
    "GET /images/search": images.search,
    "GET /images/get": images.save,
    "POST /images/create": images.create,
    "POST /images/load": images.load,
    "POST /images/prune": images.prune,
    "GET /images/{name...}/json": images.inspect,
    "GET /images/{name...}/history": images.history,
    "GET /images/{name...}/get": images.save_one,
    "POST /images/{name...}/push": images.push,
    "POST /images/{name...}/tag": images.tag,
    "DELETE /images/{name...}": images.remove,
    "GET /distribution/{name...}/json": images.distribution,
    "POST /build": builds.build,
    "POST /build/prune": builds.prune,
    "POST /build/cancel": builds.cancel,
    "POST /session": refusals.buildkit,
    "POST /grpc": refusals.buildkit,
    # networks and volumes
    "GET /networks": networks.list_,
    "POST /networks/create": networks.create,
    "POST /networks/prune": networks.prune,
    "GET /networks/{id...}": networks.inspect,
    "DELETE /networks/{id...}": networks.remove,
    "POST /networks/{id...}/connect": networks.connect,
    "POST /networks/{id...}/disconnect": networks.disconnect,
    "GET /volumes": volumes.list_,
    "POST /volumes/create": volumes.create,
    "POST /volumes/prune": volumes.prune,
    "GET /volumes/{name...}": volumes.inspect,
    "PUT /volumes/{name...}": volumes.update,
    "DELETE /volumes/{name...}": volumes.remove,
    # swarm: one host's agent is never a manager
    "POST /swarm/init": refusals.swarm_init,
    "POST /swarm/join": refusals.swarm_init,
    "POST /swarm/leave": refusals.not_in_a_swarm,
    "GET /swarm": refusals.not_a_manager,
    "GET /swarm/unlockkey": refusals.not_a_manager,
    "POST /swarm/update": refusals.not_a_manager,
    "POST /swarm/unlock": refusals.not_a_manager,
    **{
        f"{method} /{resource}{path}": refusals.not_a_manager
        for resource in ("nodes", "services", "tasks", "secrets", "configs")
        for method, path in (
            ("GET", ""), ("POST", "/create"), ("GET", "/{id}"), ("DELETE", "/{id}"), ("POST", "/{id}/update"),
            ("GET", "/{id}/logs"),
        )
    },
    # plugins
    "GET /plugins": plugins.list_,
    "GET /plugins/privileges": refusals.no_privileges,
    "POST /plugins/pull": refusals.plugins_unsupported,
    "POST /plugins/create": plugins.create,
    "GET /plugins/{name...}/json": plugins.inspect,
    "DELETE /plugins/{name...}": plugins.remove,
    **{
        f"POST /plugins/{{name...}}/{verb}": plugins.refuse(verb)
        for verb in ("enable", "disable", "upgrade", "push", "set")
    },
}  # fmt: skip

HOST_PREFIX = "/mooring/v1"
HOST_ROUTES: dict[str, Handler] = {
    "GET /state": host_calls.state,
    "GET /events": host_calls.events,
    "GET /doctor": host_calls.doctor,
    "GET /containers/{id...}/logs": host_calls.logs,
}
"""Mooring's own calls, below HOST_PREFIX."""


def build_router(routes: Mapping[str, Handler]) -> Router:
    router = Router()
    for route, handler in routes.items():
        router.add(route, handler)
    return router
