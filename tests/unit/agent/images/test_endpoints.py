"""Where registries are looked for, when plain HTTP is allowed, and whose certificates are believed."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from agent.images.registry.auth import parse_challenges
from agent.images.registry.client import connect, new_session
from agent.images.registry.endpoints import Endpoint, Endpoints, proxy_for
from tests.fakes.registry import run_fake_registry
from wire.errors import Internal


@pytest.mark.parametrize(
    ("domain", "insecure"),
    [
        ("localhost", True), ("localhost:5000", True), ("127.0.0.1:5000", True), ("127.8.9.1", True),
        ("[::1]:5000", True), ("reg.example", False), ("10.1.2.3:5000", True), ("10.2.0.1", False),
        ("known.example:5000", True), ("known.example", False), ("whole.example:1", True),
        ("127.0.0.1.evil.example", False), ("localhost.evil.example", False),
    ],
)  # fmt: skip
def test_plain_http_is_for_loopback_and_what_was_configured(domain: str, insecure: bool) -> None:
    endpoints = Endpoints(["10.1.0.0/16", "known.example:5000", "whole.example"])
    assert endpoints.is_insecure(domain) is insecure
    schemes = [endpoint.url.partition(":")[0] for endpoint in endpoints.pull(domain)]
    assert schemes == (["https", "http"] if insecure else ["https"])


def test_mirrors_are_for_the_default_registry_and_never_pushed_to() -> None:
    endpoints = Endpoints([], ["https://mirror.example/", "http://127.0.0.1:5000"])
    assert [endpoint.url for endpoint in endpoints.pull("docker.io")] == [
        "https://mirror.example", "http://127.0.0.1:5000", "https://registry-1.docker.io",
    ]  # fmt: skip
    assert [endpoint.url for endpoint in endpoints.push("docker.io")] == ["https://registry-1.docker.io"]
    assert [endpoint.url for endpoint in endpoints.pull("other.example")] == ["https://other.example"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Bearer realm="https://a/t",service="s, x",scope="repository:a:pull,push"',
         [("bearer", {"realm": "https://a/t", "service": "s, x", "scope": "repository:a:pull,push"})]),
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        (r'Bearer realm="a\"b" , error=x', [("bearer", {"realm": 'a"b', "error": "x"})]),
        ("", []),
        ('=="', []),
    ],
)  # fmt: skip
def test_challenges_are_parsed(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(found.scheme, found.parameters) for found in parse_challenges([header])] == expected


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://reg.example/v2/", "http://proxy.example:3128"),
        ("http://reg.example/v2/", None),
        ("https://near.example/v2/", None),
        ("https://127.0.0.1:5000/v2/", None),
        ("https://[::1]:5000/v2/", None),
        ("https://localhost:5000/v2/", None),
    ],
)
def test_the_environments_proxy_is_used_but_never_for_loopback(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")
    assert proxy_for(url) == proxy


async def test_a_registry_behind_a_proxy_is_asked_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_fake_registry() as proxy, new_session() as session:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        client = await connect(session, [Endpoint("http://reg.example")], None)
        assert client.endpoint.url == "http://reg.example"
        assert proxy.requests


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A directory with `ca.crt` (self-signed for 127.0.0.1) and `key.pem`."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.crt", "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return tmp_path


async def test_an_unknown_authority_is_refused_and_a_known_one_believed(certificate: Path, tmp_path: Path) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate / "ca.crt", certificate / "key.pem")
    async with run_fake_registry(server) as registry, new_session() as session:
        url = f"https://{registry.address}"
        with pytest.raises(Internal) as caught:
            await connect(session, [Endpoint(url)], None)
        assert caught.value.message == (
            f'Get "{url}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority'
        )
        [insecure, _] = Endpoints().pull(registry.address)
        await connect(session, [insecure], None)
        trusted = tmp_path / "certs.d" / registry.address
        trusted.mkdir(parents=True)
        (trusted / "ca.crt").write_bytes((certificate / "ca.crt").read_bytes())
        endpoints = Endpoints(certificates=tmp_path / "certs.d")
        context = endpoints._tls(registry.address)
        assert isinstance(context, ssl.SSLContext)
        context.check_hostname, context.verify_mode = True, ssl.CERT_REQUIRED  # loopback alone is not verified
        await connect(session, [Endpoint(url, context)], None)


async def test_a_plain_server_behind_https_is_named(tmp_path: Path) -> None:
    async with run_fake_registry() as registry, new_session() as session:
        with pytest.raises(Internal, match="http: server gave HTTP response to HTTPS client"):
            await connect(session, [Endpoint(f"https://{registry.address}")], None)
        client = await connect(session, Endpoints().pull(registry.address), None)
        assert client.endpoint.is_plain


def test_unreadable_certificates_are_an_error_and_not_ignored(tmp_path: Path) -> None:
    (tmp_path / "reg.example").mkdir()
    (tmp_path / "reg.example" / "ca.crt").write_text("not a certificate")
    with pytest.raises(Internal, match="could not read the certificates"):
        Endpoints(certificates=tmp_path).pull("reg.example")
