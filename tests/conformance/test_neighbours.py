"""Two instances on one host, with objects of the same names, know nothing of each other, to the end of one of them.

The second one also has a TLS port, and a member who uses it from a docker context.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.conformance.conftest import IMAGE
from tests.host_state import snapshot, wait_until_unchanged
from tests.instances import PASSWORD, REPOSITORY, Instance, free_port, run_instance, wait_until

SERVE = "echo {word} > /srv/www/index.html; exec httpd -f -p 80 -h /srv/www"


def _fill(instance: Instance, word: str) -> int:
    """A served volume on a network, all of one name; returns the published port."""
    port = free_port()
    instance.docker("network", "create", "neighbour", check=True)
    instance.docker(
        "run", "-d", "--name", "neighbour", "--network", "neighbour", "-v", "neighbour:/srv/www", "-p", f"{port}:80",
        IMAGE, "sh", "-c", SERVE.format(word=word), check=True,
    )  # fmt: skip
    wait_until(lambda: _page(port) == word, 60, f"the container serves {word}")
    return port


def _page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode().strip())
    except OSError:
        return ""


def _seen_from_within(instance: Instance) -> str:
    """What a second container of the instance finds under the first one's name."""
    ask = ("run", "--rm", "--network", "neighbour", IMAGE, "wget", "-q", "-O", "-", "http://neighbour/")
    return instance.docker(*ask, check=True).stdout.strip()


def _certificate(directory: Path) -> list[str]:
    """The flags for a self-signed certificate of localhost and a free port."""
    chain, key = directory / "chain.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True,
    )  # fmt: skip
    return ["--tls-cert", str(chain), "--tls-key", str(key), "--tls-port", str(free_port())]


def _use_over_tls(instance: Instance, flags: list[str]) -> None:
    """What the documentation tells a member on another machine to do, and that it is all a member gets."""
    code = (
        "from controlplane.accounts.actions import create_token, create_user; "
        f"print(create_token(user_id=create_user(username='mel', password={PASSWORD!r}).pk, name='ci')[1])"
    )
    settings = {"MOORING_DATA": str(instance.data), "DJANGO_SETTINGS_MODULE": "controlplane.settings.production"}
    made = subprocess.run(
        [str(REPOSITORY / ".venv/bin/python"), "manage.py", "shell", "-v0", "-c", code], cwd=REPOSITORY, check=True,
        env={**os.environ, **settings}, capture_output=True, text=True,
    )  # fmt: skip
    configuration = instance.data / "member"
    configuration.mkdir()
    headers = {"HttpHeaders": {"Authorization": f"Bearer {made.stdout.split()[-1]}"}}
    (configuration / "config.json").write_text(json.dumps(headers))
    member = {"DOCKER_CONFIG": str(configuration), "DOCKER_HOST": "", "DOCKER_CONTEXT": "mooring"}
    address = f"host=tcp://localhost:{flags[5]}/env/default,ca={flags[1]}"
    instance.docker("context", "create", "mooring", "--docker", address, environment={**member, "DOCKER_CONTEXT": ""})
    done = instance.docker("exec", "-i", "neighbour", "sh", "-c", "cat; exit 7", input_="hi\n", environment=member)
    assert (done.returncode, done.stdout) == (7, "hi\n"), done.stderr
    assert instance.docker("run", "--rm", IMAGE, "echo", "hi", environment=member).stdout == "hi\n"
    instance.docker("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "bound", check=True)
    refused = instance.docker("run", "--rm", "-v", "bound:/e", IMAGE, "ls", "/e", environment=member)
    assert "asks for host path /etc as volume bound" in refused.stderr
    assert instance.docker("run", "--rm", "-v", "bound:/e", IMAGE, "ls", "/e", check=True).stdout


@pytest.mark.timeout(300)  # brings a second instance up
def test_neighbours_do_not_meet(instance: Instance, tmp_path: Path) -> None:
    nothing = snapshot()
    tls = _certificate(tmp_path)
    try:
        with run_instance(*tls) as other:
            ports = {word: _fill(one, word) for one, word in ((instance, "first"), (other, "second"))}
            assert {word: _page(port) for word, port in ports.items()} == {"first": "first", "second": "second"}
            assert (_seen_from_within(instance), _seen_from_within(other)) == ("first", "second")
            names = [one.docker("ps", "-q", check=True).stdout.split() for one in (instance, other)]
            assert [len(found) for found in names] == [1, 1]
            assert names[0] != names[1]
            _use_over_tls(other, tls)

            other.take_off()  # with its container running
            assert _page(ports["second"]) == ""
        left = wait_until_unchanged(nothing, str(other.data), other.agent_id)
        assert not left, f"left on the host: {left}"
        assert _page(ports["first"]) == "first"
        assert _seen_from_within(instance) == "first"
        assert instance.docker("ps", "-q", check=True).stdout.split() == names[0]
        assert instance.docker("volume", "ls", "-q", check=True).stdout.split() == ["neighbour"]
        instance.docker("restart", "-t", "0", "neighbour", check=True)
        wait_until(lambda: _page(ports["first"]) == "first", 60, "it is served after a restart as well")
    finally:
        instance.remove_all()
