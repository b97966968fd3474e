"""Files from elsewhere: `ADD https://…`, `ADD` of a git repository, and build contexts given by URL.

git runs with nothing of this host's configuration, no prompts, no hooks, no transports but http, https and git, and
fetches no submodules: a repository is data. ssh would need a key, and a build is given none of this host's.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp

from agent.build.copy_sources import CopyItem, find_items
from agent.build.file_tree import FileTree
from agent.build.step_context import new_container_id
from agent.host import spawn
from agent.host.lookup import HostResolver
from agent.images.progress import transfer
from agent.images.registry.errors import unreachable
from agent.ports.images import Progress
from wire.errors import Forbidden, Internal, Invalid, MooringError, NotFound, Unauthenticated

__all__ = ["Download", "RemoteSource", "clone_repository", "download", "fetch_source", "is_git_source", "is_url"]

_LIMIT_BYTES = 16 << 30
_PIECE = 1 << 20
_REDIRECTS_MAX = 5
_REFUSAL_BYTES_MAX = 64 << 10
_REFUSALS: dict[int, type[MooringError]] = {400: Invalid, 401: Unauthenticated, 403: Forbidden, 404: NotFound}
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=30, sock_read=120)
_GIT_URL = re.compile(r"^(?:git://|git@[^/]+:|ssh://|https?://[^#]+\.git(?:#|$))")
_GIT_REF = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_./@+-]*$")
_GIT_TIMEOUT_S = 600.0
_GIT_SETTINGS = (
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.git.allow=always",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=true",
    "credential.helper=",
    "transfer.fsckObjects=true",
    "submodule.recurse=false",
    "advice.detachedHead=false",
)


def is_url(text: str) -> bool:
    """Whether a source is fetched by HTTP."""
    return text.startswith(("http://", "https://")) and not is_git_source(text)


def is_git_source(text: str) -> bool:
    """Whether a source names a git repository."""
    return bool(_GIT_URL.match(text)) or text.startswith("github.com/")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSource:
    """What was fetched, in a directory that goes when the block ends. `name` is a file's, "" for a whole tree."""

    root: Path
    name: str = ""

    def items(self, tree: FileTree) -> list[CopyItem]:
        """The items it stands for; a file's hash stands without its kind, as Docker shows it in history. Blocking."""
        items = find_items(tree, self.name or "/", exclude=None, in_context=False)
        return [replace(item, digest=item.digest.removeprefix("file:")) for item in items] if self.name else items


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file fetched by HTTP. `modified_ns` is the server's `Last-Modified`, 0 when it gave none."""

    path: Path
    content_type: str
    sha256: str
    modified_ns: int
    size_bytes: int
    announced: bool  # the server told the size before

    def progress(self) -> list[Progress]:
        """What a client is told of the fetch, in Docker's shape: of an empty file also that it has ended."""
        if not self.size_bytes:
            return [{"status": "Downloading", "progressDetail": {}}, {}, {"stream": "\n"}]
        line = transfer("", "Downloading", self.size_bytes, self.size_bytes if self.announced else 0)
        del line["id"]
        return [line, {"stream": "\n"}]


@asynccontextmanager
async def fetch_source(
    source: str, *, scratch: Path, checksum: str, keep_git_dir: bool, destination: str, tell: Callable[[Progress], None]
) -> AsyncIterator[RemoteSource]:
    """Have what `source` names for the length of the block. Raises Invalid or Internal with what went wrong; `tell` has
    been told of a fetch then as well."""
    directory = scratch / new_container_id()
    directory.mkdir(mode=0o700, parents=True)
    try:
        if is_git_source(source):
            if checksum:
                raise Invalid("checksum can't be specified for git sources")
            subdirectory = await clone_repository(source, directory / "tree")
            if not keep_git_dir:
                shutil.rmtree(directory / "tree" / ".git", ignore_errors=True)
            yield RemoteSource(root=subdirectory)
            return
        fetched = await download(source, directory / "fetched")
        for line in fetched.progress():
            tell(line)
        name = _file_name(source, destination)
        if checksum and f"sha256:{fetched.sha256}" != checksum.lower():
            raise Invalid(f"digest mismatch sha256:{fetched.sha256}: {checksum}")
        os.chmod(fetched.path, 0o600)
        os.utime(fetched.path, ns=(fetched.modified_ns, fetched.modified_ns))
        fetched.path.rename(directory / name)
        yield RemoteSource(root=directory, name=name)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _file_name(url: str, destination: str) -> str:
    """The name a file gets: the URL's last part, or the destination's when that is a file's."""
    name = posixpath.basename(unquote(urlsplit(url).path))
    if not destination.endswith("/"):
        return posixpath.basename(destination) or name or "index"
    if name in ("", ".", "..") or "/" in name:
        raise Invalid(f"cannot determine filename for source {url}")
    return name


async def download(url: str, path: Path) -> Download:
    """Fetch `url` into the new file `path`. Raises Internal in the words Docker has for it."""
    if not urlsplit(url).hostname:
        raise Internal(f'Get "{url.replace("//", "", 1)}": http: no Host in request URL')
    digest = hashlib.sha256()
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=HostResolver()),
                timeout=_TIMEOUT,
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.get(url, max_redirects=_REDIRECTS_MAX) as answer,
        ):
            if answer.status >= 400:
                said = (await answer.content.read(_REFUSAL_BYTES_MAX)).decode("utf-8", "replace").strip()
                kind = _REFUSALS.get(answer.status, Internal)
                raise kind(f"failed to GET {url} with status {answer.status} {answer.reason}: {said}")
            size = 0
            with open(path, "xb") as file:
                async for piece in answer.content.iter_chunked(_PIECE):
                    size += len(piece)
                    if size > _LIMIT_BYTES:
                        raise Internal(f"{url} is larger than {_LIMIT_BYTES} bytes")
                    digest.update(piece)
                    file.write(piece)
            return Download(
                path=path,
                content_type=answer.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                sha256=digest.hexdigest(),
                modified_ns=_http_time_ns(answer.headers.get("Last-Modified", "")),
                size_bytes=size,
                announced=answer.content_length is not None,
            )
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        raise unreachable(error, "Get", url) from error


def _http_time_ns(text: str) -> int:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (TypeError, ValueError):
        return 0


async def clone_repository(source: str, target: Path) -> Path:
    """Check out `URL[#ref[:subdirectory]]` at `target`; returns the directory that is meant.

    Raises Invalid for a source that cannot be one, Internal with what git said.
    """
    url, _, fragment = source.partition("#")
    if url.startswith("github.com/"):
        url = f"https://{url}"
    if url.startswith(("ssh://", "git@")):
        raise Invalid(f"cannot fetch {url}: ssh needs a key, and a build is given none; use https")
    ref, _, subdirectory = fragment.partition(":")
    if ref and not _GIT_REF.match(ref):
        raise Invalid(f"invalid refspec: {ref}")
    git = shutil.which("git", path=spawn.CLEAN_ENVIRONMENT["PATH"])
    if git is None:
        raise Internal("unable to find 'git': executable file not found in $PATH")
    target.mkdir(mode=0o700)
    environment = {
        **spawn.CLEAN_ENVIRONMENT,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "HOME": str(target),
    }
    settings = [word for setting in _GIT_SETTINGS for word in ("-c", setting)]

    async def run(*words: str) -> None:
        done = await spawn.run([git, *settings, "-C", str(target), *words], env=environment, timeout_s=_GIT_TIMEOUT_S)
        if done.code:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise Internal(f"error fetching: {said}: exit status {done.code}")

    await run("init", "-q", "--template=")
    await run("remote", "add", "origin", "--", url)
    fetch = ("fetch", "-q", "--no-recurse-submodules")
    try:
        await run(*fetch, "--depth=1", "--", "origin", ref or "HEAD")
    except Internal as error:
        if "shallow" not in error.message:
            raise
        await run(*fetch, "--", "origin", ref or "HEAD")  # a plain file server cannot give a part of the history
    await run("checkout", "-q", "-f", "FETCH_HEAD")
    return _subdirectory(target, subdirectory)


def _subdirectory(root: Path, path: str) -> Path:
    if not path:
        return root
    cleaned = posixpath.normpath(f"/{path}").lstrip("/")
    found = (root / cleaned).resolve()
    if not found.is_relative_to(root.resolve()) or not found.is_dir():
        raise Invalid(f"error setting git context, {path!r} not within git root")
    return found
