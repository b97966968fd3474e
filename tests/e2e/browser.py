"""Headless Chromium for the journeys: Debian's own, with what the page says in its console held against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect

__all__ = ["AXE", "LIMIT_MS", "Visit", "launch"]

REPOSITORY = Path(__file__).resolve().parents[2]
AXE = REPOSITORY / "frontend/node_modules/axe-core/axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LIMIT_MS = 30_000
"""How long a condition may take on a busy machine; nothing waits this long when all is well."""

expect.set_options(timeout=LIMIT_MS)

# A refused session is how the page learns that nobody is signed in; a row asks for the load of a container that may be
# gone by then. Everything else that the console says is a fault.
EXPECTED = re.compile(r"\b401\b.*/api/v1/session\b|\b(404|409)\b.*/stats\b")


def launch(playwright: Playwright, program: str) -> Browser:
    """Start the browser."""
    return playwright.chromium.launch(executable_path=program, args=FLAGS)


class Visit:
    """One person's browser: a context, a page, and the complaints of its console."""

    def __init__(self, browser: Browser, url: str, *, scheme: str = "light", phone: bool = False) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.tolerated = EXPECTED
        size: Any = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
        self.context: BrowserContext = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        self.context.set_default_timeout(LIMIT_MS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type in ("error", "warning") and not self.tolerated.search(text):
            self.complaints.append(f"{message.type}: {text}")

    def open(self, path: str) -> Page:
        """Go to a path and wait until the application has drawn something."""
        self.page.goto(self.url + path)
        expect(self.page.locator("#root h1").first).to_be_visible()
        return self.page

    def sign_in(self, name: str, password: str) -> None:
        """Sign in by the form."""
        page = self.open("/login")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()

    def axe(self) -> list[str]:
        """Violations of WCAG 2.2 A and AA on the page as it is: rule, impact, and the first element."""
        # By evaluate, not by a script element: the page's own policy would refuse that, rightly.
        self.page.evaluate(AXE.read_text() + "; undefined")
        found = self.page.evaluate(
            """() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
                 .then((result) => result.violations.map(({ id, impact, nodes: [first] }) =>
                   `${id} (${impact}): ${first.html.slice(0, 200)} | ${first.failureSummary.slice(0, 300)}`))"""
        )
        return list(found)

    def close(self) -> None:
        """End the visit; AssertionError when the console had something to say."""
        self.context.close()
        assert not self.complaints, "the console says:\n" + "\n".join(self.complaints)
