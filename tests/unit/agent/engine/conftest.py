"""The engine over fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.rig import Rig, open_rig

_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv:/bin/sh\n"
_GROUP = b"root:x:0:\nwheel:x:10:root,web\n"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path, files={"etc/passwd": _PASSWD, "etc/group": _GROUP, "bin/sh": b"#!"}) as made:
        yield made
