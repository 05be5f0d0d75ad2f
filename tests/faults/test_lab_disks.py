"""The lab's disks do what they are told: otherwise the rows of storage would prove nothing."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape_lab.disks import LoopVolume, bytes_beneath, why_no_loop_mounts
from evertape_lab.fuse_volume import DyingVolume, FuseVolume, why_no_fuse
from evertape_lab.powers import call_without_override

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "never"),
]
needs_fuse = pytest.mark.skipif(bool(why_no_fuse()), reason=why_no_fuse() or "never")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="evt-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def fuse(folder: Path) -> Iterator[FuseVolume]:
    with FuseVolume(folder) as volume:
        yield volume


def write(path: Path, data: bytes, *, sync: bool = True) -> int:
    """Write and sync; returns what the first ``write`` took."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        taken = os.write(fd, data)
        if sync:
            os.fsync(fd)
        return taken
    finally:
        os.close(fd)


def refused(path: Path) -> int:
    """The number that writing is refused with."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is what is asked for
        write(path, b"x")
    return caught.value.errno or 0


@needs_fuse
def test_a_fuse_volume_is_a_file_system_like_any_other(fuse: FuseVolume) -> None:
    point, data = fuse.mount_point, os.urandom(3 << 20)
    (point / "a").mkdir()
    write(point / "a" / "x", data)
    (point / "a" / "x").rename(point / "y")
    os.link(point / "y", point / "z")
    os.truncate(point / "z", 1000)
    assert (point / "y").read_bytes() == data[:1000] == (fuse.behind / "y").read_bytes()
    assert sorted(path.name for path in point.iterdir()) == ["a", "y", "z"]
    with open(point / "y", "rb") as held:
        (point / "y").unlink()
        (point / "z").unlink()
        assert held.read() == data[:1000], "an open file outlives its name"
    (point / "a").rmdir()
    assert list(point.iterdir()) == []
    assert os.path.ismount(point)
    many = [f"file-{n:04}" for n in range(500)]
    for name in many:
        (point / name).touch()
    assert sorted(os.listdir(point)) == many, "a long listing comes in parts"


@needs_fuse
def test_a_fuse_volume_fails_and_is_full_as_it_is_told(fuse: FuseVolume) -> None:
    file = fuse.mount_point / "x"
    write(file, b"x")
    fuse.be("fail EIO")
    assert refused(file) == errno.EIO
    fuse.be("fail EACCES")
    assert refused(file) == errno.EACCES
    fuse.be("full 1000")
    assert write(file, bytes(3000), sync=False) == 1000, "the write that reaches the end is cut short"
    assert refused(fuse.mount_point / "y") == errno.ENOSPC
    fuse.be("ok")
    assert write(file, bytes(3000)) == 3000


@needs_fuse
def test_a_slow_fuse_volume_takes_as_long_as_it_is_told_and_answers_other_questions_meanwhile(
    fuse: FuseVolume,
) -> None:
    fuse.be("rate 100000")
    began = time.monotonic()
    writer = threading.Thread(target=write, args=(fuse.mount_point / "x", bytes(60_000)))
    writer.start()
    while not (fuse.mount_point / "x").exists():
        assert time.monotonic() - began < 0.5
    assert os.listdir(fuse.mount_point) == ["x"]
    assert time.monotonic() - began < 0.5
    writer.join()
    assert 0.6 <= time.monotonic() - began < 3.0


@needs_fuse
def test_who_waits_for_a_hanging_fuse_volume_can_be_killed_and_the_rest_goes_on_later(fuse: FuseVolume) -> None:
    fuse.be("hang")
    stuck = subprocess.Popen(["touch", str(fuse.mount_point / "x")])
    patient = subprocess.Popen(["touch", str(fuse.mount_point / "y")])
    with pytest.raises(subprocess.TimeoutExpired):
        stuck.wait(0.3)
    stuck.kill()
    assert stuck.wait(5) < 0
    assert patient.poll() is None
    fuse.be("ok")
    assert patient.wait(5) == 0
    assert (fuse.mount_point / "y").exists()


@needs_fuse
def test_a_device_torn_out_leaves_its_mount_and_answers_with_errors_until_it_is_another_device(folder: Path) -> None:
    with DyingVolume(folder) as disk:
        write(disk.mount_point / "x", b"kept")
        disk.die()
        assert os.path.exists("/proc/mounts")
        assert str(disk.mount_point) in Path("/proc/mounts").read_text()
        assert refused(disk.mount_point / "y") in (errno.EIO, errno.EROFS)
        disk.revive()
        disk.mount()
        assert (disk.mount_point / "x").read_bytes() == b"kept"


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
def test_a_file_system_that_is_shut_down_forgets_what_was_not_synced(folder: Path, fs: str) -> None:
    if reason := why_no_loop_mounts(f"mkfs.{fs}"):
        pytest.skip(reason)
    with LoopVolume(folder, size=320 << 20, fs=fs) as disk:
        write(disk.mount_point / "kept", b"kept")
        write(disk.mount_point / "lost", b"lost", sync=False)
        disk.shut_down()
        assert refused(disk.mount_point / "y") == errno.EIO
        disk.pull()
        assert bytes_beneath(disk.mount_point) == 0
        disk.mount()
        assert (disk.mount_point / "kept").read_bytes() == b"kept"
        assert not (disk.mount_point / "lost").exists()


def test_a_disk_is_covered_and_filled_and_becomes_read_only_by_itself(folder: Path) -> None:
    with LoopVolume(folder) as disk:
        file = disk.mount_point / "x"
        disk.fill(100_000)
        numbers = os.statvfs(disk.mount_point)
        assert numbers.f_bavail * numbers.f_frsize < 110_000
        assert write(file, bytes(60_000)) == 60_000
        disk.fill(0)
        with pytest.raises(OSError, match="No space left"):
            write(disk.mount_point / "y", bytes(100_000))
        disk.make_room()
        disk.cover(disk.mount_point, "ro")
        assert refused(file) == errno.EROFS
        disk.pull()
        write(file, b"x")
        disk.pull()
        disk.mount(options="errors=remount-ro")
        with open(file, "ab") as held:
            disk.fail_metadata()
            assert refused(disk.mount_point / "z") == errno.EROFS
            held.close()


def test_root_without_override_is_refused_what_permissions_refuse_and_others_are_not(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    os.chown(closed, 65534, 65534)
    assert call_without_override(lambda: subprocess.run(["touch", str(closed / "x")], stderr=-3).returncode) != 0
    assert subprocess.run(["touch", str(closed / "x")], check=False).returncode == 0
