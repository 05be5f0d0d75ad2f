"""What ``doctor`` says about machines that are sick in one way each."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evertape.cli import doctor, doctor_disk_probe
from evertape.cli.doctor_check import (
    _PLUGIN_PACKAGES,
    SUPPORTED,
    Check,
    Level,
    Manager,
    install_line,
    os_release,
    package_sets,
    plugins_line,
)
from evertape.cli.doctor_host import (
    KernelClock,
    Memory,
    MountView,
    check_clock,
    check_files,
    check_memory,
    check_mounts,
    host_checks,
    read_memory,
    read_mount_view,
)
from evertape.cli.doctor_media import check_elements, check_media, check_python, check_system
from evertape.cli.doctor_volume import check_volume, judge_volume, measure_apart
from evertape.errors import SetupError
from evertape.media.elements import LAB_NEEDS, NEEDS, GStreamerProbe, Need, PluginSet, probe_gstreamer

ROOT = Path(__file__).resolve().parents[2]
GIB = 1 << 30
LINUX_MANAGERS = [Manager.APT, Manager.DNF, Manager.PACMAN]


def probe(version: tuple[int, int, int] = (1, 22, 0), missing: str = "", rtsp_server: bool = True) -> GStreamerProbe:
    lacking = set(missing.split())

    def gone(needs: tuple[Need, ...]) -> tuple[Need, ...]:
        return tuple(need for need in needs if lacking >= set(need.any_of))

    return GStreamerProbe("3.42.2", version, gone(NEEDS), gone(LAB_NEEDS), rtsp_server)


def levels(checks: list[Check]) -> dict[str, Level]:
    return {check.name: check.level for check in checks}


# --- the system and GStreamer


@pytest.mark.parametrize(
    "fields, level",
    [
        ({"ID": "debian", "VERSION_ID": "12"}, Level.OK),
        ({"ID": "debian", "VERSION_ID": "11"}, Level.WARN),
        ({"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "22.04"}, Level.OK),
        ({"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "20.04"}, Level.WARN),
        ({"ID": "fedora", "VERSION_ID": "41"}, Level.OK),
        ({"ID": "arch"}, Level.OK),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_ID": "5"}, Level.OK),
        ({"ID": "plan9"}, Level.WARN),
    ],
)
def test_system_is_known_and_new_enough(fields: dict[str, str], level: Level) -> None:
    if sys.platform == "linux":
        assert check_system(fields).level is level


def test_old_python_fails() -> None:
    assert check_python((3, 10, 12)).level is Level.FAIL
    assert check_python((3, 11, 0)).level is Level.OK


def test_missing_bindings_name_the_whole_set_of_this_system() -> None:
    def broken() -> GStreamerProbe:
        raise SetupError("PyGObject cannot be imported (No module named 'gi')")

    (check,) = check_media(Manager.DNF, {}, broken)
    assert check.level is Level.FAIL
    assert "No module named 'gi'" in check.detail
    assert check.fix.startswith(install_line(Manager.DNF, package_sets(Manager.DNF)["base"]))


def test_missing_bindings_on_ubuntu_22_04_name_the_newer_python_too() -> None:
    def broken() -> GStreamerProbe:
        raise SetupError("no gi")

    (check,) = check_media(Manager.APT, {"UBUNTU_CODENAME": "jammy"}, broken)
    assert "python3.11-venv" in check.fix
    (check,) = check_media(Manager.APT, {"VERSION_CODENAME": "bookworm"}, broken)
    assert "python3.11-venv" not in check.fix


def test_old_gstreamer_fails() -> None:
    assert levels(check_media(Manager.APT, {}, lambda: probe((1, 18, 4))))["gstreamer"] is Level.FAIL
    assert levels(check_media(Manager.APT, {}, lambda: probe((1, 20, 0))))["gstreamer"] is Level.OK


def test_missing_element_names_itself_its_purpose_and_its_package() -> None:
    record, view, lab = check_elements(Manager.APT, probe(missing="h264parse rtpmp4gdepay"))
    assert record.level is Level.FAIL
    assert "h264parse (H.264 and H.265)" in record.detail
    assert record.fix.endswith(" gstreamer1.0-plugins-bad gstreamer1.0-plugins-good")
    assert (view.level, lab.level) == (Level.OK, Level.OK)


def test_one_of_several_encoders_is_enough() -> None:
    _, view, _ = check_elements(Manager.APT, probe(missing="avenc_aac voaacenc faac"))
    assert view.level is Level.OK
    _, view, _ = check_elements(Manager.APT, probe(missing="avenc_aac voaacenc faac fdkaacenc"))
    assert view.level is Level.WARN
    assert view.fix.endswith("gstreamer1.0-libav")


def test_missing_camera_simulator_is_a_warning_only() -> None:
    checks = check_elements(Manager.PACMAN, probe(missing="x264enc", rtsp_server=False))
    assert [check.level for check in checks] == [Level.OK, Level.OK, Level.WARN]
    assert checks[2].fix == "sudo pacman -S --needed gst-plugins-ugly gst-rtsp-server"


def test_real_gstreamer_has_all_that_recording_uses() -> None:
    found = probe_gstreamer()
    assert found.version >= (1, 20, 0)
    assert [need for need in found.missing if need.required] == []


def test_elements_that_do_not_exist_are_missed() -> None:
    gi = pytest.importorskip("gi")
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst

    from evertape.media import elements

    needs = (Need(("nosuchelement",), PluginSet.BASE, "x"), Need(("nosuchelement", "queue"), PluginSet.CORE, "x"))
    assert elements._missing(Gst, needs) == needs[:1]


# --- packages and the guide


@pytest.mark.parametrize("manager", [*LINUX_MANAGERS, Manager.BREW])
def test_each_set_of_plugins_has_a_package_that_the_launcher_installs(manager: Manager) -> None:
    installed = {package for packages in package_sets(manager).values() for package in packages}
    assert set(_PLUGIN_PACKAGES[manager]) == set(PluginSet)
    assert set(_PLUGIN_PACKAGES[manager].values()) <= installed


@pytest.mark.parametrize("manager", [*LINUX_MANAGERS, Manager.BREW])
def test_guide_gives_each_line(manager: Manager) -> None:
    guide = (ROOT / "docs/guide/install.md").read_text()
    for name, packages in package_sets(manager).items():
        if name not in ("test", "web", "xvfb", "armhf"):
            assert f"    {install_line(manager, packages)}\n" in guide


def test_guide_lists_each_supported_system() -> None:
    guide = (ROOT / "docs/guide/install.md").read_text()
    for system in SUPPORTED:
        note = f"{system.note} " if system.note else ""
        assert f"| {system.name} | {system.minimum or 'rolling'} | {system.manager} | {note}|\n" in guide


def test_windows_is_told_of_the_wheels() -> None:
    assert plugins_line(Manager.PIP, [PluginSet.BAD]).endswith("pip install gstreamer-bundle")


def test_os_release_is_read_with_and_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('NAME="Debian GNU/Linux"\nID=debian\n\n# remark\n')
    assert os_release(path) == {"NAME": "Debian GNU/Linux", "ID": "debian"}
    assert os_release(tmp_path / "none") == {}


# --- the machine


def test_clock_that_nothing_synchronises_is_a_warning() -> None:
    assert check_clock(KernelClock(False, 16_000_000)).level is Level.WARN
    assert check_clock(KernelClock(True, 12_000)) == Check("clock", Level.OK, "synchronised, at most 12 ms off")


@pytest.mark.parametrize(
    "view, level",
    [
        (MountView("mnt:[1]", "mnt:[1]", follows=False), Level.OK),
        (MountView("mnt:[2]", "mnt:[1]", follows=True), Level.OK),
        (MountView("mnt:[2]", "mnt:[1]", follows=False), Level.WARN),
        (MountView("mnt:[2]", "", follows=True), Level.OK),
        (MountView("mnt:[2]", "", follows=False), Level.WARN),
    ],
)
def test_private_mount_namespace_is_a_warning(view: MountView, level: Level) -> None:
    assert check_mounts(view).level is level


@pytest.mark.parametrize("tags, follows", [("", False), (" shared:1", True), (" master:7", True)])
def test_mount_propagation_is_read_from_the_root_mount(tmp_path: Path, tags: str, follows: bool) -> None:
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/mnt").symlink_to("mnt:[4026531841]")
    (tmp_path / "self/mountinfo").write_text(
        f"22 1 8:1 / / rw,relatime{tags} - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw shared:9 - proc proc rw\n"
    )
    assert read_mount_view(tmp_path) == MountView("mnt:[4026531841]", "", follows)


@pytest.mark.parametrize(
    "limit, level",
    [((1024, 1 << 20), Level.OK), ((1024, 2048), Level.WARN), ((256, 256), Level.FAIL), ((sys.maxsize,) * 2, Level.OK)],
)
def test_hard_limit_of_open_files_counts(limit: tuple[int, int], level: Level) -> None:
    assert check_files(limit).level is level


@pytest.mark.parametrize(
    "memory, level",
    [
        (Memory(8 * GIB, 6 * GIB), Level.OK),
        (Memory(GIB, GIB * 3 // 4), Level.OK),
        (Memory(8 * GIB, GIB // 2), Level.WARN),
        (Memory(8 * GIB, GIB // 8), Level.FAIL),
    ],
)
def test_memory_must_hold_the_rings(memory: Memory, level: Level) -> None:
    assert check_memory(memory).level is level


def test_memory_of_a_control_group_is_its_limit(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  16777216 kB\nMemFree: 1 kB\nMemAvailable: 8388608 kB\nHugePages: 0\n")
    assert read_memory(tmp_path, tmp_path) == Memory(16 * GIB, 8 * GIB)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert read_memory(tmp_path, tmp_path) == Memory(16 * GIB, 8 * GIB)
    (tmp_path / "memory.max").write_text(f"{2 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{GIB}\n")
    assert read_memory(tmp_path, tmp_path) == Memory(2 * GIB, GIB)


def test_this_machine_can_be_examined() -> None:
    names = set(levels(host_checks()))
    assert "open files" in names or sys.platform == "win32"
    if sys.platform == "linux":
        assert names == {"clock", "mount namespace", "open files", "memory"}


# --- volumes


def measured(**changes: Any) -> dict[str, Any]:
    return {"write_bytes_per_s": 1e8, "sync_ms": [2.0] * 8, "free_bytes": 5e10, "total_bytes": 1e11, **changes}


@pytest.mark.parametrize(
    "result, level, words",
    [
        (measured(), Level.OK, "writes 100 MB/s, syncs in 2.0 ms (worst 2.0), 50.0 of 100.0 GB free"),
        (measured(write_bytes_per_s=2e6), Level.WARN, "enough for 4 cameras"),
        (measured(write_bytes_per_s=3e5), Level.FAIL, "too slow for one camera"),
        (measured(sync_ms=[2.0] * 7 + [800.0]), Level.WARN, "a power cut may cost more than 2 s"),
        (None, Level.FAIL, "did not finish"),
        ({"errno": errno.EROFS, "error": "Read-only file system"}, Level.FAIL, "/mnt/usb: Read-only file system"),
    ],
)
def test_volume_is_judged_by_speed_and_sync(result: dict[str, Any] | None, level: Level, words: str) -> None:
    check = judge_volume("usb", Path("/mnt/usb"), result)
    assert (check.name, check.level) == ("volume usb", level)
    assert words in check.detail
    assert bool(check.fix) == (level is not Level.OK)
    assert "PATH" not in check.fix


def test_volume_is_measured_and_left_as_it_was(tmp_path: Path) -> None:
    found = measure_apart(tmp_path)
    assert found is not None
    assert found["write_bytes_per_s"] > 0
    assert len(found["sync_ms"]) == 8
    assert list(tmp_path.iterdir()) == []


def test_missing_volume_is_named(tmp_path: Path) -> None:
    check = check_volume("usb", tmp_path / "gone")
    assert check.level is Level.FAIL
    assert check.detail == f"{tmp_path / 'gone'}: No such file or directory"
    assert not (tmp_path / "gone").exists()


def test_hung_disk_does_not_hang_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(doctor_disk_probe, "__file__", str(stuck))
    assert measure_apart(tmp_path, deadline_s=0.3) is None


def test_measurement_that_crashes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(doctor_disk_probe, "__file__", str(broken))
    found = measure_apart(tmp_path)
    assert found is not None
    assert "ended with status" in found["error"]


# --- how it is told

GOOD = Check("python", Level.OK, "3.11.2")
WARNED = Check("clock", Level.WARN, "drifts", "set it")
FAILED = Check("volume usb", Level.FAIL, "[Errno 30] /mnt/usb", "remount it")


def told(*checks: Check) -> tuple[int, str]:
    out = io.StringIO()
    status = doctor.print_lines(checks, Console(file=out, width=60))
    return status, out.getvalue()


def test_failure_sets_the_exit_status_and_a_warning_does_not() -> None:
    assert told(GOOD)[0] == 0
    assert told(GOOD, WARNED) == (
        0,
        "✓ python: 3.11.2\n! clock: drifts\n    → set it\nFit to record, with 1 warning.\n",
    )
    status, text = told(GOOD, FAILED)
    assert status == 1
    assert "✗ volume usb: [Errno 30] /mnt/usb\n    → remount it\n1 of 2 checks failed" in text


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.print_json([GOOD, FAILED]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["checks"][1] == {
        "name": "volume usb",
        "status": "fail",
        "detail": "[Errno 30] /mnt/usb",
        "fix": "remount it",
    }


def test_whole_examination_covers_software_machine_and_volumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = doctor.run_doctor([("main", tmp_path), ("gone", tmp_path / "gone")], as_json=True)
    found = {check["name"]: check["status"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert status == 1
    assert {"system", "python", "gstreamer", "elements to record", "open files", "volume main"} <= set(found)
    assert found["volume gone"] == "fail"
