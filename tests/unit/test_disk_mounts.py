"""The kernel's table of mounts."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.disk.mounts import mount_id_of, mount_on, parse_mountinfo, read_mounts

TABLE = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
36 22 7:0 / /media/my\040usb\134disk rw,relatime shared:5 master:3 - ext4 /dev/loop0 rw
37 22 7:1 /sub /mnt ro,nosuid - xfs /dev/loop1 rw
38 22 7:2 / /mnt rw - xfs /dev/loop2 ro
garbage
39 22 0:40 / /mnt/x rw -
"""


def test_mount_points_are_unescaped_and_options_read() -> None:
    mounts = parse_mountinfo(TABLE)
    assert [mount.id for mount in mounts] == [22, 36, 37, 38]
    assert mounts[1].point == "/media/my usb\\disk"
    assert mounts[1].device == (7, 0)
    assert [mount.read_only for mount in mounts] == [False, False, True, True]
    assert mounts[3].fs_type == "xfs"


def test_the_last_of_two_mounts_on_one_point_is_on_top() -> None:
    mounts = parse_mountinfo(TABLE)
    top = mount_on(mounts, "/mnt")
    assert top is not None
    assert top.id == 38
    assert mount_on(mounts, "/mnt/") is None
    assert mount_on(mounts, "/media") is None


@given(st.binary(min_size=1, max_size=60))
def test_any_mount_point_is_read_back_as_the_kernel_escaped_it(raw: bytes) -> None:
    # What show_mountinfo() escapes is space, tab, newline and backslash, and nothing else.
    escaped = b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes((byte,)) for byte in raw)
    (mount,) = parse_mountinfo(b"22 1 8:1 / /" + escaped + b" rw - ext4 /dev/sda1 rw\n")
    assert mount.point == os.fsdecode(b"/" + raw)


@pytest.mark.skipif(not os.path.exists("/proc/self/mountinfo"), reason="this kernel has no table of mounts")
def test_a_descriptors_mount_is_listed() -> None:
    fd = os.open("/proc", os.O_RDONLY)
    try:
        found = next(mount for mount in read_mounts() if mount.id == mount_id_of(fd))
        assert found.point == "/proc"
        assert found.fs_type == "proc"
    finally:
        os.close(fd)
