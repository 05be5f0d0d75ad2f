"""`evertape service install` under a real systemd: in a machine of its own, above the file system of this one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evertape.cli.installer import TEMPORARY
from evertape_lab import LabCameras
from evertape_lab.audit import audit_files
from evertape_lab.fleet import free_port
from evertape_lab.machine import Machine, why_no_machine
from hub.served_hub import ServedHub, pictures, until

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = [CHECKOUT, Path(sys.prefix)]
EVERTAPE = f"cd / && PYTHONPATH={CHECKOUT}/src {sys.executable} -P -m evertape.cli.main"
DATA = "/var/lib/evertape"
DISK = "/media/usb"
MARGIN_S = 1.0
"""As for the other rows: two cores, and other tests may be using them."""
BACK_S = 5.0
"""From the death of the supervisor to the first new frame (row C3)."""
PATIENCE_S = 6
"""Of the watchdog, here; it is twenty seconds as it is installed."""


def why_not() -> str:
    if any(path.is_relative_to(temporary) for path in PROGRAM for temporary in TEMPORARY):
        return "a service cannot see a program in a temporary place"
    return why_no_machine()


pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "works"),
    pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed"),
    pytest.mark.timeout(180),
]


class Installed:
    """A camera, a disk, a machine with both, and Evertape installed on it."""

    def __init__(self, machine: Machine, hub: ServedHub, restream: int) -> None:
        self.machine = machine
        self.hub = hub
        self.restream = restream

    def prepare_disk(self) -> None:
        """As somebody does who has a new one: a file system whose owner is the service."""
        self.machine.run(f"truncate -s 200M /root/usb.img && mkfs.ext4 -q -F -m 0 /root/usb.img && mkdir {DISK}")
        self.plug()

    def plug(self) -> None:
        self.machine.run(f"mount -o loop /root/usb.img {DISK}")

    def pull(self) -> None:
        self.machine.run(f"umount -l {DISK}")

    def evertape(self, verb: str) -> str:
        return self.machine.run(f"{EVERTAPE} {verb}")

    def show(self, key: str) -> str:
        return self.machine.run(f"systemctl show evertape --property={key} --value")

    def main(self) -> int:
        """The main process, once systemd calls the service active; 0 while it does not."""
        return int(self.show("MainPID")) if self.show("ActiveState") == "active" else 0

    def replaced(self, old: int, seconds: float) -> int:
        return until(lambda: (now := self.main()) != old and now, "it has a new main process", seconds)

    def frames(self) -> int:
        with contextlib.suppress(Exception):
            return self.hub.frames("yard")
        return 0

    def files(self) -> list[Path]:
        return sorted(self.machine.root.joinpath(DISK[1:]).rglob("*.mp4"))

    def newest(self) -> int:
        """The number of the newest picture on the disk."""
        report = audit_files(self.files()).cameras
        return report["cam_01"].last if report else -1

    def grows(self, seconds: float = 20) -> None:
        begun = self.newest()
        until(lambda: self.newest() > begun, "there are new pictures on the disk", seconds)

    def reconciled(self) -> None:
        """No picture is on the disk twice, as after a disk was pulled or somebody killed."""
        until(lambda: not audit_files(self.files()).cameras["cam_01"].doubled, "each picture is on the disk once")

    def audit(self) -> None:
        """Everything that is on disk matches what is on record, and is in order."""
        self.evertape("audit")
        found = audit_files(self.files()).cameras["cam_01"]
        assert not found.doubled and not found.disordered, found.describe()

    def said(self, *words: str) -> str:
        return self.machine.run(f"journalctl --unit=evertape --no-pager --output=cat {' '.join(words)}")


@pytest.fixture
def installed() -> Iterator[Installed]:
    # Short, for the sockets.
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    restream = free_port()
    try:
        with LabCameras(1, user="viewer", password="s3cret") as lab:
            hub = ServedHub(
                folder / "data",
                f'[restream]\nenabled = true\nlisten = "127.0.0.1:{restream}"\n'
                f'[volumes.usb]\npath = "{DISK}"\nmount = true\n[cameras.yard]\nurl = "{lab.urls[0]}"\n',
            )
            file = hub.data / "evertape.toml"
            file.write_text(file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{free_port()}"))
            with Machine(keep=PROGRAM, shared={hub.data: DATA}) as machine:
                yield Installed(machine, hub, restream)
            hub.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_installed_it_records_shows_exports_and_restreams_and_uninstalled_it_leaves_the_footage(
    installed: Installed, tmp_path: Path
) -> None:
    installed.prepare_disk()
    steps = installed.evertape("service install").splitlines()
    assert steps[0] == "made the user evertape" and steps[-1].startswith("evertape runs"), steps
    assert (installed.show("ActiveState"), installed.show("SubState")) == ("active", "running")
    assert installed.machine.run("systemctl is-enabled evertape") == "enabled"
    hub = installed.hub
    hub.log_in()
    until(lambda: hub.frames("yard") > 150, "it is recorded")
    assert "recording 1 of 1 cameras" in until(
        lambda: (said := installed.show("StatusText")).startswith("recording 1") and said, "systemctl status tells it"
    )

    owner = installed.machine.run(f"ps -o user= -p {installed.main()}; stat --format=%U {DISK}")
    assert owner.split() == ["evertape", "evertape"]
    page = httpx.get(hub.url())
    assert page.status_code == 200 and "<title>" in page.text
    export(hub, tmp_path / "export.mp4")
    assert pictures(tmp_path / "export.mp4") >= 50
    live = f"rtsp://admin:correct%20horse%20battery@127.0.0.1:{installed.restream}/yard"
    assert until(lambda: codec(live), "it is restreamed") == "h264"
    picture = hub.http.get("/cameras/yard/snapshot.jpg")
    assert picture.content[:2] == b"\xff\xd8"

    lines = installed.said()
    assert "[RECORDING] yard: writing to usb" in lines and "s3cret" not in lines
    assert "Operation not permitted" not in lines and "Permission denied" not in lines
    warnings = installed.said("--priority=warning").splitlines()
    assert [line for line in warnings if "there is no account yet" not in line] == []
    assert "writing to usb" in installed.machine.run("journalctl --identifier=evertape --no-pager")

    installed.evertape("service uninstall")
    assert installed.machine.ask("systemctl cat evertape").returncode != 0
    assert installed.machine.ask("pgrep -u evertape").returncode != 0, "nothing of it is left"
    installed.audit()
    report = audit_files(installed.files()).cameras["cam_01"]
    assert report.ok and report.count > 150, report.describe()


@pytest.mark.timed
def test_killed_it_is_back_within_seconds(installed: Installed) -> None:
    installed.prepare_disk()
    installed.evertape("service install")
    first = installed.main()
    installed.grows()
    killed = time.time_ns()
    installed.machine.run(f"kill -KILL {first}")
    installed.replaced(first, 20)
    installed.grows()
    (hole,) = audit_files(installed.files()).cameras["cam_01"].missing
    before, after = (killed - hole.after_utc_ns) / 1e9, (hole.before_utc_ns - killed) / 1e9
    print(f"systemd: killed; last picture {before:.1f} s before, first new one {after:.1f} s after")  # noqa: T201
    assert before < 1 + MARGIN_S and after < BACK_S + MARGIN_S
    installed.reconciled()
    installed.machine.run("systemctl stop evertape")
    installed.audit()


def test_hung_or_restarted_it_is_back_and_the_archive_has_no_fault(installed: Installed) -> None:
    installed.prepare_disk()
    installed.evertape("service install")
    first = installed.main()

    # Somebody's own changes belong into a file beside the unit, and stay when it is installed again.
    installed.machine.run(
        "mkdir -p /etc/systemd/system/evertape.service.d && "
        f"printf '[Service]\\nWatchdogSec={PATIENCE_S}s\\n' > /etc/systemd/system/evertape.service.d/mine.conf"
    )
    assert "wrote" not in installed.evertape("service install")
    second = installed.replaced(first, 20)
    installed.grows()
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_S + 2:
        assert installed.main() == second, "it says that it lives"
        time.sleep(0.5)
    hung = time.monotonic()
    installed.machine.run(f"kill -STOP {second}")
    third = installed.replaced(second, PATIENCE_S + 20)
    mended = time.monotonic() - hung
    assert "Watchdog timeout" in installed.said()
    installed.grows()

    # Restarted, and stopped.
    installed.machine.run("systemctl restart evertape")
    assert installed.main() not in (0, third)
    installed.grows()
    installed.reconciled()
    installed.machine.run("systemctl stop evertape")
    assert installed.show("Result") == "success"
    print(f"systemd: hung, active again after {mended:.1f} s with a watchdog of {PATIENCE_S} s")  # noqa: T201
    installed.audit()


def test_a_disk_that_is_mounted_later_is_recorded_to_and_one_that_is_pulled_is_missed(installed: Installed) -> None:
    installed.prepare_disk()
    installed.evertape("service install")
    installed.hub.log_in()
    until(lambda: usable(installed.hub), "it records to the disk")

    for _ in range(2):
        installed.pull()
        until(lambda: not usable(installed.hub), "the disk is missed", 5 + MARGIN_S)
        assert installed.files() == [], "nothing is written beneath the mount point"
        installed.plug()
        until(lambda: usable(installed.hub), "it records to it again", 2 + 2 * MARGIN_S)

    # Not there when the service starts.
    installed.machine.run("systemctl stop evertape")
    installed.machine.run(f"umount {DISK}")
    installed.machine.run("systemctl start evertape")
    until(lambda: installed.main() and installed.frames() == 0 and not usable(installed.hub), "it waits for the disk")
    assert installed.files() == []
    installed.plug()
    until(lambda: usable(installed.hub), "it records to it", 2 + 2 * MARGIN_S)
    installed.grows()
    installed.reconciled()
    installed.machine.run("systemctl stop evertape")
    installed.audit()


def test_a_program_in_somebodys_private_home_runs_as_a_service_all_the_same(installed: Installed) -> None:
    home = "/home/ann"
    with Machine(shared={CHECKOUT: f"{home}/evertape", installed.hub.data: DATA}, keep=[Path(sys.prefix)]) as machine:
        machine.run(f"chmod 700 {home}")
        python = sys.executable.replace(str(CHECKOUT), f"{home}/evertape")
        machine.run(
            f"cd / && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={home}/evertape/src {python} -P -m evertape.cli.main "
            "service install"
        )
        until(lambda: httpx.get(installed.hub.url()).status_code == 200, "the page is there")
        assert machine.run("systemctl is-active evertape") == "active"
        assert home in machine.run("systemctl show evertape --property=ExecStart")


def usable(hub: ServedHub) -> bool:
    """Whether footage goes to the disk, as the page shows it; False also while nobody answers."""
    try:
        recording = hub.camera("yard")["recording"]
    except (httpx.HTTPError, AssertionError):
        return False
    return recording is not None and recording["state"] == "recording" and recording["volume"] == "usb"


def export(hub: ServedHub, target: Path) -> None:
    def closed() -> list[dict[str, Any]]:
        now = hub.get("/status")["now"]
        found = hub.get("/cameras/yard/segments", start=now[:10] + "T00:00:00Z", end=now)["parts"]
        return [part for part in found if part["segment"]["state"] == "closed"]

    part = until(closed, "a file is finished")[0]
    job = hub.post("/exports", {"cameras": ["yard"], "start": part["start"], "end": part["end"]}, code=202)
    ask: Callable[[], Any] = lambda: hub.get(f"/exports/{job['id']}")  # noqa: E731
    done = until(lambda: (found := ask())["state"] in ("done", "failed") and found, "it is exported")
    assert done["state"] == "done", done["error"]
    target.write_bytes(hub.http.get(f"/exports/{job['id']}/file").content)


def codec(url: str) -> str:
    """What ffprobe finds there; nothing while nobody answers."""
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of",
               "default=nk=1:nw=1", url]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ})
    return done.stdout.strip()
