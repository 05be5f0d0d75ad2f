"""A disk that is slow and gets on: what a disk process makes of it, and of footage that is written elsewhere."""

from __future__ import annotations

import time

import pytest

from evertape.ipc.events import SegmentClosed, VolumeStateChanged
from evertape.ipc.messages import DiskBusy, Durable, SegmentIsClosed, WriterFailed
from evertape.types import NS_PER_S
from evertape_lab.disk_peer import DiskRig, Footage
from evertape_lab.fuse_volume import DyingVolume, FuseVolume, why_no_fuse

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(why_no_fuse()), reason=why_no_fuse() or "works")]

FRAGMENT = 100_000


def big() -> Footage:
    """Each fragment is about as large as ``FRAGMENT``."""
    return Footage(frames=10, frame_bytes=FRAGMENT // 10)


def test_what_is_written_elsewhere_is_not_written_by_a_slow_disk_first(rig: DiskRig) -> None:
    with FuseVolume(rig.folder) as slow:
        peer = rig.disk(slow.mount_point).connect()
        peer.state("online")
        footage = big()
        peer.send(*footage.open())
        peer.send(*footage.append())
        peer.wait(Durable, lambda m: m.fragments == 1)
        slow.be(f"rate {FRAGMENT}")
        for _ in range(20):
            peer.send(*footage.append())
        before = time.monotonic()
        peer.send(footage.close("failover", superseded=True))
        closed = peer.wait(SegmentIsClosed)
        assert time.monotonic() - before < 5, "twenty would take twenty seconds"
        assert 1 <= closed.fragments <= 3
        end = rig.event(SegmentClosed)
        assert (end.fragments, end.reason) == (closed.fragments, "failover")


def test_a_sync_that_takes_longer_than_the_deadline_is_waited_for_while_the_device_writes(rig: DiskRig) -> None:
    with DyingVolume(rig.folder) as disk:
        process = rig.disk(disk.mount_point, is_mount=True, probe_deadline_ns=2 * NS_PER_S)
        peer = process.connect()
        peer.state("online")
        footage = big()
        peer.send(*footage.open())
        peer.send(*footage.append())
        peer.wait(Durable, lambda m: m.fragments == 1)
        # A loop device writes up to a megabyte at a time, and the kernel counts what is completed.
        disk.be("rate 1000000")
        for _ in range(50):
            peer.send(*footage.append())
        peer.wait(DiskBusy)
        peer.wait(Durable, lambda m: m.fragments == 51, 20)
        assert not [m for m, _ in peer.heard if isinstance(m, WriterFailed)]
        states = {event.state for event in rig.events(VolumeStateChanged) if event.volume == "usb1"}
        assert "slow" in states
        assert "hung" not in states
        disk.be("ok")
