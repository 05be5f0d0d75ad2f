"""What a scenario file says of disks: which there are, and what is promised of them. A part of ``script``."""

from __future__ import annotations

import msgspec


class Volume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A volume of the service, and the disk that stands for it.

    Args:
        name: in the configuration.
        kind: ``ext4`` or ``xfs`` on a loop device; ``fuse``: has moods; ``dying``: an ext4 whose device can be torn
            out; ``folder``.
        role: ``primary`` or ``spill``.
        size_mb: of a loop device; xfs needs 300.
        declared: the service knows it; else it is just a disk that lies about.
        options: of the mount.
    """

    name: str
    kind: str = "ext4"
    role: str = "primary"
    size_mb: int = 64
    declared: bool = True
    options: str = ""


class StorageExpect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is promised of disks. Never a byte beneath a mount point, and never a frame doubled for readers, always.

    Args:
        noticed_within_s: from the break to the volume's first event that says so …
        layers: … which one of these layers noticed; any by default.
        back_within_s: from the repair to the first file there.
        spilled_within_s: from the break to the first file on another volume.
        labels: what people are shown: lines of the log that tell cameras of their storage hold these.
        log: beginnings of lines of the log, in this order.
        never_log: what no line may hold.
        told: how often each camera's callback is told of an error; ``None``: as often as may be.
        live: somebody watched each camera, and missed no frame.
        doubled: frames may still lie on the disks twice at the end.
        empty: volumes on which no footage may be left.
        holds: volumes on which there has to be some.
        alerts: kinds of alerts, each as often as it is raised; each is over at the end, and none is raised again.
        told_within_s: from what was noticed of a disk to the alert that it cannot be used.
        alert_first: one of them before the first frame is lost, if any is.
        changes: how often the state of each volume that broke may change at most.
        other_writers_wait_s: how long files of a camera that was followed may not grow, beyond a fragment's length.
        beat_gap_s: the longest time between two heartbeats of a process.
        memory_mb: what the recorders may take more than at ``measure``.
        exact: every frame is in one file or in a gap of ``storage_slow``, none in both; gaps end where frames do.
        used: this share at least was written of what a slow disk (``mood`` ``rate``) would have taken.
        deleted_oldest_first: something was deleted, and always the oldest there was.
    """

    noticed_within_s: float | None = None
    layers: tuple[str, ...] = ()
    back_within_s: float | None = None
    spilled_within_s: float | None = None
    labels: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    never_log: tuple[str, ...] = ()
    told: int | None = None
    live: bool = True
    doubled: bool = False
    empty: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    told_within_s: float = 5.0
    alert_first: bool = False
    changes: int | None = None
    other_writers_wait_s: float | None = None
    beat_gap_s: float | None = None
    memory_mb: float | None = None
    exact: bool = False
    used: float | None = None
    deleted_oldest_first: bool = False
