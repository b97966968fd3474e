"""One instance and one browser for the whole run. The first journey uses the set-up link, so the order matters: pytest
runs the modules by name, and `test_1_first_steps.py` comes first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser import Visit, launch
from tests.e2e.quiet_network import quiet_browser
from tests.host_state import snapshot, wait_until_unchanged
from tests.instances import Instance, run_instance

NAME = "ines"
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def instance() -> Iterator[Instance]:
    nothing = snapshot()
    with run_instance(admin=False) as running:
        yield running
    left = wait_until_unchanged(nothing, str(running.data), running.agent_id)
    assert not left, f"left on the host: {left}"


@pytest.fixture(scope="session")
def setup_path(instance: Instance) -> str:
    """Path and query of the link that scripts/up printed."""
    found = re.search(r"(/setup\?token=\S+)", instance.output)
    assert found, instance.output
    return found.group(1)


@pytest.fixture(scope="session")
def browser(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    directory = tmp_path_factory.mktemp("browser")
    with quiet_browser("/usr/bin/chromium", instance.port, directory) as program, sync_playwright() as playwright:
        started = launch(playwright, program)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, instance: Instance) -> Iterator[Callable[..., Visit]]:
    """Starts visits; each is closed afterwards, and fails the test when its console complained."""
    visits: list[Visit] = []

    def start(**options: object) -> Visit:
        visits.append(Visit(browser, instance.url, **options))  # type: ignore[arg-type]
        return visits[-1]

    yield start
    for each in visits:
        each.close()


@pytest.fixture
def signed_in(visit: Callable[..., Visit]) -> Visit:
    """A visit of the administrator that the first journey made."""
    started = visit()
    started.sign_in(NAME, PASSWORD)
    return started
