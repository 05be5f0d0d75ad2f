"""A first evening: the page on a real service, with real cameras and a real disk that is pulled. Takes pictures.

``EVERTAPE_GUIDE_PICTURES=1`` makes those of the guide anew, the main screens in Korean too (Debian: ``fonts-nanum``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from evertape_lab import LabCameras
from evertape_lab.disks import LoopVolume
from hub.receivers import Hooks
from hub.served_hub import ServedHub, pictures, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed"),
    pytest.mark.timeout(300),
]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"
PICTURES = os.environ.get("EVERTAPE_GUIDE_PICTURES") == "1"
"""Only when asked for are the pictures in the guide made anew; otherwise they go to the test's own folder."""
PASSWORD = "correct horse battery"
RING = '[ring]\ntime = "5s"\nbudget = "16MiB"\n'
# Columns of the burned-in "#0123": each digit is 5 cells wide and 6 apart, 7 high; read where its cells are.
READ = """() => {
  const video = document.querySelector('et-live video');
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  canvas.getContext('2d').drawImage(video, 0, 0);
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, Math.round(canvas.height / 4)).data;
  return { width: canvas.width, luma: [...data].filter((_, at) => at % 4 === 1) };
}"""


@pytest.fixture
def camera() -> Iterator[LabCameras]:
    with LabCameras(count=2, user="viewer", password="s3cret", bitrate=8000) as lab:
        yield lab


@pytest.fixture
def disk() -> Iterator[LoopVolume]:
    # Where people have their disks, because the guide's pictures show it.
    folder = Path(tempfile.mkdtemp(prefix="home-", dir="/media"))
    try:
        with LoopVolume(folder, size=200 << 20) as volume:
            yield volume
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as found:
        yield found


@pytest.fixture
def served(tmp_path: Path, disk: LoopVolume) -> Iterator[ServedHub]:
    volume = f'[volumes.usb1]\npath = "{disk.mount_point}"\nmount = true\n'
    hub = ServedHub(tmp_path / "data", f'[installation]\nname = "Home"\n{RING}{volume}')
    hub.start()
    yield hub
    hub.stop()


class Guide:
    """Takes pictures."""

    def __init__(self, page: Page, aside: Path) -> None:
        self.page = page
        self.folder = GUIDE if PICTURES else aside

    def shoot(self, name: str, korean: str = "") -> None:
        """As the page is now.

        Args:
            name: of the picture.
            korean: what is true in the page, in JavaScript, once the screen is drawn anew: it is taken in Korean too.
        """
        self._take(f"screen-{name}.png")
        if PICTURES and korean:
            self._speak("ko", korean)
            self._take(f"screen-{name}.ko.png")
            self._speak("en", korean)

    def _speak(self, language: str, drawn: str) -> None:
        choose = "(name) => import('/core/i18n.js').then((words) => words.setLanguage(name))"
        self.page.evaluate(choose, language)
        self.page.wait_for_function(f"() => document.documentElement.lang === '{language}' && ({drawn})")
        self.page.wait_for_timeout(300)  # what fades in is there

    def _take(self, file: str) -> None:
        self.page.screenshot(path=self.folder / file)
        if PICTURES:
            smaller(self.folder / file)


def smaller(picture: Path) -> None:
    """With 256 colours of its own: those who read the guide see no difference."""
    whole = picture.with_suffix(".whole.png")
    picture.rename(whole)
    colours = "split[a][b];[a]palettegen=stats_mode=single[colours];[b][colours]paletteuse=dither=none"
    command = ["ffmpeg", "-loglevel", "error", "-i", str(whole), "-lavfi", colours, "-y", str(picture)]
    subprocess.run(command, check=True, timeout=60)
    whole.unlink()
    assert picture.stat().st_size < 150_000, (picture.name, picture.stat().st_size)


PLAYING = """(() => {
  const videos = [...document.querySelectorAll('et-timeline video')];
  return videos.length && videos.every((one) => one.readyState >= 2);
})()"""
CARDS = "document.querySelectorAll('.picture img.there').length === 2 && document.querySelectorAll('.volume').length"
"""What is there when a screen is drawn."""


def test_a_first_evening(
    browser: Browser, served: ServedHub, camera: LabCameras, disk: LoopVolume, hooks: Hooks, tmp_path: Path
) -> None:
    url = served.url()
    link = served.data / "setup.token"
    until(link.exists, "a one-time link")
    token = link.read_text(encoding="ascii").strip()
    page = browser.new_context(viewport={"width": 1060, "height": 680}, locale="en", accept_downloads=True).new_page()
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    guide = Guide(page, tmp_path)

    # The link that the service printed, and a name and password.
    page.goto(f"{url}/#setup={token}")
    page.get_by_label("Name").fill("anna")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    guide.shoot("setup")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator(".verdict-title")).to_have_text("No cameras yet")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Log out").click()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    add(page, camera.urls[0], "Front door", guide)
    add(page, camera.urls[1], "Yard")
    page.goto(f"{url}/#/safe")
    expect(page.locator(".verdict-title")).to_have_text("All is safe")
    expect(page.locator(".picture img.there")).to_have_count(2)
    expect(page.locator(".card.ok .day-text").filter(has_text="recorded")).to_have_count(2)
    expect(page.locator(".note")).to_have_count(0)
    recorded = time.time()
    guide.shoot("safe", korean=CARDS)

    be_told(page, url, served, hooks, guide)
    see_it_move(page, url, guide)
    pulled, back = pull_the_disk(page, url, disk, guide)
    for words in ("USB Disconnected", "usb1 can be used again", "front_door is recorded again"):
        until(lambda words=words: any(words in post["message"] for _, post in hooks.posts), f"told: {words}")
    play_over_the_gap(page, url, pulled, back, guide)
    look_around(page, url, guide)
    play_the_last_seconds(page, url)
    rename(page, url, served)
    export = take_it_away(page, url, max(recorded, back), tmp_path)
    assert pictures(export) > 20
    assert "s3cret" not in page.content() and "hush" not in page.content()
    page.context.close()


def add(page: Page, url: str, name: str, guide: Guide | None = None) -> None:
    """Add a camera: look at it, name it, save it."""
    page.goto(f"{page.url.partition('#')[0]}#/settings/cameras")
    page.get_by_role("button", name="Add a camera").click()
    dialog = page.get_by_role("dialog")
    where = urlsplit(url)
    dialog.get_by_label("URL").fill(f"rtsp://{where.hostname}:{where.port}{where.path}")
    dialog.get_by_label("User of the camera").fill(where.username or "")
    dialog.get_by_label("Password").fill(where.password or "")
    dialog.get_by_role("button", name="Look at it").click()
    expect(dialog.locator(".probe-ok")).to_contain_text("H264", timeout=40_000)
    dialog.get_by_label("Name", exact=True).fill(name)
    if guide:
        guide.shoot("camera")
    dialog.get_by_role("button", name="Save and record").click()
    expect(page.locator(".item h3").filter(has_text=name)).to_be_visible()


def be_told(page: Page, url: str, served: ServedHub, hooks: Hooks, guide: Guide) -> None:
    """A way to be told: a slip is refused, what is right is tried, and the URL is never seen again."""
    page.goto(f"{url}/#/settings/alerts")
    page.get_by_role("button", name="Add a channel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=False).fill("webhook")
    dialog.get_by_label("URL").fill(f"http://127.0.0.1:{hooks.port}/hush")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("For a webhook write json://")
    assert "hush" not in (served.data / "evertape.toml").read_text()
    dialog.get_by_label("URL").fill(f"json://127.0.0.1:{hooks.port}/hush")
    dialog.get_by_role("button", name="Save").click()
    line = page.locator(".item").filter(has_text="webhook")
    expect(line).to_contain_text("json://127.0.0.1")
    line.get_by_role("button", name="Test webhook").click()
    expect(line).to_contain_text("The test arrived.")
    assert [post["title"] for _, post in hooks.posts] == ["Home: a test"]
    expect(page.locator(".note")).to_have_count(0)
    guide.shoot(
        "alerts", korean="document.querySelectorAll('form.panel').length === 3 && document.querySelector('.item')"
    )


def see_it_move(page: Page, url: str, guide: Guide) -> None:
    """Live pictures: they are decoded, and the number that the camera burned in changes."""
    page.goto(f"{url}/#/live")
    page.wait_for_selector("et-live[data-state=playing]")
    count = "document.querySelector('et-live video').getVideoPlaybackQuality().totalVideoFrames"
    began = page.evaluate(count)
    numbers = set()
    until(
        lambda: numbers.add(burned_in(page)) or (len(numbers - {b""}) > 3 and page.evaluate(count) > began + 10),
        "it moves",
    )
    guide.shoot("live", korean="document.querySelectorAll('et-live[data-state=playing]').length === 2")


def burned_in(page: Page) -> bytes:
    """The pixels of the number as black and white: another number, other pixels; nothing if none can be read."""
    seen: dict[str, Any] = page.evaluate(READ)
    width = seen["width"]
    rows = [seen["luma"][at : at + width] for at in range(0, len(seen["luma"]), width)]
    # The text is white on black: in rows of text both are plenty, and hardly anything lies between.
    text = [row for row in rows if sum(value > 200 for value in row) > 8 and sum(value < 40 for value in row) > 20]
    return bytes(value > 128 for row in text for value in row)


def pull_the_disk(page: Page, url: str, disk: LoopVolume, guide: Guide) -> tuple[float, float]:
    """The label, the verdict, the alert; and that it heals by itself. When it was pulled, and back."""
    page.goto(f"{url}/#/safe")
    expect(page.locator(".verdict-title")).to_have_text("All is safe")
    pulled = time.time()
    disk.pull()
    expect(page.locator(".wrong").filter(has_text="usb1")).to_contain_text("⚠ Storage: USB Disconnected")
    expect(page.locator(".verdict")).to_have_class("verdict bad")
    assert time.time() - pulled < 10
    expect(page.locator(".tabs .badge")).not_to_be_empty()
    page.wait_for_timeout(
        max(0, (pulled + 20 - time.time()) * 1000)
    )  # longer than memory lasts, so that there is a gap
    expect(page.locator(".wrong").filter(has_text="Front door is not being recorded")).to_be_visible()
    alerts = page.evaluate("fetch('/api/v1/alerts').then((answer) => answer.json())")["alerts"]
    assert {"volume_unusable", "camera_not_recording"} <= {alert["kind"] for alert in alerts}
    guide.shoot("wrong", korean="document.querySelectorAll('.wrong').length > 1")
    page.set_viewport_size({"width": 390, "height": 844})
    guide.shoot("wrong-phone")
    page.set_viewport_size({"width": 1060, "height": 680})
    disk.mount()
    expect(page.locator(".verdict-title")).to_have_text("All is safe")
    return pulled, time.time()


def play_over_the_gap(page: Page, url: str, pulled: float, back: float, guide: Guide) -> None:
    """From before it to behind it, with its card in between."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(pulled - 4))
    page.goto(f"{url}/#/timeline?t={moment}&w=90")
    page.wait_for_function("() => document.querySelector('et-timeline video')?.readyState >= 2")
    page.get_by_role("slider").press("Space")
    expect(page.locator(".tile-card")).to_contain_text("Storage missing")
    until(lambda: is_drawn(page, "storage", pulled + 5), "the gap is drawn")
    guide.shoot("gap")
    at = "document.querySelector('et-timeline').group.at / 1000"
    moved = (
        f"{at} > {back - 2} && [...document.querySelector('et-timeline').group.tracks.values()][0].state === 'playing'"
    )
    page.wait_for_function(f"() => {moved}")
    shown = "document.querySelector('et-timeline video').getVideoPlaybackQuality().totalVideoFrames"
    page.wait_for_function(f"() => {shown} > {page.evaluate(shown)} + 10")


def is_drawn(page: Page, kind: str, at: float) -> bool:
    """Whether the first row has the colour of a kind at an instant."""
    found: list[int] = page.evaluate(
        """([at, kind]) => {
          const view = document.querySelector('et-timeline-view');
          const want = getComputedStyle(document.documentElement).getPropertyValue(`--tl-${kind}`).trim();
          const pen = view.canvas.getContext('2d');
          const x = Math.round(view.xOf(at * 1000) * devicePixelRatio);
          const [r, g, b] = want.match(/[0-9a-f]{2}/g).map((part) => parseInt(part, 16));
          const row = pen.getImageData(x, 40 * devicePixelRatio, 8, 1).data;
          const near = [];
          for (let n = 0; n < row.length; n += 4) {
            near.push(Math.abs(row[n] - r) + Math.abs(row[n + 1] - g) + Math.abs(row[n + 2] - b));
          }
          return near;
        }""",
        [at, kind],
    )
    return min(found) < 12


def look_around(page: Page, url: str, guide: Guide) -> None:
    """Every other screen, for the guide."""
    page.locator(".tl-name input").nth(1).check()
    page.wait_for_function(
        "() => [...document.querySelectorAll('et-timeline video')].every((one) => one.readyState >= 2)"
    )
    guide.shoot("timeline", korean=PLAYING)
    page.goto(f"{url}/#/ledger")
    expect(page.locator(".entry").first).to_contain_text("Storage missing")
    guide.shoot("ledger", korean="document.querySelectorAll('.entry').length")
    page.goto(f"{url}/#/settings/storage")
    expect(page.locator(".panel.item").first).to_contain_text("usb1")
    guide.shoot("settings", korean="document.querySelectorAll('form.panel').length === 2")
    page.emulate_media(color_scheme="dark")
    page.goto(f"{url}/#/safe")
    expect(page.locator(".picture img.there")).to_have_count(2)
    guide.shoot("safe-dark")


def play_the_last_seconds(page: Page, url: str) -> None:
    """What was just recorded plays, and goes on as more comes."""
    page.emulate_media(color_scheme="light")
    page.goto(f"{url}/#/timeline")
    page.locator(".tl-name").first.wait_for()
    page.get_by_role("button", name="Now", exact=True).click()
    shown = "document.querySelector('et-timeline video').getVideoPlaybackQuality().totalVideoFrames"
    until(lambda: page.evaluate(shown) > 75, "three seconds of it are played")
    assert time.time() - page.evaluate("document.querySelector('et-timeline').group.at / 1000") < 10


def rename(page: Page, url: str, served: ServedHub) -> None:
    """One camera gets another name; the other's session and file go on as they were."""
    recorder, ask = served.pid("recorder-0"), "fetch('/api/v1/cameras/front_door').then((answer) => answer.json())"
    before = page.evaluate(ask)
    page.goto(f"{url}/#/settings/cameras")
    page.locator(".item").filter(has_text="Yard").get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("Back yard")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator(".item h3").filter(has_text="Back yard")).to_be_visible()
    after = page.evaluate(ask)
    assert served.pid("recorder-0") == recorder
    assert after["streams"][0]["since"] == before["streams"][0]["since"]
    assert after["recording"]["frames_lost"] == before["recording"]["frames_lost"]


def take_it_away(page: Page, url: str, begin: float, folder: Path) -> Path:
    """Select, export, download."""
    page.goto(f"{url}/#/timeline?w=60&t={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(begin + 1))}")
    slider = page.get_by_role("slider")
    slider.press("i")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    slider.press("o")
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Export", exact=True).click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    target = folder / "taken.mp4"
    download.value.save_as(target)
    return target
