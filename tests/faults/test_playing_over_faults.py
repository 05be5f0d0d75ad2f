"""Row D3: playing over a gap, from file to file, from disk to disk and back, at the newest end; pictures counted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evertape.hub.api.times import instant as instant_of
from evertape.hub.api.times import parse_instant
from evertape.types import NS_PER_S
from evertape_lab import LabCameras
from evertape_lab.audit import CameraReport, audit_files
from evertape_lab.burned_in import ARGUMENTS, SCRIPT
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from hub.served_hub import ServedHub, until
from web.conftest import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

__all__ = ["browser"]

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
    pytest.mark.timeout(180),
]

FPS = 25
LOOP = 100
"""Pictures after which a camera begins to count anew in what it burns in."""
# From now on, the number of each picture as it is shown.
WATCH = """() => {
  const [{ video }] = document.querySelector('et-timeline').group.tracks.values();
  window.seen = [];
  if (video.watched) return;
  video.watched = true;
  const shown = () => {
    window.seen.push(window.burnedIn(video));
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}"""
NOW = """() => {
  const { group } = document.querySelector('et-timeline');
  const [track] = group.tracks.values();
  const { video } = track, { buffered } = video;
  const ready = track.has(group.at) && !video.seeking && video.readyState >= 2;
  let ahead = 0;
  for (let n = 0; n < buffered.length; n += 1) {
    if (buffered.start(n) <= video.currentTime + 0.01) ahead = buffered.end(n) - video.currentTime;
  }
  return { at: group.at, state: track.state, number: ready ? window.burnedIn(video) : null, ahead };
}"""
STATES = """(until) => new Promise((resolve) => {
  const { group } = document.querySelector('et-timeline');
  const [track] = group.tracks.values();
  const states = [];
  const timer = setInterval(() => {
    const state = group.waiting ? 'held' : track.state;
    if (state !== 'playing') states.push([group.at - until, state]);
    if (group.at < until) return;
    clearInterval(timer);
    resolve(states);
  }, 10);
})"""


@pytest.fixture
def place() -> Iterator[Path]:
    # Short, for the sockets.
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Story:
    """What is recorded, and what the hub says of it."""

    def __init__(self, place: Path, hub: ServedHub) -> None:
        self.place = place
        self.hub = hub

    def recorded_on(self, volume: str, pictures: int) -> None:
        """Until it writes there, and has written so many pictures since."""

        def writes() -> bool:
            said = self.hub.camera("yard")["recording"]
            return bool(said["state"] == "recording" and said["volume"] == volume)

        until(writes, f"it is recorded on {volume}")
        before = self.hub.frames("yard")
        until(lambda: self.hub.frames("yard") > before + pictures, f"and goes on on {volume}")

    def now(self) -> int:
        return parse_instant(self.hub.get("/status")["now"])

    def parts(self, begin: int, end: int) -> list[dict[str, Any]]:
        asked = {"start": instant_of(begin), "end": instant_of(end)}
        found: list[dict[str, Any]] = self.hub.get("/cameras/yard/segments", **asked)["parts"]
        return found

    def served(self, begin: int, end: int) -> CameraReport:
        """The numbers of the pictures in what the hub gives a player for this time."""
        files = []
        for number, part in enumerate(self.parts(begin, end)):
            segment = part["segment"]["id"]
            found = self.hub.get(f"/segments/{segment}/fragments", start=part["start"], end=part["end"])["fragments"]
            data = b""
            for one in found:
                span = f"bytes={one['offset']}-{one['offset'] + one['size'] - 1}"
                answer = self.hub.http.get(f"/segments/{segment}/file", headers={"Range": span})
                assert answer.status_code == 206
                data += answer.content
            files.append(self.place / f"served-{number}.bin")
            files[-1].write_bytes(data)
        report = audit_files(files).cameras["cam_01"]
        for file in files:
            file.unlink()
        return report


class Player:
    """The page's player."""

    def __init__(self, browser: Browser, hub: ServedHub) -> None:
        self._url = hub.url()
        self.page = browser.new_context(viewport={"width": 1000, "height": 700}, locale="en").new_page()
        self.page.set_default_timeout(20_000)
        self.page.goto(self._url)
        self.page.get_by_label("Name").fill("admin")
        self.page.get_by_label("Password").fill("correct horse battery")
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_selector("et-safe")
        self.page.evaluate(SCRIPT, ARGUMENTS)

    def go(self, at: int) -> Page:
        """To an instant, and until its picture is there."""
        self.page.goto(f"{self._url}/#/timeline?camera=yard&w=60&t={instant_of(at)}")
        self.page.wait_for_selector("et-timeline video")
        self.shown(lambda now: abs(now["at"] * 1_000_000 - at) < NS_PER_S / 10)
        return self.page

    def shown(self, fits: Any) -> dict[str, Any]:
        """The state of the player, once it shows a picture and fits."""

        def look() -> dict[str, Any]:
            now: dict[str, Any] = self.page.evaluate(NOW)
            return now if now["number"] is not None and fits(now) else {}

        return until(look, "a picture is there")

    def plays_through(self, begin: int, end: int) -> list[int]:
        """Play; returns the numbers of what was shown. Nothing on the way is waited for, or is a gap."""
        self.go(begin)
        self.shown(lambda now: now["ahead"] > 1)
        self.page.evaluate(WATCH)
        self.page.get_by_role("slider").press("Space")
        states = self.page.evaluate(STATES, end / 1e6)
        assert states == [], "it stood still: so many ms before the end, and why"
        self.page.get_by_role("slider").press("Space")
        return self.seen()

    def seen(self) -> list[int]:
        """The numbers of what was shown since the watching began, where they could be read."""
        return [number for number in self.page.evaluate("window.seen") if number is not None]

    def steps_through(self, begin: int, count: int) -> list[int]:
        """Step by picture; returns the number of each."""
        self.go(begin)
        found = [self.shown(lambda now: True)["number"]]
        for _ in range(count):
            before = self.page.evaluate("document.querySelector('et-timeline').group.at")
            self.page.get_by_role("slider").press(".")
            found.append(
                self.shown(lambda now, old=before, last=found[-1]: now["at"] > old and now["number"] != last)["number"]
            )
        return found


def follow(numbers: list[int]) -> list[int]:
    """How far each picture is from the one before."""
    return [(b - a) % LOOP for a, b in pairwise(numbers)]


def test_footage_plays_over_a_gap_from_file_to_file_to_the_spill_volume_and_home_again(
    browser: Browser, place: Path
) -> None:
    with (
        LoopVolume(place / "disks", size=128 << 20) as usb,
        LoopVolume(place / "disks", size=128 << 20, name="internal") as spill,
        LabCameras(1) as lab,
    ):
        hub = ServedHub(
            place / "data",
            f'[volumes.usb]\npath = "{usb.mount_point}"\nmount = true\n'
            f'[volumes.internal]\npath = "{spill.mount_point}"\nmount = true\nrole = "spill"\n'
            f'[cameras.yard]\nurl = "{lab.urls[0]}"\n',
        )
        hub.start()
        try:
            hub.log_in()
            story = Story(place, hub)
            pulled, back = record(story, lab, usb, spill)
            play(story, Player(browser, hub), pulled, back)
        finally:
            hub.stop()


def record(story: Story, lab: LabCameras, usb: LoopVolume, spill: LoopVolume) -> tuple[int, int]:
    """Two files, an outage, a pulled disk, spilled footage, and the disk again. When it was pulled, and used again."""
    story.recorded_on("usb", 5 * FPS)
    lab.kill()
    until(lambda: story.hub.camera("yard")["recording"]["state"] != "recording", "the outage is noticed")
    lab.restart()
    story.recorded_on("usb", 2 * FPS)
    pulled = story.now()
    usb.pull()
    story.recorded_on("internal", 4 * FPS)
    assert list(spill.mount_point.rglob("*.mp4"))
    spilled = story.served(story.now() - 4 * NS_PER_S, story.now())
    assert spilled.ok and spilled.count > FPS, spilled.describe()
    usb.mount()
    story.recorded_on("usb", 0)
    back = story.now()
    story.recorded_on("usb", 3 * FPS)
    until(lambda: not list(spill.mount_point.rglob("*.mp4")), "it came home")
    return pulled, back


def play(story: Story, player: Player, pulled: int, back: int) -> None:
    now = story.now()
    begin = now - 120 * NS_PER_S
    gap = outage(story, begin, now)

    # Every picture is served once, but for those of the outage.
    def known() -> CameraReport | None:
        report = story.served(begin, now)
        return report if not report.doubled else None

    report = until(known, "what two files held is in one")
    (hole,) = report.missing
    assert not report.disordered and report.count > 12 * FPS, report.describe()
    assert abs(hole.after_utc_ns - parse_instant(gap["start"])) < NS_PER_S
    assert abs(hole.before_utc_ns - parse_instant(gap["end"])) < NS_PER_S

    # From file to file, wherever they lay.
    parts = pairwise(story.parts(begin, now))
    spans = [(parse_instant(a["end"]), parse_instant(b["start"])) for a, b in parts]
    seams = [begins for ended, begins in spans if begins - ended < NS_PER_S / 5]
    assert len(seams) >= 4, seams
    into, home = (max(seam for seam in seams if seam < moment + NS_PER_S // 2) for moment in (pulled, back))
    assert seams[0] < into < home
    for seam in (seams[0], into, home):
        numbers = player.plays_through(seam - NS_PER_S, seam + NS_PER_S)
        assert all(far <= FPS // 2 for far in follow(numbers)) and len(numbers) > FPS, numbers
    for seam in seams:
        numbers = player.steps_through(seam - NS_PER_S // 10, 4)
        assert follow(numbers) == [1] * 4, (seam, numbers)

    # Over the gap: its card tells the cause, and it goes on behind it.
    behind = parse_instant(gap["end"])
    page = player.go(parse_instant(gap["start"]) - NS_PER_S)
    page.get_by_role("slider").press("Space")
    expect(page.locator(".tile-card")).to_contain_text("Camera unreachable", timeout=20_000)
    player.shown(lambda now: now["state"] == "playing" and now["at"] * 1_000_000 > behind)
    expect(page.locator(".tile-card")).to_be_hidden()

    # What was just recorded.
    newest = story.now()
    report = story.served(newest - 10 * NS_PER_S, newest)
    assert report.ok and report.count > 6 * FPS, report.describe()
    page.get_by_role("button", name="Now", exact=True).click()
    shown = player.shown(lambda now: now["state"] == "playing" and now["at"] * 1_000_000 > newest)
    assert story.now() - shown["at"] * 1_000_000 < 10 * NS_PER_S
    page.evaluate(WATCH)
    until(lambda: len(player.seen()) > 3 * FPS, "three seconds of it")
    numbers = player.seen()
    assert all(far <= FPS // 2 for far in follow(numbers)), numbers


def outage(story: Story, begin: int, end: int) -> dict[str, Any]:
    """The gap that the camera's outage left, once it is on record."""

    def look() -> dict[str, Any] | None:
        asked = {"camera": "yard", "start": instant_of(begin), "end": instant_of(end)}
        gaps = [gap for gap in story.hub.get("/ledger", **asked)["gaps"] if gap["cause"] != "starting"]
        return gaps[0] if len(gaps) == 1 and gaps[0]["end"] else None

    found = until(look, "the outage is the only gap")
    assert found["cause"] == "camera_unreachable"
    return found
