"""Submit what the dashboard asks for as jobs: authorise with the object in hand, check guard rails, write, announce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from controlplane.accounts.access import Action, Target, authorise
from controlplane.accounts.actor import Actor
from controlplane.fleet.models import Host
from controlplane.gateway.calls import client
from controlplane.jobs.actions import retry, submit
from controlplane.jobs.models import Job
from controlplane.orchestrator.confinement import check_body
from controlplane.orchestrator.engine_requests import EngineRequest, container_action, create_body, pull_path
from controlplane.workloads.guardrails import guard_of
from controlplane.workloads.models import Container

__all__ = ["act_on_container", "host_target", "pull_image", "retry_job", "run_container", "submit_engine_request"]


def host_target(host: Host, type_: str = "host", id_: str = "", name: str = "") -> Target:
    """Return the target for an object on `host`."""
    if type_ == "host":
        id_, name = str(host.pk), host.name
    return Target(type=type_, id=id_, name=name, organisation_id=host.organisation_id, host_id=host.pk)


def submit_engine_request(
    actor: Actor, action: Action, target: Target, host: Host, request: EngineRequest, *, kind: str, request_id: str
) -> Job:
    """Authorise and submit one Engine API request as a job of kind `engine.<kind>`."""
    authorise(actor, action, target)
    stored: dict[str, Any] = {"method": request.method, "path": request.path, "headers": list(request.headers)}
    if request.body is not None:
        body = _confined(actor, kind, request.body, target, host.name, request_id)
        stored["body"] = orjson.dumps(body).decode()
    return submit(
        actor, action, target, kind=f"engine.{kind}", title=request.title, request=stored, host_name=host.name,
        request_id=request_id,
    )  # fmt: skip


def act_on_container(
    actor: Actor, host: Host, container: Container, action: str, params: Mapping[str, Any], *, request_id: str
) -> Job:
    """Submit a life-cycle action of the dashboard. Raises Invalid for missing parameters, Forbidden."""
    request = container_action(container.container_id, container.name, action, params)
    target = host_target(host, "container", container.container_id, container.name)
    return submit_engine_request(
        actor, Action.CONTAINER_CHANGE, target, host, request, kind=f"container.{action}", request_id=request_id
    )


def run_container(actor: Actor, host: Host, spec: Mapping[str, Any], *, request_id: str) -> Job:
    """Submit pull (as asked), create and start as one job. Raises Forbidden when guard rails are passed."""
    target = host_target(host, "container", "", str(spec.get("name") or spec["image"]))
    authorise(actor, Action.CONTAINER_CHANGE, target)
    body = _confined(actor, "container.run", create_body(spec), target, host.name, request_id)
    request = {
        "image": spec["image"],
        "name": spec.get("name") or "",
        "body": orjson.dumps(body).decode(),
        "start": bool(spec.get("start", True)),
        "pull": spec.get("pull", "missing"),
    }
    title = f"Run {spec.get('name') or spec['image']}"
    return submit(
        actor, Action.CONTAINER_CHANGE, target, kind="container.run", title=title, request=request,
        host_name=host.name, request_id=request_id,
    )  # fmt: skip


def pull_image(actor: Actor, host: Host, image: str, *, request_id: str) -> Job:
    """Submit a pull with its progress as the job's output."""
    target = host_target(host, "image", image, image)
    authorise(actor, Action.IMAGE_CHANGE, target)
    return submit(
        actor, Action.IMAGE_CHANGE, target, kind="image.pull", title=f"Pull {image}",
        request={"image": image, "path": pull_path(image)}, host_name=host.name, request_id=request_id,
    )  # fmt: skip


def retry_job(actor: Actor, job: Job, *, request_id: str) -> Job:
    """Submit an ended, unsuccessful job again as `actor`'s own: what it asks for, `actor` must be allowed to ask for.

    The caller has authorised the retry itself. Raises Conflict, NotFound, Forbidden.
    """
    host_name = job.host.name if job.host is not None else ""
    body = job.request.get("body")
    if body and guard_of(job.kind) is not None:
        target = Target(job.target_type, job.target_id, job.target_name, job.organisation_id, job.host_id)
        settled = _confined(actor, job.kind, orjson.loads(body), target, host_name, request_id)
        job.request = {**job.request, "body": orjson.dumps(settled).decode()}
    return retry(actor, job, request_id=request_id)


def _confined(
    actor: Actor, kind: str, body: Mapping[str, Any], target: Target, host_name: str, request_id: str
) -> Mapping[str, Any]:
    """`check_body` for threads; a body without a guard needs no host."""
    if guard_of(kind) is None:
        return body
    return client().run(check_body(actor, kind, body, target, request_id=request_id, host_name=host_name))
