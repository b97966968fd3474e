"""What `--change` of commit and import makes of a configuration, as Docker Engine 26.1 does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agent.build.changes import apply_changes
from wire.engine.containers import ContainerConfig
from wire.errors import Invalid

BASE = {"Hostname": "box", "Env": ["PATH=/bin", "A=1"], "Cmd": ["sh"], "OnBuild": ["RUN x"]}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ([], {}),
        (["ENV PATH=/x:$PATH"], {"Env": ["PATH=/x:/bin", "A=1"]}),
        (["ENV B=$A/${A}x", "WORKDIR /$B", "LABEL l=$A 'a b'=c", "EXPOSE $A", "VOLUME /$A", "STOPSIGNAL $A",
          "USER u$A"],
         {"Env": ["PATH=/bin", "A=1", "B=1/1x"], "WorkingDir": "/1/1x", "Labels": {"a b": "c", "l": "1"},
          "ExposedPorts": {"1/tcp": {}}, "Volumes": {"/1": {}}, "StopSignal": "1", "User": "u1"}),
        (["ENTRYPOINT y z"], {"Entrypoint": ["/bin/sh", "-c", "y z"], "Cmd": None}),
        (["ENTRYPOINT"], {"Entrypoint": None, "Cmd": None}),
        (['CMD ["x"]', 'ENTRYPOINT ["y"]'], {"Entrypoint": ["y"], "Cmd": ["x"]}),
        (["CMD a \\\n b\nenv A=2"], {"Cmd": ["/bin/sh", "-c", "a  b"], "Env": ["PATH=/bin", "A=2"]}),
        (["ONBUILD RUN y"], {"OnBuild": ["RUN x", "RUN y"]}),
        (["HEALTHCHECK --interval=5s CMD a b"],
         {"Healthcheck": {"Test": ["CMD-SHELL", "a b"], "Interval": 5_000_000_000}}),
    ],
)  # fmt: skip
def test_changes(changes: list[str], fields: dict[str, Any]) -> None:
    config = msgspec.convert(BASE, type=ContainerConfig)
    expected = msgspec.to_builtins(config) | fields
    apply_changes(config, changes)
    assert msgspec.to_builtins(config) == expected


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("FROM x", "FROM is not a valid change command"),
        ("bogus", "bogus is not a valid change command"),
        ("# nothing", "file with no instructions"),
        ("ENV A=${B:?why}", 'failed to process "${B:?why}": B: why'),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ("STOPSIGNAL bogus", "invalid signal: bogus"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK --retries=x CMD a", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("EXPOSE x", "Invalid containerPort: x"),
    ],
)
def test_refused_changes(change: str, refusal: str) -> None:
    config = msgspec.convert(BASE, type=ContainerConfig)
    with pytest.raises(Invalid) as caught:
        apply_changes(config, ["ENV Q=1", change] if change[0] != "#" else [change])
    assert caught.value.message == refusal
    assert config == msgspec.convert(BASE, type=ContainerConfig)
