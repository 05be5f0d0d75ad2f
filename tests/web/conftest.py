"""A browser, a page with canned answers behind it, and footage for it to play."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from web.canned_footage import File, make
from web.canned_hub import CannedHub

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
LONGEST_MS = 20_000
ARGS = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu", "--disable-dev-shm-usage")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright.

    Not for longer than a module's tests: meanwhile this thread has a running event loop, and whatever other test comes
    next in the same worker could not have one of its own.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Its own five seconds count from when a page is there, and a cold browser on a busy machine takes three to ask its
    # first question: measured with sixteen busy processes on two cores.
    api.expect.set_options(timeout=LONGEST_MS)
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[File, File]:
    """Two files."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    folder = tmp_path_factory.mktemp("footage")
    return make(folder / "a.mp4", "red"), make(folder / "b.mp4", "blue")


@pytest.fixture
def hub(footage: tuple[File, File]) -> Iterator[CannedHub]:
    """The page's other side, with somebody logged in."""
    canned = CannedHub(footage)
    canned.log_in()
    canned.start()
    yield canned
    canned.stop()


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(browser: Browser, hub: CannedHub) -> Iterator[Open]:
    """Opens the page at a place; fails the test if the page itself had an error, or broke its own security policy."""
    contexts, problems = [], []

    def opened(place: str = "#/safe", *, language: str = "en", **options: Any) -> Page:
        context = browser.new_context(locale=language, **{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LONGEST_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(hub.url + place)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not problems, problems
