"""Slow or hanging: what the device has completed while a call takes long, and who is told."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from evertape.disk.busy import Busy
from evertape.disk.device_writes import DeviceWrites

SECOND = 1_000_000_000
DEVICE = os.makedev(7, 3)


def completed(folder: Path, count: int) -> None:
    (folder / "7:3").mkdir(exist_ok=True)
    (folder / "7:3" / "stat").write_text(f"  10 0 80 1   {count} 0 99 7 0 8 8 0 0 0 0 0 0\n")


def test_a_device_gets_on_when_it_has_completed_more_writes(tmp_path: Path) -> None:
    completed(tmp_path, 5)
    device = DeviceWrites(DEVICE, tmp_path)
    assert not device.moved()
    completed(tmp_path, 6)
    assert device.moved()
    assert not device.moved()


def test_a_file_system_without_a_device_shows_no_progress(tmp_path: Path) -> None:
    assert not DeviceWrites(DEVICE, tmp_path).moved()
    (tmp_path / "7:3").mkdir()
    (tmp_path / "7:3" / "stat").write_text("1 2 3\n")
    assert not DeviceWrites(DEVICE, tmp_path).moved()


class Bench:
    """A volume whose calls take as long as said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.longest, self.progressed, self.moves, self.asked, self.told = 100 * SECOND, 0, 0, False, 0, 0
        self.lanes = SimpleNamespace(longest=lambda: self.longest, device_moved=self.device_moved, progressed=0)
        self.volume = SimpleNamespace(
            session=SimpleNamespace(lanes=self.lanes, handle=SimpleNamespace(device=DEVICE)), hung=False
        )
        monkeypatch.setattr("evertape.disk.busy.time.monotonic_ns", lambda: self.now)
        monkeypatch.setattr("evertape.disk.busy.DeviceWrites", lambda _device: SimpleNamespace(moved=self.moved))
        self.busy = Busy(self.volume, self.tell)  # type: ignore[arg-type]

    def moved(self) -> bool:
        self.asked += 1
        return self.moves

    def device_moved(self) -> None:
        self.lanes.progressed = self.now

    def tell(self) -> None:
        self.told += 1

    def tick(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now += SECOND // 10
            self.longest += SECOND // 10
            self.busy.tick()


def test_a_device_is_looked_at_only_while_a_call_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.tick(0.9)
    assert (bench.asked, bench.told) == (0, 0)
    bench.tick(1)
    assert bench.asked > 0
    assert bench.told == 0, "nothing got on"


def test_whoever_waits_is_told_once_a_second_while_the_device_gets_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.moves = True
    bench.tick(6)
    assert 4 <= bench.told <= 6
    told, bench.moves = bench.told, False
    bench.tick(10)
    assert bench.told <= told + 1
    bench.moves, bench.volume.hung = True, True
    bench.tick(5)
    assert bench.told <= told + 1, "a volume that was given up has nobody who waits"
