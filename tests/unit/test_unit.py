from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from evertape.engine.unit import UnitTerms, unit_text, writable

TERMS = UnitTerms(
    command=["/usr/bin/true"],
    program=[Path("/opt/evertape")],
    environment={"PYTHONPATH": "/opt/evertape/src"},
    data=Path("/var/lib/evertape"),
    config=Path("/var/lib/evertape/evertape.toml"),
)
CASES = {
    "plain": TERMS,
    "a disk": replace(TERMS, volumes=[Path("/mnt/usb"), Path("/data/x y/cam")], mounts=[Path("/mnt/usb")]),
    "names that need quotes": replace(
        TERMS, data=Path("/srv/a b"), config=Path("/etc/eva%1/e$x.toml"), mounts=[Path("/srv/Überwachung-1/.x")]
    ),
    "with decoders": replace(TERMS, groups=["video"]),
    "in a home": replace(TERMS, program=[Path("/home/ann/evertape")], data=Path("/home/ann/data"), name="mine"),
}


def values(text: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def test_a_mount_point_is_not_bound_so_that_an_absent_disk_does_not_look_mounted() -> None:
    terms = replace(TERMS, volumes=[Path("/disks/one"), Path("/disks/two")], mounts=[Path("/disks/one")])
    assert Path("/disks/one") not in writable(terms)
    assert Path("/disks") in writable(terms)
    # The parent covers the other one.
    assert Path("/disks/two") not in writable(terms)


def test_a_volume_below_the_root_does_not_open_the_whole_system() -> None:
    terms = replace(TERMS, volumes=[Path("/usb")], mounts=[Path("/usb")])
    assert Path("/") not in writable(terms)
    assert Path("/usb") in writable(terms)


def test_no_home_is_visible_but_what_the_program_needs() -> None:
    assert values(unit_text(TERMS), "ProtectHome") == ["yes"]
    text = unit_text(CASES["in a home"])
    assert values(text, "ProtectHome") == ["tmpfs"]
    assert values(text, "BindReadOnlyPaths") == ["/home/ann/evertape"]
    assert values(text, "BindPaths") == ["-/home/ann/data"]


def test_disks_of_the_boot_are_waited_for_by_their_units_names() -> None:
    text = unit_text(replace(TERMS, mounts=[Path("/srv/Über-1/.x")]))
    assert "srv-\\xc3\\x9cber\\x2d1-.x.mount" in values(text, "After")


def test_only_groups_that_there_are_are_asked_for() -> None:
    assert values(unit_text(CASES["with decoders"]), "SupplementaryGroups") == ["video"]
    assert values(unit_text(TERMS), "SupplementaryGroups") == []


def test_percent_and_dollar_are_what_they_are() -> None:
    (line,) = values(unit_text(CASES["names that need quotes"]), "ExecStart")
    assert '"/srv/a b"' in line and "/etc/eva%%1/e$$x.toml" in line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", list(CASES))
def test_systemd_accepts_the_unit_without_a_word(name: str, tmp_path: Path) -> None:
    unit = tmp_path / "evertape.service"
    unit.write_text(unit_text(CASES[name]))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "evertape" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_calls_it_well_protected(tmp_path: Path) -> None:
    unit = tmp_path / "evertape.service"
    unit.write_text(unit_text(TERMS))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # Exit code 1: an exposure above 2.5 of 10.
    assert done.returncode == 0, done.stdout[-400:] + done.stderr
