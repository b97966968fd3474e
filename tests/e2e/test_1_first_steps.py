"""From the set-up link to a container that ran, was looked into, and is gone again: all in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.browser import Visit
from tests.e2e.conftest import NAME, PASSWORD
from tests.instances import Instance

COUNTER = "sh -c 'trap exit TERM; i=0; while :; do i=$((i+1)); echo \"line $i\"; sleep 0.2; done'"


def set_up(visit: Visit, path: str) -> None:
    page = visit.open(path)
    expect(page.get_by_role("heading", name="Create the first administrator")).to_be_visible()
    assert visit.axe() == []
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Password", exact=True).fill("too short")
    expect(page.get_by_role("button", name="Create and continue")).to_be_disabled()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create and continue").click()
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()


def run_container(page: Page, name: str, command: str) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Containers").click()
    page.get_by_role("link", name="Run container").first.click()
    page.get_by_label("Image", exact=True).fill("mooring/starter")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Command", exact=True).fill(command)
    expect(page.get_by_label("docker run command")).to_contain_text(f"--name {name}")
    page.get_by_role("button", name="Run container").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.locator("[data-state=Running]").first).to_be_visible()


def test_the_first_journey(visit: Callable[..., Visit], instance: Instance, setup_path: str) -> None:
    """Set-up link → administrator → host online → run → log lines → terminal → stop → remove."""
    mine = visit()
    set_up(mine, setup_path)
    page = mine.page

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Hosts").click()
    row = page.get_by_role("region", name="Host table").locator("tbody tr").first
    expect(row.locator("[data-state=Ready], [data-state=Degraded]")).to_be_visible()
    expect(row).to_contain_text("Engine")

    run_container(page, "hello", COUNTER)

    page.get_by_role("navigation", name="Container", exact=True).get_by_role("link", name="Logs").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text(re.compile(r"line \d+"))
    numbers = [int(each) for each in re.findall(r"line (\d+)", log.inner_text())]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    later = numbers[-1] + 10
    expect(log).to_contain_text(re.compile(rf"line {later}\b"), use_inner_text=True)

    page.get_by_role("navigation", name="Container", exact=True).get_by_role("link", name="Terminal").click()
    screen = page.get_by_role("region", name="Terminal")
    expect(screen).to_have_attribute("data-terminal-state", "open")
    expect(screen.locator(".xterm-rows")).to_contain_text(re.compile(r"[#$]"))
    page.keyboard.type("echo $((6*7))-ok; id -u\n")
    expect(screen.locator(".xterm-rows")).to_contain_text("42-ok")

    page.get_by_role("button", name="Stop", exact=False).click()
    expect(page.locator("[data-state^=Exited]").first).to_be_visible()
    page.get_by_role("button", name="Remove…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The writable layer and the logs are deleted")
    dialog.get_by_role("button", name="Remove container").click()
    expect(page.get_by_role("heading", name="Containers", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="hello", exact=True)).to_have_count(0)
    assert instance.docker("ps", "-aq", "--filter", "name=hello").stdout == ""


def test_the_link_is_used_up(visit: Callable[..., Visit], setup_path: str) -> None:
    """The set-up link does nothing a second time."""
    page = visit().open(setup_path)
    expect(page.get_by_role("heading", name="Mooring is set up")).to_be_visible()


def test_a_wrong_password(visit: Callable[..., Visit]) -> None:
    """It is refused in place, and what was typed stays."""
    somebody = visit()
    page = somebody.open("/jobs?q=state:failed")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert somebody.axe() == []
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("Name", exact=True)).to_have_value(NAME)
    # The right one leads to where the link pointed, filter and all.
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(page.get_by_label("Filter jobs")).to_have_value("state:failed")
