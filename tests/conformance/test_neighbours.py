"""Two instances on one host, with objects of the same names, know nothing of each other, to the end of one of them."""

from __future__ import annotations

import urllib.request

import pytest

from tests.conformance.conftest import IMAGE
from tests.host_state import snapshot, wait_until_unchanged
from tests.instances import Instance, free_port, run_instance, wait_until

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


@pytest.mark.timeout(300)  # brings a second instance up
def test_neighbours_do_not_meet(instance: Instance) -> None:
    nothing = snapshot()
    try:
        with run_instance() as other:
            ports = {word: _fill(one, word) for one, word in ((instance, "first"), (other, "second"))}
            assert {word: _page(port) for word, port in ports.items()} == {"first": "first", "second": "second"}
            assert (_seen_from_within(instance), _seen_from_within(other)) == ("first", "second")
            names = [one.docker("ps", "-q", check=True).stdout.split() for one in (instance, other)]
            assert [len(found) for found in names] == [1, 1]
            assert names[0] != names[1]

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
