"""How the machine is, read from files as Linux has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertape.hub.machine import MachineWatch
from hub.canned import Canned, play


def _tell(proc: Path, busy: int, idle: int) -> None:
    (proc / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 99 99\ncpu0 1 2 3 4\n")


def test_the_share_is_of_the_time_between_two_looks(tmp_path: Path) -> None:
    watch = MachineWatch(tmp_path, tmp_path / "sys")
    _tell(tmp_path, 100, 900)
    assert watch.look().cpu is None
    _tell(tmp_path, 130, 970)
    assert watch.look().cpu == pytest.approx(0.3)
    _tell(tmp_path, 1, 1)  # counters that began anew
    assert watch.look().cpu is None


def test_memory_load_and_thermometers(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\nHugePages_Total: 0\n")
    (tmp_path / "loadavg").write_text("0.71 0.5 0.4 1/200 4711\n")
    (tmp_path / "uptime").write_text("86400.5 100.0\n")
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("48312\n")
    (zone / "type").write_text("cpu-thermal\n")
    chip = tmp_path / "sys/class/hwmon/hwmon0"
    chip.mkdir(parents=True)
    (chip / "name").write_text("drivetemp\n")
    (chip / "temp1_input").write_text("-2000\n")
    (chip / "temp2_input").write_text("")
    look = MachineWatch(tmp_path, tmp_path / "sys").look()
    assert (look.memory, look.available, look.load, look.uptime_s) == (1_024_000, 409_600, 0.71, 86400.5)
    assert [(one.name, one.celsius) for one in look.temperatures] == [("cpu-thermal", 48.312), ("drivetemp", -2.0)]


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    look = MachineWatch(tmp_path, tmp_path).look()
    assert (look.cpu, look.memory, look.load, look.temperatures) == (None, None, None, ())
    assert look.processors >= 1


def test_the_route_answers(tmp_path: Path) -> None:
    async def scenario(hub: Canned) -> None:
        found = await hub.get("/machine")
        assert found["processors"] >= 1 and set(found) >= {"cpu", "memory", "available", "temperatures"}

    play(tmp_path, scenario)
