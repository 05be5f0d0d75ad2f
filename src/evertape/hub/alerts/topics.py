"""What is published by MQTT: topics, payloads, and how Home Assistant learns of them. Pure.

Source: Home Assistant, MQTT discovery and binary sensor, 2024.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evertape.domain.alerting import Alerted
from evertape.ipc.messages import CameraInfo, VolumeInfo

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True)
class Published:
    """Retained messages by topic; what was there before and is not any more is to be published empty."""

    messages: dict[str, str] = field(default_factory=dict)

    def changes(self, old: Published) -> dict[str, str]:
        """What to publish when ``old`` is what was."""
        gone = dict.fromkeys(old.messages.keys() - self.messages.keys(), "")
        return {**gone, **{t: text for t, text in self.messages.items() if old.messages.get(t) != text}}


def availability(prefix: str) -> str:
    """The topic that says whether all of this is being kept up to date."""
    return f"{prefix}/status"


def published(
    prefix: str,
    name: str,
    cameras: Iterable[CameraInfo],
    volumes: Iterable[tuple[VolumeInfo, bool]],
    alerts: Iterable[Alerted],
    discovery: str | None,
) -> Published:
    """Everything there is to know now.

    Args:
        prefix: of the topics.
        name: of the installation.
        cameras: as they report.
        volumes: likewise, and whether each is usable.
        alerts: what is wrong.
        discovery: where Home Assistant listens; ``None``: it is told nothing.
    """
    found: dict[str, str] = {}
    active = list(alerts)
    device = {"identifiers": [f"{prefix}_{_safe(name)}"], "name": name, "manufacturer": "Evertape", "model": "NVR"}

    def sensor(kind: str, path: str, title: str, value: str, **more: Any) -> None:
        topic = f"{prefix}/{path}"
        found[topic] = value
        if discovery is not None:
            unique = f"{_safe(prefix)}_{_safe(path)}"
            text = {
                "name": title, "unique_id": unique, "object_id": unique, "state_topic": topic,
                "availability_topic": availability(prefix), "device": device, **more,
            }  # fmt: skip
            found[f"{discovery}/{kind}/{unique}/config"] = json.dumps(text, ensure_ascii=False, sort_keys=True)

    for camera in cameras:
        recording = camera.recording
        path = f"camera/{camera.id}"
        sensor(
            "binary_sensor",
            f"{path}/recording",
            f"{camera.name} recording",
            _flag(recording.state == "recording"),
            device_class="running",
        )
        wrong = recording.wanted and recording.state != "recording"
        sensor("binary_sensor", f"{path}/problem", f"{camera.name} problem", _flag(wrong), device_class="problem")
        main = next((stream for stream in camera.streams if stream.stream == "main"), None)
        state = main.state if main is not None else recording.state
        sensor("sensor", f"{path}/state", f"{camera.name} state", state, icon="mdi:cctv")
    for volume, usable in volumes:
        path = f"volume/{volume.name}"
        sensor(
            "binary_sensor",
            f"{path}/problem",
            f"Volume {volume.name} problem",
            _flag(not usable),
            device_class="problem",
        )
        sensor(
            "sensor",
            f"{path}/free",
            f"Volume {volume.name} free",
            f"{volume.free / 1e9:.1f}",
            device_class="data_size",
            unit_of_measurement="GB",
            state_class="measurement",
        )
    sensor("binary_sensor", "problem", "Problem", _flag(bool(active)), device_class="problem")
    found[f"{prefix}/alerts"] = json.dumps([_alert(alert) for alert in active], ensure_ascii=False)
    return Published(found)


def _alert(alert: Alerted) -> Mapping[str, Any]:
    return {
        "kind": alert.kind, "severity": str(alert.severity), "camera": alert.camera, "volume": alert.volume,
        "text": alert.text, "since": alert.since // 1_000_000_000,
    }  # fmt: skip


def _flag(on: bool) -> str:
    return ON if on else OFF


def _safe(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", text)
