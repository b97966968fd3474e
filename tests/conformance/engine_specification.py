"""The Engine API's own OpenAPI document as a judge of answers, and everything in which it is not believed.

Every exclusion was checked with a Docker Engine 26.1: it answers the same request in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import requests
import schemathesis
import yaml
from docker.transport import UnixHTTPAdapter
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.internal.cache import LRUCache
from hypothesis.internal.conjecture import providers
from schemathesis import Case, GenerationMode, Response
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

__all__ = ["COMPAT", "OMITTED", "PINNED", "Door", "generate", "listed_operations", "load"]

COMPAT: Final = Path(__file__).resolve().parents[2] / "docs/compat.md"
_DOCUMENT: Final = Path(__file__).with_name("docker-engine-api.yaml")
_BASE: Final = "/v1.45"

Operation = tuple[str, str]

OMITTED: Final[dict[Operation, str]] = {
    ("POST", "/build"): "its body is an archive: asked in test_populated_objects",
    ("POST", "/images/load"): "its body is an archive: asked in test_populated_objects",
    ("PUT", "/containers/{id}/archive"): "its body is an archive: asked in test_populated_objects",
    ("GET", "/containers/{id}/attach/ws"): "a WebSocket: tests/conformance/test_docker_py.py",
    ("POST", "/session"): "an upgrade to BuildKit's protocol, refused: tests/unit/agent/api",
    ("GET", "/images/search"): "asks a registry: tests/integration",
    ("POST", "/images/create"): "asks a registry: test_docker_py.py and tests/integration",
    ("POST", "/images/{name}/push"): "asks a registry: test_docker_py.py and tests/integration",
    ("GET", "/distribution/{name}/json"): "asks a registry: tests/integration",
    ("POST", "/auth"): "asks a registry: test_docker_py.py and tests/integration",
    ("POST", "/plugins/create"): "its body is an archive: tests/unit/agent/engine/test_plugins.py",
}
"""Operations for which no requests are generated."""

PINNED: Final[dict[Operation, dict[str, str]]] = {
    ("GET", "/events"): {"since": "0", "until": "1"},
    ("GET", "/containers/{id}/logs"): {"follow": "0"},
    ("GET", "/containers/{id}/stats"): {"stream": "0", "one-shot": "1"},
    ("POST", "/containers/{id}/attach"): {"stream": "0"},
    ("POST", "/containers/{id}/wait"): {"condition": "not-running"},
    ("POST", "/containers/{id}/stop"): {"t": "0"},
    ("POST", "/containers/{id}/restart"): {"t": "0"},
}
"""Parameters that are not generated: with others the answer is endless, or waits."""

NULLABLE: Final = {
    "HostConfig/MemorySwappiness": "a pointer in Docker's source: null when not set",
    "ExecInspectResponse/ExitCode": "null until the process has ended",
    "ImageSummary/Labels": "null for an image without labels",
}
"""Null, too, where the document wants a value; so is every array and map (a nil slice or map of Go), `changes` among
them. Lists at the top of an answer stay lists."""

_STATUSES: Final[dict[Operation, dict[int, str]]] = {
    ("POST", "/containers/{id}/resize"): {409: "the container does not run"},
    ("POST", "/containers/{id}/pause"): {409: "the container does not run"},
    ("GET", "/containers/{id}/top"): {409: "the container does not run"},
    ("POST", "/volumes/create"): {404: "there is no such volume plugin", 503: "a cluster volume, and this is no swarm"},
    ("POST", "/images/{name}/tag"): {200: "without a repository there is nothing to do"},
    ("GET", "/images/{name}/get"): {404: "there is no such image"},
    ("GET", "/images/get"): {404: "there is no such image"},
    ("POST", "/networks/create"): {409: "a network of that name exists"},
}
"""Statuses that the document leaves out, besides 400: every operation can be asked badly."""

_SERVER_ERRORS: Final = (
    r"strconv\.\w+: parsing .*",  # a number in the query that is none
    r"ps: .*|error running ps: .*",
    r"Container \w+ is not paused",
    r"container \w+ is not connected to network .*",
    r"Cannot update container \w+: .*",  # what the kernel refuses
    r"invalid reference format.*",  # images/get
    r"Invalid escape keys .* provided",  # exec
    r".*: invalid signal: .*",  # stop, restart
    r"Conflict, cannot remove the default link name of the container",
)
"""What Docker calls a server's error though the client has asked for nonsense. Any other 500 is a fault."""


def load() -> BaseSchema:
    """The document, amended as said above (1 to 2 s)."""
    with _DOCUMENT.open() as file:
        document = yaml.load(file, Loader=yaml.CSafeLoader)
    document["basePath"] = _BASE
    for definition in document["definitions"].values():
        _allow_null(definition)
    for answer in _answers(document):
        _allow_null(answer, top=True)
    definitions = document["definitions"]
    definitions["Resources"]["properties"]["MemorySwappiness"]["x-nullable"] = True
    definitions["ImageSummary"]["properties"]["Labels"]["x-nullable"] = True
    paths = document["paths"]
    inspected = paths["/exec/{id}/json"]["get"]["responses"][200]["schema"]
    inspected["properties"]["ExitCode"]["x-nullable"] = True
    paths["/containers/{id}/changes"]["get"]["responses"][200]["schema"]["x-nullable"] = True
    return schemathesis.openapi.from_dict(document)


def _answers(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation.get("responses", {}).values():
                if "schema" in answer:
                    yield answer["schema"]


def _allow_null(part: Any, *, top: bool = False) -> None:
    if isinstance(part, dict):
        container = part.get("type") == "array" or (part.get("type") == "object" and "additionalProperties" in part)
        if container and not top:
            part.setdefault("x-nullable", True)
        for item in part.values():
            _allow_null(item)
    elif isinstance(part, list):
        for item in part:
            _allow_null(item)


def listed_operations() -> dict[Operation, str]:
    """The specification's operations as docs/compat.md has them, in its order: supported, partial or refused."""
    text, _, _ = COMPAT.read_text().partition("## Outside the specification")
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (\w+)", text, re.MULTILINE)
    return {(method, path): how for method, path, how in rows}


def generate(schema: BaseSchema, operation: Operation, examples: int) -> list[tuple[Case, int]]:
    """Requests that fit the document and requests that do not, always the same, each with a number to choose by."""
    method, path = operation
    asked = schema[path][method]
    # Both libraries also try what they find in the sources of loaded modules: then each commit would ask otherwise.
    fits, does_not = (
        asked.as_strategy(mode, feedback=NO_FEEDBACK) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )
    found: list[tuple[Case, int]] = []

    @settings(
        derandomize=True, database=None, deadline=None, max_examples=examples, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        case=st.one_of(fits, does_not),
        number=st.integers(0, 1_000_000),
    )
    def collect(case: Case, number: int) -> None:
        found.append((case, number))

    with (
        patch.object(providers, "_get_local_constants", providers.Constants),
        patch.object(providers, "CONSTANTS_CACHE", LRUCache(1024)),
    ):
        collect()
    return found


class Door:
    """One engine socket, asked over HTTP. `faults` collects what did not fit the document."""

    def __init__(self, schema: BaseSchema, socket: str) -> None:
        self.schema = schema
        self.faults: list[str] = []
        self._listed = listed_operations()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", UnixHTTPAdapter(f"http+{socket}", timeout=60))

    def close(self) -> None:
        self._session.close()

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        """A request that is not judged."""
        return self._session.request(method, f"http://localhost{_BASE}{path}", json=body)

    def ask(
        self, method: str, path: str, expected: int = 200, *, body: Any = None, query: dict[str, Any] | None = None,
        data: bytes | None = None, headers: dict[str, str] | None = None, **names: str,
    ) -> Any:  # fmt: skip
        """A request of ours; the answer must have the expected status and fit the document. Returns its JSON."""
        content = {} if body is None else {"body": body, "media_type": "application/json"}
        case = self.schema[path][method].Case(
            path_parameters=names, query=query or {}, headers=headers or {}, **content
        )
        fields = case.as_transport_kwargs(base_url=f"http://localhost{_BASE}")
        if data is not None:
            fields |= {"data": data, "headers": {"Content-Type": "application/x-tar"}}
        answer = self._send(fields)
        if answer.status_code != expected:
            self.faults.append(
                f"{method} {path} {names or ''}: {answer.status_code}, not {expected}: {answer.text[:300]}"
            )
        self._judge((method, path), case, answer)
        return answer.json() if answer.content.count(b"\n") == 1 and answer.content.startswith((b"{", b"[")) else None

    def ask_generated(self, operation: Operation, case: Case, names: dict[str, str]) -> None:
        """A generated request, about objects that there are or are not."""
        case.path_parameters = dict(names)
        case.query = {**(case.query or {}), **PINNED.get(operation, {})}
        self._judge(operation, case, self._send(case.as_transport_kwargs(base_url=f"http://localhost{_BASE}")))

    def _send(self, fields: dict[str, Any]) -> requests.Response:
        fields.pop("cookies", None)
        return self._session.request(**fields)

    def _judge(self, operation: Operation, case: Case, answer: requests.Response) -> None:
        status = answer.status_code
        if self._listed[operation] == "refused" and status in (501, 503):  # in place of what Docker would need a swarm,
            self._judge_error(operation, answer, case)  # or a search index for
            return
        documented = case.operation.responses.get(str(status)) is not None
        if status == 500:
            text = answer.json()["message"]
            if not any(re.fullmatch(pattern, text, re.DOTALL) for pattern in _SERVER_ERRORS):
                self._fault(operation, answer, "server error", case)
        elif not documented and status != 400 and status not in _STATUSES.get(operation, {}):
            self._fault(operation, answer, "undocumented status", case)
        if status >= 400:
            self._judge_error(operation, answer, case)
        elif documented and answer.content:
            self._judge_success(operation, answer, case)

    def _judge_error(self, operation: Operation, answer: requests.Response, case: Case) -> None:
        if operation == ("POST", "/containers/{id}/attach"):  # told as text: the connection is no longer HTTP's
            return
        try:
            document = answer.json() if answer.content else {"message": ""}  # nothing follows the head of a HEAD
        except ValueError:
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("message"), str):
            self._fault(operation, answer, 'an error is {"message": text}', case)

    def _judge_success(self, operation: Operation, answer: requests.Response, case: Case) -> None:
        checks = [response_schema_conformance, response_headers_conformance]
        if operation == ("GET", "/events"):  # many documents under the type of one, in Docker's way
            answers = [_alone(answer, line) for line in answer.content.splitlines()]
        else:
            answers = [Response.from_requests(answer, verify=True)]
            checks.append(content_type_conformance)
        for part in answers:
            try:
                case.validate_response(part, checks=checks)
            except BaseExceptionGroup as group:
                for error in group.exceptions:
                    self._fault(operation, answer, str(error), case)

    def _fault(self, operation: Operation, answer: requests.Response, what: str, case: Case) -> None:
        asked = f"{answer.request.path_url[:300]} {str(answer.request.body or '')[:300]}"
        told = answer.content[:300].decode(errors="replace")
        self.faults.append(
            f"{' '.join(operation)}: {what[:800]}\n  asked: {asked}\n  told: {answer.status_code} {told}"
        )


def _alone(answer: requests.Response, line: bytes) -> Response:
    part = Response.from_requests(answer, verify=True)
    part.content = line
    return part
