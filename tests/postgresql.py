"""A PostgreSQL server of its own for tests: a fresh cluster in a temporary directory, unix socket only."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.instances import wait_until

__all__ = ["run_postgresql"]


def _programs() -> Path:
    """The directory of the newest installed server's programs."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


@contextlib.contextmanager
def run_postgresql() -> Iterator[str]:
    """Yield a database URL. The server refuses to run as root, so it runs as `postgres`."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="mooring-pg-", dir="/var/tmp"))
    shutil.chown(directory, "postgres", "postgres")
    as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    try:
        subprocess.run(
            [*as_postgres, str(programs / "initdb"), "-D", f"{directory}/data", "-A", "trust", "-U", "mooring", "-N",
             "--no-locale", "-E", "UTF8"],
            check=True, capture_output=True, cwd=directory,
        )  # fmt: skip
        with subprocess.Popen(
            [*as_postgres, str(programs / "postgres"), "-D", f"{directory}/data", "-k", str(directory),
             "-c", "listen_addresses=", "-c", "fsync=off"],
            cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as server:  # fmt: skip
            try:
                ready = [str(programs / "pg_isready"), "-h", str(directory), "-U", "mooring", "-q"]
                wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 60, "PostgreSQL answers")
                create = [str(programs / "createdb"), "-h", str(directory), "-U", "mooring", "mooring"]
                subprocess.run(create, check=True, capture_output=True)
                yield f"postgresql://mooring@/mooring?host={directory}"
            finally:
                server.terminate()
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(directory)
