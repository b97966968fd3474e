"""Image references in Docker's grammar: parsing, normalising, and the short form shown to people.

The grammar and the texts are those of the distribution project's `reference` package as Docker Engine 26.1 uses it. A
reference is `[domain/]path[:tag][@digest]`; a name without a domain belongs to `docker.io`, a single-segment path
there to `library/`. Comparisons are always on the normalised form; people are shown the familiar one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from wire.errors import Invalid

__all__ = [
    "DEFAULT_DOMAIN", "DEFAULT_TAG", "Reference", "is_digest", "is_identifier", "parse_reference", "parse_repository",
    "parse_tag",
]  # fmt: skip

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_MAX_NAME = 255

_ALNUM = r"[a-z0-9]+"
_COMPONENT = rf"{_ALNUM}(?:(?:\.|_|__|-+){_ALNUM})*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_IPV6 = r"\[(?:[a-fA-F0-9:]+)\]"
_DOMAIN = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|{_IPV6})(?::[0-9]+)?"
_TAG = r"[\w][\w.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

# ASCII only: \w must not let a Unicode letter into a tag.
_REFERENCE_RE = re.compile(rf"((?:{_DOMAIN}/)?{_PATH})(?::({_TAG}))?(?:@({_DIGEST}))?", re.ASCII)
_NAME_RE = re.compile(rf"(?:({_DOMAIN})/)?({_PATH})", re.ASCII)
_TAG_RE = re.compile(_TAG, re.ASCII)
_IDENTIFIER_RE = re.compile(r"[a-f0-9]{64}")
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True, slots=True)
class Reference:
    """A normalised reference. `domain` and `path` are never empty; `tag` and `digest` may be."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The repository, normalised: `docker.io/library/busybox`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it: `busybox`, `user/app`, `registry.example/app`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        rest = self.path.removeprefix(_OFFICIAL)
        # A name such as library/a.b/c would read as a domain when shortened further; Docker only shortens one segment.
        return self.path if "/" in rest else rest

    @property
    def is_name_only(self) -> bool:
        return not self.tag and not self.digest

    def with_default_tag(self) -> Reference:
        """This reference, with `latest` when it names neither a tag nor a digest."""
        return replace(self, tag=DEFAULT_TAG) if self.is_name_only else self

    def with_tag(self, tag: str) -> Reference:
        return Reference(self.domain, self.path, tag)

    def with_digest(self, digest: str) -> Reference:
        return Reference(self.domain, self.path, "", digest)

    def without_suffix(self) -> Reference:
        return Reference(self.domain, self.path)

    @property
    def familiar(self) -> str:
        """The whole reference as people write it: `busybox:1.36`, `busybox@sha256:…`."""
        return self._with_suffix(self.familiar_name)

    def __str__(self) -> str:
        """The whole normalised reference: `docker.io/library/busybox:1.36`."""
        return self._with_suffix(self.name)

    def _with_suffix(self, name: str) -> str:
        text = f"{name}:{self.tag}" if self.tag else name
        return f"{text}@{self.digest}" if self.digest else text


def is_identifier(text: str) -> bool:
    """Whether `text` is a full image id without its algorithm (64 lower-case hex digits)."""
    return _IDENTIFIER_RE.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether `text` is a digest of an algorithm Docker knows, well formed and in lower case."""
    algorithm, _, value = text.partition(":")
    wanted = _HEX_LENGTH.get(algorithm)
    return wanted is not None and len(value) == wanted and re.fullmatch(r"[a-f0-9]+", value) is not None


def parse_reference(text: str) -> Reference:
    """Parse what a user wrote. Raises Invalid with Docker's text; adds no tag (see `Reference.with_default_tag`)."""
    if is_identifier(text):
        raise Invalid(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, remainder = _split_domain(text)
    remote = remainder.split(":", 1)[0]
    if remote.lower() != remote:
        raise Invalid(f"invalid reference format: repository name ({remote}) must be lowercase")
    match = _REFERENCE_RE.fullmatch(f"{domain}/{remainder}")
    if match is None:
        raise Invalid("invalid reference format")
    name, tag, digest = match.group(1), match.group(2) or "", match.group(3) or ""
    if len(name) > _MAX_NAME:
        raise Invalid("repository name must not be more than 255 characters")
    if digest:
        _check_digest(digest)
    parts = _NAME_RE.fullmatch(name)
    if parts is None or not parts.group(1):
        raise Invalid("invalid reference format")
    return Reference(parts.group(1), parts.group(2), tag, digest)


def parse_repository(text: str, tag: str = "") -> Reference:
    """Parse what the `repo` and `tag` of a request name: `tag` counts before one in `repo`, `latest` without either.

    Raises Invalid with Docker's text, also for a digest.
    """
    reference = parse_reference(text)
    if reference.digest:
        raise Invalid("cannot import digest reference")
    return reference.with_tag(parse_tag(tag)) if tag else reference.with_default_tag()


def parse_tag(text: str) -> str:
    """Check a tag. Raises Invalid: `invalid tag format`."""
    if _TAG_RE.fullmatch(text) is None:
        raise Invalid("invalid tag format")
    return text


def _check_digest(digest: str) -> None:
    algorithm, _, value = digest.partition(":")
    wanted = _HEX_LENGTH.get(algorithm)
    if wanted is None:
        raise Invalid("unsupported digest algorithm")
    if len(value) != wanted or value.lower() != value:
        raise Invalid("invalid reference format")


def _split_domain(text: str) -> tuple[str, str]:
    """Split off the domain by Docker's rule: the first segment is one when it has a dot, a colon, an upper-case letter,
    or is `localhost`."""
    first, slash, rest = text.partition("/")
    if not slash or (not any(c in first for c in ".:") and first != "localhost" and first.lower() == first):
        domain, remainder = DEFAULT_DOMAIN, text
    else:
        domain, remainder = first, rest
    if domain == _LEGACY_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = _OFFICIAL + remainder
    return domain, remainder
