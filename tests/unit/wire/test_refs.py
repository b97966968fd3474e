"""References: Docker's grammar, its texts as Engine 26.1 answers them, and that parsing and formatting are inverses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import Invalid
from wire.refs import Reference, is_digest, parse_reference, parse_repository, parse_tag

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "normalised", "familiar"),
    [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("docker.io", "docker.io/library/docker.io", "docker.io"),
        ("localhost/x", "localhost/x", "localhost/x"),
        ("LOCALHOST/x", "LOCALHOST/x", "LOCALHOST/x"),
        ("index.docker.io/x:1", "docker.io/library/x:1", "x:1"),
        ("user/app:T", "docker.io/user/app:T", "user/app:T"),
        ("docker.io/a.b/c", "docker.io/a.b/c", "a.b/c"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("127.0.0.1:5000/a/b__c:v1.0-x", "127.0.0.1:5000/a/b__c:v1.0-x", "127.0.0.1:5000/a/b__c:v1.0-x"),
        (f"x:1@sha256:{HEX}", f"docker.io/library/x:1@sha256:{HEX}", f"x:1@sha256:{HEX}"),
        ("sha256:abc", "docker.io/library/sha256:abc", "sha256:abc"),
    ],
)
def test_names_are_normalised_and_shortened_as_docker_does(text: str, normalised: str, familiar: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.familiar) == (normalised, familiar)
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
        ("reg.io:5000/X/y", "invalid reference format: repository name (X/y) must be lowercase"),
        ("a b", "invalid reference format"),
        ("", "invalid reference format"),
        ("x:", "invalid reference format"),
        (":x", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("x:-a", "invalid reference format"),
        ("x:é", "invalid reference format"),
        ("x\n", "invalid reference format"),
        ("x:1\n", "invalid reference format"),
        ("../x", "invalid reference format"),
        ("x:<script>", "invalid reference format"),
        ("x:" + "t" * 129, "invalid reference format"),
        ("x@sha256:12", "invalid reference format"),
        (f"x@sha256:{HEX.upper()}", "invalid reference format"),
        ("x@sha256:../../x", "invalid reference format"),
        ("x@md5:" + "ab" * 16, "unsupported digest algorithm"),
        ("a" * 300, "repository name must not be more than 255 characters"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_bad_references_are_refused_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_reference(text)
    assert caught.value.message == message


def test_the_default_tag_is_added_only_to_a_bare_name() -> None:
    assert parse_reference("x").with_default_tag().tag == "latest"
    assert parse_reference("x:1").with_default_tag().tag == "1"
    assert parse_reference(f"x@sha256:{HEX}").with_default_tag().tag == ""


def test_a_digest_cannot_be_tagged() -> None:
    with pytest.raises(Invalid, match="cannot import digest reference"):
        parse_repository(f"x@sha256:{HEX}")
    with pytest.raises(Invalid, match="invalid tag format"):
        parse_tag("a:b")


@pytest.mark.parametrize("text", ["sha256:../../x", "sha256:" + "A" * 64, "sha256:ab", "md5:" + "a" * 32, "a" * 64])
def test_a_digest_is_never_something_that_could_be_a_path(text: str) -> None:
    assert not is_digest(text)


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except Invalid:
        return
    assert parse_reference(str(reference)) == reference
    assert parse_reference(reference.familiar) == reference
    assert isinstance(reference, Reference)
