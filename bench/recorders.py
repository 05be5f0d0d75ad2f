"""What ``bench/cameras.py`` compares: Evertape's whole service, and a process of ffmpeg per camera."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

import proctree  # noqa: E402

from evertape.cli.client import ServiceClient  # noqa: E402
from evertape.errors import EvertapeError  # noqa: E402
from evertape_lab.audit import FramesReport, Source, audit_files  # noqa: E402
from evertape_lab.footage import logical_ranges  # noqa: E402

SERVE = f"{sys.executable} -m evertape.cli.main --data {{data}} serve"
READY_S = 60.0


class Recorder(ABC):
    """Records all cameras into a directory of its own, which goes with it.

    Args:
        urls: the cameras.
        folder: where to make the directory.
    """

    name = ""

    def __init__(self, urls: Sequence[str], folder: Path) -> None:
        self.urls = urls
        self.data = Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-", dir=folder))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            shutil.rmtree(self.data, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until every camera is being recorded."""

    @abstractmethod
    def stop(self) -> None:
        """Finish the files."""

    @abstractmethod
    def pids(self) -> list[int]:
        """All processes."""

    def ring_bytes(self) -> int:
        """Footage held in memory on purpose."""
        return 0

    @abstractmethod
    def audit(self) -> FramesReport:
        """What was recorded."""

    def files(self) -> list[Path]:
        return sorted(self.data.rglob("*.mp4"))

    def usage(self) -> dict[int, proctree.Usage]:
        return proctree.read(self.pids())


class Evertape(Recorder):
    """The real service, with all its processes.

    Args:
        urls: the cameras.
        folder: where to make the directory.
        command: how to start it.
        settings: further lines of its configuration.
        profile: have every process profile itself into this directory.
    """

    name = "evertape"

    def __init__(
        self, urls: Sequence[str], folder: Path, command: str = SERVE, settings: str = "", profile: Path | None = None
    ) -> None:
        super().__init__(urls, folder)
        self._command = command
        self._settings = settings
        self._profile = profile
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        cameras = "".join(f'[cameras.cam_{i:03d}]\nurl = "{url}"\n' for i, url in enumerate(self.urls))
        (self.data / "recordings").mkdir()
        config = f'[recording]\nrotation = "60s"\n[storage]\nmin_record_free = "100MB"\n{self._settings}\n{cameras}'
        (self.data / "evertape.toml").write_text(config)
        path = [str(ROOT / "src")]
        environment = dict(os.environ)
        if self._profile is not None:
            path.append(str(ROOT / "bench" / "profiling"))
            environment["EVERTAPE_PROFILE"] = str(self._profile)
        environment["PYTHONPATH"] = os.pathsep.join(path)
        self._process = subprocess.Popen(
            shlex.split(self._command.format(data=self.data)),
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(self.data / "service.log").open("wb"), start_new_session=True,
        )  # fmt: skip
        _until(self._all_recording, self._log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                code = self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                code = self._process.wait()
            if code:
                print(f"evertape ended with {code}:\n{self._log()}", file=sys.stderr)
            self._process = None

    def pids(self) -> list[int]:
        return proctree.tree(self._process.pid) if self._process is not None else []

    def status(self) -> dict[str, Any]:
        with ServiceClient(self.data) as client:
            status: dict[str, Any] = client.request("status")
        return status

    def ring_bytes(self) -> int:
        return int(self.status()["ring"]["bytes"])

    def audit(self) -> FramesReport:
        sources: list[Source] = list(logical_ranges(self.files()))
        return audit_files(sources)

    def _all_recording(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise SystemExit(f"evertape ended by itself:\n{self._log()}")
        with contextlib.suppress(EvertapeError):
            cameras = self.status()["cameras"]
            return len(cameras) == len(self.urls) and all(c["recording"]["state"] == "recording" for c in cameras)
        return False

    def _log(self) -> str:
        return (self.data / "service.log").read_text(errors="replace")[-3000:]


class Ffmpeg(Recorder):
    """``ffmpeg -rtsp_transport tcp -c copy -f segment``, a process per camera."""

    name = "ffmpeg"

    def start(self) -> None:
        self._processes = []
        for i, url in enumerate(self.urls):
            out = self.data / f"cam_{i:03d}"
            out.mkdir()
            command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url]
            command += ["-c", "copy", "-f", "segment", "-segment_time", "60", "-reset_timestamps", "1"]
            command += [str(out / "%05d.mp4")]
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        _until(lambda: sum(file.stat().st_size > 100_000 for file in self.files()) >= len(self.urls), str)

    def stop(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def audit(self) -> FramesReport:
        return audit_files(self.files())


def _until(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not every camera was recorded after {READY_S:.0f} s\n{complaint()}")
        time.sleep(0.2)


def machine() -> dict[str, Any]:
    """What it runs on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    text = Path("/proc/cpuinfo").read_text()
    models = {line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")}
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return {
        "cores": os.cpu_count(), "cpu": ", ".join(models), "memory_gb": round(memory / 1e9, 1),
        "kernel": os.uname().release, "python": sys.version.split()[0], "ffmpeg": version,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }  # fmt: skip


def dump(path: Path, results: dict[str, Any]) -> None:
    """Write the results for programs."""
    path.write_text(json.dumps(results, indent=1) + "\n")
