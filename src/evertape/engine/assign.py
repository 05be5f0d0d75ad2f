"""From the configuration to what each process is told. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from evertape.config.schema import Config
from evertape.domain.rotation import stagger
from evertape.ipc.messages import CameraSettings
from evertape.types import CameraId, DurationNs

CAMERAS_PER_RECORDER = 16
"""Enough that few processes serve many cameras, few enough that one that dies takes a quarter of the cameras."""

_SLOTS = 64


def camera_settings(
    config: Config, camera_id: CameraId, holds: tuple[int, int] = (0, 0), claims: str = ""
) -> CameraSettings:
    """Everything a recorder must know of one camera.

    Args:
        config: in force.
        camera_id: which.
        holds: see ``RefusedLogins.holds``.
        claims: the folder in which streams are claimed.
    """
    camera = config.cameras[camera_id]
    recording, streaming = config.recording_for(camera_id), config.streaming_for(camera_id)
    main, sub = camera.main_stream(), camera.sub_stream()
    backoff = streaming.backoff
    # By the id alone, so that adding a camera moves no other camera's file changes.
    slot = zlib.crc32(camera_id.encode()) % _SLOTS
    offset = stagger(slot, _SLOTS, DurationNs(recording.rotation)) if recording.stagger else 0
    return CameraSettings(
        id=camera_id,
        name=camera.name,
        url=main.bare,
        sub_url=sub.reveal() if sub is not None else "",
        user=main.user or "",
        password=main.password or "",
        transport=str(camera.transport),
        receiver=str(camera.receiver),
        latency_ns=camera.latency,
        audio=camera.audio,
        tls_verify=camera.tls_verify,
        keepalive_ns=camera.keepalive,
        connect_timeout_ns=streaming.connect_timeout,
        stable_after_ns=streaming.stable_after,
        stall_timeout_ns=streaming.stall_timeout,
        backoff_base_ns=backoff.base,
        backoff_cap_ns=backoff.cap,
        backoff_factor=backoff.factor,
        backoff_jitter=backoff.jitter,
        max_retries=backoff.max_retries,
        give_up=backoff.give_up,
        sub_linger_ns=config.view.sub_linger,
        rotation_ns=recording.rotation,
        rotation_size=recording.rotation_size,
        rotation_align=recording.align,
        rotation_offset_ns=offset,
        fragment_ns=recording.fragment,
        claims=claims,
        login_hold_ns=holds[0],
        sub_login_hold_ns=holds[1],
        file_time=_file_time(config, str(recording.file_time)),
    )


def _file_time(config: Config, chosen: str) -> str:
    """``utc``, ``local``, or the name of the installation's time zone if one is configured."""
    zone = config.installation.timezone
    return str(zone) if chosen == "local" and zone is not None else chosen


def place_cameras(
    cameras: Iterable[str], placed: Mapping[str, int], per_recorder: int = CAMERAS_PER_RECORDER
) -> dict[str, int]:
    """Give each camera a recorder; one that has its place keeps it, because moving it would cost footage.

    Args:
        cameras: the ids, in the order of the configuration.
        placed: where they are now.
        per_recorder: how many one recorder takes.
    """
    result = {camera: placed[camera] for camera in cameras if camera in placed}
    load: dict[int, int] = {}
    for recorder in result.values():
        load[recorder] = load.get(recorder, 0) + 1
    for camera in cameras:
        if camera not in result:
            recorder = next(n for n in range(len(result) + 1) if load.get(n, 0) < per_recorder)
            result[camera] = recorder
            load[recorder] = load.get(recorder, 0) + 1
    return result


def ring_share(budget: int, cameras: int, all_cameras: int) -> int:
    """A recorder's part of the memory for rings, by its number of cameras."""
    return budget * cameras // max(1, all_cameras)
