"""Golden transcripts of classic builds: what Docker Engine 26.1 answered to many small Dockerfiles.

    python tests/integration/build/transcripts.py unix:///run/docker.sock CASES.json GOLDEN.json

records them anew from an engine that has `busybox:latest`. A case is a Dockerfile, further files of the context (null
for a directory, a one-item list for a symlink) and a query; its transcript is the status, the messages with ids made
equal, and history and configuration of the image. Each case is built without the cache, so that cases are independent.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["context_of", "image_facts", "normalised"]

_ID = re.compile(r"\b[0-9a-f]{12}\b")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def context_of(case: Mapping[str, Any]) -> bytes:
    """The case's context as a tar with times of zero."""
    out = io.BytesIO()
    files = {"Dockerfile": case["dockerfile"], **case.get("files", {})}
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            elif isinstance(content, list):
                info.type, info.linkname = tarfile.SYMTYPE, content[0]
                archive.addfile(info)
            else:
                data = content.encode()
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def normalised(messages: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Messages as they compare: streams as text with ids replaced, pieces of output joined."""
    lines: list[Any] = []
    for message in messages:
        if set(message) == {"stream"}:
            text = _DIGEST.sub("DIGEST", message["stream"])
            if text.startswith((" ---> ", "Successfully built")):
                text = _ID.sub("ID", text)
            if lines and isinstance(lines[-1], str) and not text.startswith((" ---> ", "Step ", "Succ")):
                lines[-1] = (lines[-1] + text).replace("\x1b[0m\x1b[91m", "")  # one text in two pieces
            else:
                lines.append(text)
        else:
            lines.append(json.loads(_DIGEST.sub("DIGEST", json.dumps(message))))
    return lines


def image_facts(config: Mapping[str, Any], history: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """What of an image is compared: configuration without ids, history newest first with sizes."""
    kept = {name: value for name, value in config.items() if name != "Image" and value not in (None, "", False)}
    return {"config": kept, "history": [[text, size] for text, size in history if text]}


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _ask(path: str, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = _Connection(path)
    connection.request(method, f"/v1.45{target}", body, {"Content-Type": "application/x-tar"})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def _record(path: str, case: Mapping[str, Any]) -> dict[str, Any]:
    status, data = _ask(path, "POST", f"/build?nocache=1&forcerm=1&{case.get('query', '')}", context_of(case))
    messages = [json.loads(line) for line in data.splitlines()]
    made: dict[str, Any] = {"status": status, "messages": normalised(messages)}
    ids = [message["aux"]["ID"] for message in messages if "aux" in message]
    if ids:
        image = json.loads(_ask(path, "GET", f"/images/{ids[-1]}/json")[1])
        history = json.loads(_ask(path, "GET", f"/images/{ids[-1]}/history")[1])
        entries = [(entry["CreatedBy"], entry["Size"]) for entry in history]
        made["image"] = image_facts(image["Config"], entries)
    return made


def main() -> int:
    """Record every case."""
    engine, cases, golden = sys.argv[1:]
    path = engine.removeprefix("unix://")
    recorded = [{**case, "expected": _record(path, case)} for case in json.loads(Path(cases).read_text())]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in recorded)
    Path(golden).write_text(f"[\n{lines}\n]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
