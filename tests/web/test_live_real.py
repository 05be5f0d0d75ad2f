"""Live pictures in a real browser: they move, they are recent, and they say why when they do not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evertape_lab import LabCameras
from evertape_lab.fleet import free_port
from hub.served_hub import ServedHub, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOWN = "document.querySelector('et-live')"


@pytest.fixture
def cameras() -> Iterator[LabCameras]:
    with LabCameras(count=1, audio="aac") as lab:
        yield lab


@pytest.fixture
def served(tmp_path: Path, cameras: LabCameras) -> Iterator[ServedHub]:
    hub = ServedHub(
        tmp_path / "data", f'[cameras.yard]\nurl = "{cameras.urls[0]}"\nsub_url = "{cameras.sub_urls[0]}"\n'
    )
    # A page finds a hub that was replaced only where it was.
    file = hub.data / "evertape.toml"
    file.write_text(file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{free_port()}"))
    hub.start()
    hub.log_in()
    yield hub
    hub.stop()


def opened(browser: Browser, served: ServedHub, place: str) -> Page:
    url = served.url()
    page = browser.new_context(viewport={"width": 1000, "height": 700}, locale="en").new_page()
    page.set_default_timeout(20_000)
    page.goto(url)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("et-safe")
    page.goto(f"{url}/{place}")
    return page


def frames(page: Page) -> int:
    found: int = page.evaluate(f"{SHOWN}.querySelector('video').getVideoPlaybackQuality().totalVideoFrames")
    return found


def moves(page: Page, seconds: float = 20) -> None:
    """Ten pictures more than now."""
    began = frames(page)
    until(lambda: frames(page) >= began + 10, "the picture moves", seconds)


def state(page: Page) -> Any:
    return page.evaluate(f"{SHOWN}.state")


def test_pictures_move_stop_with_a_card_and_come_back(browser: Browser, served: ServedHub, cameras: LabCameras) -> None:
    page = opened(browser, served, "#/live?camera=yard")
    page.wait_for_selector("et-live[data-state=playing]")
    moves(page)
    latency = page.evaluate(f"{SHOWN}.latencyMs")
    assert 0 < latency < 3000

    cameras.kill()
    page.wait_for_selector("et-live[data-state=away]")
    words = page.locator("et-live .live-card")
    until(lambda: "No signal since" in words.inner_text(), "the card says since when")
    until(lambda: "recording: waiting" in words.inner_text(), "and that it is not recorded")
    cameras.restart()
    page.wait_for_selector("et-live[data-state=playing]")
    moves(page)

    hub = served.pid("hub")
    os.kill(hub, signal.SIGKILL)
    until(lambda: served.pid("hub") not in (0, hub), "the hub is replaced")
    moves(page, 40)
    page.context.close()


def test_what_is_not_seen_is_not_received(browser: Browser, served: ServedHub) -> None:
    page = opened(browser, served, "#/live")
    page.wait_for_selector("et-live[data-state=playing]")

    def viewers() -> int:
        streams = served.camera("yard")["streams"]
        return sum(int(stream["viewers"]) for stream in streams)

    until(lambda: viewers() == 1, "one stream is received for the page")
    # In a grid the smaller stream is enough.
    page.get_by_role("button", name="2 × 2").click()
    page.wait_for_selector("et-live[stream=sub][data-state=playing]")
    until(lambda: viewers() == 1, "still one stream is received")
    page.goto(f"{served.url()}/#/ledger")
    until(lambda: viewers() == 0, "and none when it shows something else")
    page.context.close()
