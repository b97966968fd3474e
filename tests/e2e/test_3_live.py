"""What happens elsewhere shows by itself, and nothing is missing or doubled when a connection breaks."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.browser import Visit
from tests.instances import Instance, wait_until

COUNT = "i=0; while :; do i=$((i+1)); echo count $i; sleep 0.05; done"


def test_the_table_follows_the_engine(signed_in: Visit, instance: Instance) -> None:
    """Containers that the docker client runs, stops and removes come, change and go without a reload."""
    page = signed_in.open("/containers?q=name:elsewhere")
    instance.docker("run", "-d", "--name", "elsewhere", "mooring/starter", "sleep", "1000", check=True)
    row = page.get_by_role("row", name=re.compile("elsewhere"))
    expect(row.locator("[data-state=Running]")).to_be_visible()
    instance.docker("kill", "elsewhere", check=True)
    expect(row.locator("[data-state='Exited 137']")).to_be_visible()
    instance.docker("rm", "elsewhere", check=True)
    expect(row).to_have_count(0)


def numbers_in(path: Path) -> list[int]:
    return [int(each) for each in re.findall(r"count (\d+)$", path.read_text(), re.MULTILINE)]


def test_a_log_survives_every_break(signed_in: Visit, instance: Instance, tmp_path: Path) -> None:
    """The server and then the agent are killed while a log is followed: every line is there once."""
    # The sockets and requests that break are the point of this test.
    signed_in.tolerated = re.compile(r"WebSocket|Failed to load resource")
    run = instance.docker("run", "-d", "--name", "counter", "mooring/starter", "sh", "-c", COUNT, check=True)
    host = instance.docker("info", "--format", "{{.Name}}", check=True).stdout.strip()
    page = signed_in.open(f"/containers/{host}/{run.stdout.strip()[:12]}/logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text(re.compile(r"count \d+"))

    def last() -> int:
        seen = re.findall(r"count (\d+)", log.inner_text())
        return int(seen[-1]) if seen else 0

    for program in ("asgi", "gateway", "agent"):
        before = last()
        instance.kill(program)
        wait_until(lambda before=before: last() > before + 40, 180, f"lines again after {program} was killed")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download what is loaded").click()
    kept = tmp_path / "log"
    download.value.save_as(kept)
    numbers = numbers_in(kept)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] == 1


def test_scrolling_up_pauses(signed_in: Visit, instance: Instance) -> None:
    """While paused nothing on screen moves; following again shows the newest line."""
    run = instance.docker("run", "-d", "--name", "flow", "mooring/starter", "sh", "-c", COUNT, check=True)
    host = instance.docker("info", "--format", "{{.Name}}", check=True).stdout.strip()
    page = signed_in.open(f"/containers/{host}/{run.stdout.strip()[:12]}/logs")
    log = page.get_by_role("log")
    # Its rendered text: the lines stand apart there, and a number ends where it ends.
    expect(log).to_contain_text(re.compile(r"count \d{3}\b"), use_inner_text=True)
    log.hover()
    page.mouse.wheel(0, -400)
    follow = page.get_by_role("button", name=re.compile("^Follow"))
    expect(follow).to_be_visible()

    top = """e => { const box = e.getBoundingClientRect();
                     return document.elementFromPoint(box.left + 300, box.top + 40).textContent; }"""
    shown = log.evaluate(top)
    expect(page.get_by_text(re.compile(r"\b[1-9]\d new lines"))).to_be_visible()
    assert log.evaluate(top) == shown
    follow.click()
    expect(follow).to_have_count(0)
    newest = int(re.findall(r"count (\d+)", log.inner_text())[-1])
    expect(log).to_contain_text(re.compile(rf"count {newest + 20}\b"), use_inner_text=True)
