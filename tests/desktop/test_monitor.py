"""The system monitor."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink, volume
from evertape_desktop.context import Context
from evertape_desktop.monitor.system import SystemMonitor

_MACHINE = {
    "processors": 4, "cpu": 0.25, "load": 1.0, "memory": 8_000_000_000, "available": 6_000_000_000, "uptime_s": 1.0,
    "temperatures": [{"name": "disk", "celsius": 31.0}, {"name": "cpu", "celsius": 62.4}],
}  # fmt: skip


def test_it_shows_the_machine_the_recording_volumes_and_the_processes(
    qtbot: QtBot, context: Context, link: CannedLink
) -> None:
    link.answers["GET /machine"] = _MACHINE
    link.state["processes"] = [{"name": "recorder-0", "pid": 7, "generation": 2, "rss": 50_000_000, "cpu_s": 1.0}]
    monitor = SystemMonitor(context)
    qtbot.addWidget(monitor)
    context.backend.start()
    monitor.show()
    qtbot.waitUntil(lambda: monitor.cpu.share == 0.25 and "usb1" in monitor.volumes)
    assert monitor.memory.share == 0.25 and "62 °C (cpu)" in monitor.temperature.text
    assert "free of" in monitor.volumes["usb1"].text
    link.state["now"] = "2026-11-24T10:30:02.000000000Z"
    link.state["processes"] = [{"name": "recorder-0", "pid": 7, "generation": 2, "rss": 50_000_000, "cpu_s": 1.1}]
    context.backend.look_now()
    qtbot.waitUntil(lambda: (item := monitor.processes.item(0, 1)) is not None and item.text() == "5.0 %", timeout=5000)


def test_a_volume_that_is_gone_says_so_and_one_that_was_removed_goes(
    qtbot: QtBot, context: Context, link: CannedLink
) -> None:
    link.state["volumes"] = [volume("usb1", state="missing"), volume("usb2")]
    monitor = SystemMonitor(context)
    qtbot.addWidget(monitor)
    context.backend.start()
    qtbot.waitUntil(lambda: set(monitor.volumes) == {"usb1", "usb2"})
    assert monitor.volumes["usb1"].share is None and "USB Disconnected" in monitor.volumes["usb1"].text
    link.state["volumes"] = [volume("usb2")]
    context.backend.look_now()
    qtbot.waitUntil(lambda: set(monitor.volumes) == {"usb2"})
