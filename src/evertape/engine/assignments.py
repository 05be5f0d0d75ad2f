"""What each process is told to do, from the configuration in force and what the supervisor knows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evertape.config.schema import Camera, Config
from evertape.domain.retention_terms import Terms
from evertape.engine.assign import camera_settings, ring_share
from evertape.engine.declared_volumes import Declared
from evertape.ipc.messages import DiskAssignment, KeeperAssignment, RecorderAssignment, VolumeEndpoint
from evertape.types import CameraId


@dataclass(frozen=True, slots=True)
class Assignments:
    """Makes them.

    Args:
        config: in force.
        data: the data directory.
        service: the run of the service.
        journal_socket: where the data folder's disk process listens.
        memory: bytes of RAM of the machine.
        claims: the folder in which streams are claimed.
    """

    config: Config
    data: str
    service: str
    journal_socket: str
    memory: int
    claims: str = ""

    def recorder(
        self,
        number: int,
        placed: Mapping[str, int],
        wanted: Callable[[str], bool],
        volumes: tuple[VolumeEndpoint, ...],
        holds: Callable[[Camera], tuple[int, int]] = lambda _camera: (0, 0),
    ) -> RecorderAssignment:
        """For a recorder, by its number; ``placed`` says which recorder has which camera.

        ``holds``: before when the camera is not to be asked, see ``RefusedLogins.holds``.
        """
        config, claims = self.config, self.claims
        mine = [name for name, place in placed.items() if place == number]
        return RecorderAssignment(
            cameras=tuple(
                camera_settings(config, CameraId(name), holds(config.cameras[CameraId(name)]), claims) for name in mine
            ),
            volumes=volumes,
            wishes={name: wanted(name) for name in mine},
            journal_socket=self.journal_socket,
            ring_ns=config.ring.time,
            ring_budget=ring_share(config.ring.budget_bytes(self.memory), len(mine), len(placed)),
            drain_ns=config.streaming.drain,
            drain_viewed_ns=config.streaming.drain_viewed,
            hung_after_ns=config.storage.hung_after,
            retry_interval_ns=config.storage.retry_interval,
            retry_max=config.storage.retry_max,
        )

    def disk(self, name: str, declared: Declared) -> DiskAssignment:
        """For the process of a volume."""
        storage = self.config.storage
        return DiskAssignment(
            volume=name,
            path=str(declared.path),
            role=declared.role,
            is_mount=declared.is_mount,
            volume_id=declared.volume_id,
            journal_socket=self.journal_socket,
            sync_ns=self.config.recording.sync,
            probe_interval_ns=storage.probe_interval,
            probe_deadline_ns=storage.probe_deadline,
            min_free=storage.min_record_free,
            resume_free=storage.resume_free,
            layers=tuple(layer for layer, on in storage.layers if on),
            service=self.service,
        )

    def data_folder(self) -> DiskAssignment:
        """For the process of the data folder."""
        return DiskAssignment(
            volume="data",
            path=self.data,
            role="data",
            sync_ns=self.config.recording.sync,
            service=self.service,
            journal_socket=self.journal_socket,
        )

    def keeper(self, volumes: tuple[VolumeEndpoint, ...], retention: Terms) -> KeeperAssignment:
        """For the keeper."""
        return KeeperAssignment(
            data=self.data,
            volumes=volumes,
            journal_socket=self.journal_socket,
            service=self.service,
            retention=retention,
            home_rate=self.config.storage.homecoming_rate,
            scrub_rate=self.config.integrity.rate if self.config.integrity.scrub else 0,
            scrub_interval=self.config.integrity.interval,
            decode_interval=self.config.integrity.decode_interval if self.config.integrity.decode else 0,
        )
