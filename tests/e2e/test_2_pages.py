"""Every page, in both colour schemes and on a phone: no violation of WCAG 2.2 A and AA, no sideways scrolling, and a
console that is silent about the content security policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Visit
from tests.e2e.conftest import NAME, PASSWORD
from tests.instances import Instance

PAGES = [
    "/", "/containers", "/containers?view=attention", "/run?image=mooring/starter", "/images", "/volumes", "/networks",
    "/hosts", "/hosts?add=1", "/jobs", "/audit", "/settings", "/settings?tab=members", "/settings?tab=appearance",
    "/settings?tab=about", "/no-such-page",
]  # fmt: skip
TABS = ["", "/logs", "/terminal", "/stats", "/inspect"]
VIEWS = {"light": {"scheme": "light"}, "dark": {"scheme": "dark"}, "phone": {"scheme": "light", "phone": True}}


@pytest.fixture(scope="module")
def pages(instance: Instance) -> Iterator[list[str]]:
    """Addresses of all pages, with one container that runs and writes."""
    command = ["sh", "-c", 'while :; do echo \'{"level":"warn","msg":"x"}\'; echo plain >&2; sleep 1; done']
    run = instance.docker(
        "run",
        "-d",
        "--name",
        "sample",
        "-v",
        "sample-data:/data",
        "-p",
        "18437:80",
        "mooring/starter",
        *command,
        check=True,
    )
    host = instance.docker("info", "--format", "{{.Name}}", check=True).stdout.strip()
    container = f"/containers/{host}/{run.stdout.strip()[:12]}"
    yield [*PAGES, *(container + tab for tab in TABS)]
    instance.remove_all()


@pytest.mark.parametrize("view", VIEWS)
def test_every_page(view: str, pages: list[str], visit: Callable[..., Visit]) -> None:
    """One visit over all pages."""
    somebody = visit(**VIEWS[view])
    somebody.sign_in(NAME, PASSWORD)
    found: list[str] = []
    for path in pages:
        page = somebody.open(path)
        expect(page.locator("main")).to_be_visible()
        # What a page asks for has arrived: nothing is under way any more.
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        found += [f"{path}: {violation}" for violation in somebody.axe()]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{path}: scrolls sideways")
    assert not found, "\n".join(found)


def test_the_palette_and_the_keys(signed_in: Visit) -> None:
    """Ctrl-K finds pages; g and j go to the jobs; ? lists the keys."""
    page = signed_in.page
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("netw")
    expect(page.get_by_role("option", name="Networks")).to_be_visible()
    assert signed_in.axe() == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Networks", exact=True)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("search or jump to")


def test_the_command_fills_the_form(signed_in: Visit) -> None:
    """The equal command can be edited, and the form follows."""
    page = signed_in.open("/run")
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("docker run command").fill(
        "docker run -d --name web -p 18080:80 -e A=1 -m 64m mooring/starter httpd -f"
    )
    page.get_by_role("button", name="Fill the form").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("web")
    expect(page.get_by_label("Host port 1")).to_have_value("18080")
    expect(page.get_by_label("Variable 1")).to_have_value("A")
    expect(page.get_by_label("Memory", exact=True)).to_have_value("64")
    expect(page.get_by_label("Command", exact=True)).to_have_value("httpd -f")
