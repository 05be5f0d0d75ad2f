"""Row D2: whoever rearranges, renames, adds, edits and removes cameras on the page disturbs no other camera."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from evertape.mp4.scan import scan
from evertape_lab import LabCameras
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.sei import find_frames
from hub.served_hub import ServedHub, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

YARD = "et-live[camera=yard]"
PASSWORD = "correct horse battery"


@pytest.fixture
def cameras() -> Iterator[LabCameras]:
    with LabCameras(count=3) as lab:
        yield lab


@pytest.fixture
def served(tmp_path: Path, cameras: LabCameras) -> Iterator[ServedHub]:
    yard, gate, _ = cameras.urls
    hub = ServedHub(tmp_path / "data", f'[cameras.yard]\nurl = "{yard}"\n[cameras.gate]\nurl = "{gate}"\n')
    hub.start()
    hub.log_in()
    until(lambda: hub.frames("yard") and hub.frames("gate"), "both are recorded")
    yield hub
    hub.stop()


class Watcher:
    """Keeps what a page receives of the yard's live pictures."""

    def __init__(self, page: Page) -> None:
        self.received: list[bytes] = []
        self.lines: list[WebSocket] = []
        self.closed: list[WebSocket] = []
        page.on("websocket", self._opened)

    def _opened(self, line: WebSocket) -> None:
        if "/cameras/yard/live" in line.url:
            self.lines.append(line)
            line.on("framereceived", self._received)
            line.on("close", self._closed)

    def _received(self, data: bytes | str) -> None:
        if isinstance(data, bytes):
            self.received.append(data)

    def _closed(self, line: WebSocket) -> None:
        self.closed.append(line)

    def numbers(self) -> list[int]:
        """Of the pictures, in the order in which they came."""
        return [frame.n for frame in find_frames(b"".join(self.received))]


def opened(context: Any, served: ServedHub) -> Page:
    page: Page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{served.url()}/#/settings/cameras")
    return page


def log_in(page: Page) -> None:
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Add a camera").wait_for()


def item(page: Page, name: str) -> Any:
    return page.locator(".item").filter(has=page.locator("h3", has_text=name))


def edit(page: Page, camera: str, field: str, value: str) -> None:
    item(page, camera).get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").locator(f"[name={field}]").fill(value)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def add(page: Page, name: str, url: str) -> None:
    page.get_by_role("button", name="Add a camera").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("URL").fill(url)
    dialog.get_by_role("button", name="Look at it").click()
    expect(dialog.locator(".probe-ok")).to_contain_text("H264", timeout=40_000)
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_role("button", name="Save and record").click()
    expect(item(page, name)).to_be_visible()


def remove(page: Page, name: str) -> None:
    item(page, name).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(item(page, name)).to_have_count(0)


def rearrange(page: Page) -> None:
    """The grid, in which the yard stays: larger and smaller, one picture only, and at another place."""
    for size in ("3 × 3", "1 × 1", "2 × 2"):
        page.get_by_role("button", name=size).click()
    page.locator(".cell[data-camera=yard]").focus()
    page.keyboard.press("Control+ArrowRight")
    page.locator(".cell[data-camera=yard]").drag_to(page.locator(".cell").nth(2))
    places = page.evaluate("[...document.querySelectorAll('.cell')].map((e) => e.dataset.camera ?? '')")
    assert places[2] == "yard" and len(places) == 4, places
    page.locator(".cell[data-camera=yard]").dblclick()
    expect(page.locator(".cell")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".cell")).to_have_count(4)


def sessions(cameras: LabCameras, name: str) -> int:
    """How often a camera was asked what it has, which each session begins with."""
    return sum(seen.method == "DESCRIBE" and seen.camera == name for seen in cameras.asked)


def epoch(path: Path) -> str:
    """The session that a file is of."""
    with path.open("rb") as file:
        return scan(file).header.epoch


def width(served: ServedHub, camera: str) -> int:
    return int(served.camera(camera)["streams"][0]["width"])


@pytest.mark.timeout(150)
def test_while_others_are_arranged_renamed_added_edited_and_removed_a_camera_is_recorded_and_watched_without_a_hole(
    browser: Browser, served: ServedHub, cameras: LabCameras
) -> None:
    context = browser.new_context(viewport={"width": 1000, "height": 800}, locale="en")
    person = opened(context, served)
    log_in(person)
    wall = context.new_page()
    wall.set_default_timeout(20_000)
    watcher = Watcher(wall)
    wall.goto(f"{served.url()}/#/live")
    wall.wait_for_selector(f"{YARD}[data-state=playing]")
    wall.evaluate(f"document.querySelector('{YARD} video').mark = 'the same'")
    processes = {name: served.pid(name) for name in ("hub", "keeper", "recorder-0")}

    rearrange(wall)

    edit(person, "gate", "name", "Back gate")
    expect(item(person, "Back gate")).to_be_visible()
    expect(wall.locator(".cell[data-camera=gate] strong")).to_have_text("Back gate")
    assert sessions(cameras, "cam_02") == 1, "a name is no reason to restart even its own camera"

    add(person, "Shed", cameras.urls[2])
    expect(wall.locator(".cell[data-camera=shed]")).to_be_visible()
    until(lambda: served.frames("shed") > 25, "what was added is recorded")

    edit(person, "Back gate", "url", cameras.sub_urls[1])
    until(lambda: 0 < width(served, "gate") < width(served, "yard"), "what is at the new address is received")

    remove(person, "Shed")
    expect(wall.locator(".cell[data-camera=shed]")).to_have_count(0)

    seen = len(watcher.numbers())
    until(lambda: wall.evaluate("0") == 0 and len(watcher.numbers()) > seen + 25, "it is still watched")
    assert sessions(cameras, "cam_01") == 1
    assert {name: served.pid(name) for name in processes} == processes
    assert len(watcher.lines) == 1 and not watcher.closed, "it was never asked for again"
    assert wall.evaluate(f"document.querySelector('{YARD} video').mark") == "the same"
    assert wall.evaluate(f"document.querySelector('{YARD}').state") == "playing"
    numbers = watcher.numbers()
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 200
    context.close()

    assert urlsplit(cameras.sub_urls[1]).path in (served.data / "evertape.toml").read_text()
    assert served.stop() == 0
    files = [file for file in served.files() if "yard" in file.name]
    report = assert_every_frame_once(files, cameras=["cam_01"], at_least=200).cameras["cam_01"]
    assert report.first <= numbers[0] and report.last >= numbers[-1], "what was watched is on the disk"
    assert len({epoch(file) for file in files}) == 1
