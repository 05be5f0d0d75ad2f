"""Row D4: what the hub exported plays in VLC, ffprobe and a browser, from the keyframe before on; with its hash."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evertape.evidence.verify import verify
from evertape.hub.api.times import instant as instant_of
from evertape.hub.api.times import parse_instant
from evertape.types import NS_PER_S
from evertape_lab import LabCameras
from evertape_lab.audit import scan_file
from evertape_lab.burned_in import ARGUMENTS, SCRIPT, read_number
from hub.served_hub import ServedHub, pictures, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")

FPS = 25
LOOP = 100
"""Pictures after which a camera begins to count anew in what it burns in."""
# Plays it, and keeps what is shown: the numbers, and where the first picture is.
PLAY = """async () => {
  const video = document.querySelector('video');
  video.muted = true;
  video.playbackRate = 2;
  await new Promise((done) => { if (video.readyState >= 2) done(); else video.onloadeddata = done; });
  const seen = [];
  const shown = () => { seen.push(window.burnedIn(video)); video.requestVideoFrameCallback(shown); };
  const first = window.burnedIn(video);
  video.requestVideoFrameCallback(shown);
  const over = new Promise((done, failed) => {
    video.onended = done;
    video.onerror = () => failed(video.error.message);
  });
  await video.play();
  await over;
  const { totalVideoFrames: total } = video.getVideoPlaybackQuality();
  return { first, last: window.burnedIn(video), seen, total, seconds: video.duration };
}"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, int]]:
    """A file over two rotations, as it is downloaded, and the times asked for: in the midst of a second."""
    with LabCameras(1, audio="aac") as lab:
        hub = ServedHub(tmp_path_factory.mktemp("hub") / "data", f'[cameras.yard]\nurl = "{lab.urls[0]}"\n')
        hub.start()
        try:
            hub.log_in()
            until(lambda: hub.frames("yard") > 11 * FPS, "it is recorded")
            now = parse_instant(hub.get("/status")["now"])
            begin = (now - 9 * NS_PER_S) // NS_PER_S * NS_PER_S + 500_000_000
            end = begin + 6 * NS_PER_S
            yield download(hub, begin, end, tmp_path_factory.mktemp("taken")), begin, end
        finally:
            hub.stop()


def download(hub: ServedHub, begin: int, end: int, folder: Path) -> Path:
    order = {"cameras": ["yard"], "start": instant_of(begin), "end": instant_of(end)}
    job = hub.post("/exports", order, code=202)["id"]

    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = hub.get(f"/exports/{job}")
        return found if found["state"] in ("done", "failed") else None

    done = until(over, "it is exported")
    assert done["state"] == "done", done["error"]
    target = folder / str(done["file"])
    target.write_bytes(hub.http.get(f"/exports/{job}/file").content)
    target.with_name(f"{target.name}.blake3").write_bytes(hub.http.get(f"/exports/{job}/hash").content)
    return target


def wanted(begin: int, end: int) -> list[int]:
    """The numbers of the pictures that belong into it: a camera numbers them by UTC, with a keyframe each second."""
    frame = NS_PER_S // FPS
    return list(range(begin // NS_PER_S * FPS, -(-end // frame)))


def test_it_holds_each_picture_from_the_keyframe_before_on_once(exported: tuple[Path, int, int]) -> None:
    file, begin, end = exported
    numbers = [frame.n for frame in scan_file(file)]
    expected = wanted(begin, end)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] == expected[0], "it begins at the keyframe before"
    assert abs(numbers[-1] - expected[-1]) <= 1
    assert pictures(file) == len(numbers), "ffprobe decodes each"


def test_its_hash_list_verifies_and_a_changed_byte_does_not(exported: tuple[Path, int, int], tmp_path: Path) -> None:
    file, _, _ = exported
    assert verify(file).problems == []
    if shutil.which("b3sum"):
        subprocess.run(["b3sum", "--check", f"{file.name}.blake3"], cwd=file.parent, check=True, capture_output=True)
    for one in file.parent.iterdir():
        shutil.copy(one, tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / file.name).write_bytes(data)
    assert len(verify(tmp_path / file.name).problems) == 1


@pytest.mark.skipif(shutil.which("cvlc") is None, reason="vlc is not installed")
def test_vlc_decodes_every_picture_of_it_without_a_word(exported: tuple[Path, int, int]) -> None:
    file, _, _ = exported
    with tempfile.TemporaryDirectory(prefix="evt-vlc-") as place:
        folder = Path(place)
        shutil.copy(file, folder / "export.mp4")
        folder.chmod(0o777)
        command = [
            "cvlc", "--quiet", "--intf=dummy", "--rate=4", "--no-audio", "--codec=avcodec", "--avcodec-hw=none",
            "--no-drop-late-frames", "--no-skip-frames", "--vout=yuv", f"--yuv-file={folder / 'out'}",
            "--yuv-chroma=I420", "--play-and-exit", (folder / "export.mp4").as_uri(),
        ]  # fmt: skip
        # It refuses to run as root.
        user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        done = subprocess.run(
            command,
            user=user,
            env={**os.environ, "HOME": place},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr.strip()) == (0, "")
        numbers = decoded(folder / "out", 640, 360)
    expected = [frame.n % LOOP for frame in scan_file(file)]
    assert numbers == expected


def decoded(raw: Path, width: int, height: int) -> list[int | None]:
    """The number in each picture of a file of raw ones: a line, and then for each picture ``FRAME`` and its planes."""
    head, _, data = raw.read_bytes().partition(b"\n")
    assert head.startswith(f"I420 W{width} H{height} ".encode())
    mark, size = b"FRAME\n", width * height * 3 // 2
    begins = range(0, len(data), len(mark) + size)
    assert all(data[at : at + len(mark)] == mark for at in begins)
    return [read_number(data[at + len(mark) : at + len(mark) + width * height], width) for at in begins]


def test_a_browser_plays_it_from_the_first_picture_to_the_last(
    exported: tuple[Path, int, int], browser: Browser
) -> None:
    file, _, _ = exported
    page = browser.new_context().new_page()
    page.set_default_timeout(30_000)
    # Over HTTP, because a page may not look at the pixels of a file of the disk.
    page.route("http://export.test/", lambda route: route.fulfill(body='<video src="/file">', content_type="text/html"))
    page.route("http://export.test/file", lambda route: route.fulfill(path=file, content_type="video/mp4"))
    page.goto("http://export.test/")
    page.wait_for_selector("video")
    page.evaluate(SCRIPT, ARGUMENTS)
    told = page.evaluate(PLAY)
    numbers = [frame.n % LOOP for frame in scan_file(file)]
    assert (told["first"], told["last"]) == (numbers[0], numbers[-1])
    assert told["total"] == len(numbers)
    assert told["seconds"] == pytest.approx(len(numbers) / FPS, abs=0.1)
    shown = [number for number in told["seen"] if number is not None]
    assert len(shown) > len(numbers) // 4 and set(shown) <= set(numbers)
    page.context.close()
