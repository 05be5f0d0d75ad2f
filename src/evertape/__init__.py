"""Evertape: a network video recorder that accounts for every second.

The names below are the public library; ``docs/reference/api.md`` describes them. They are loaded when
first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evertape.version import VERSION

if TYPE_CHECKING:
    from evertape.disk.monitor import StorageDeviceMonitor as StorageDeviceMonitor
    from evertape.domain.backoff import ExponentialBackoff as ExponentialBackoff
    from evertape.domain.camera_events import StreamStatus as StreamStatus
    from evertape.domain.classify import ErrorPriority as ErrorPriority
    from evertape.domain.classify import classify_error as classify_error
    from evertape.domain.watchdog import PipelineWatchdog as PipelineWatchdog
    from evertape.engine.camera import CameraStream as CameraStream
    from evertape.engine.disk_space import DiskSpaceManager as DiskSpaceManager
    from evertape.engine.embedded import RobustNVRPipeline as RobustNVRPipeline
    from evertape.engine.storage_notice import StorageNotice as StorageNotice
    from evertape.engine.storage_service import StorageService as StorageService
    from evertape.engine.stream import RTSPReconnector as RTSPReconnector
    from evertape.media.gst.capture import GstPipeline as GstPipeline
    from evertape.media.view.fallbacksrc import FallbackRTSPPlayer as FallbackRTSPPlayer
    from evertape.media.view.selector import InputSelectorRTSP as InputSelectorRTSP

__version__ = VERSION

_HOME = {
    "CameraStream": "evertape.engine.camera",
    "DiskSpaceManager": "evertape.engine.disk_space",
    "ErrorPriority": "evertape.domain.classify",
    "ExponentialBackoff": "evertape.domain.backoff",
    "FallbackRTSPPlayer": "evertape.media.view.fallbacksrc",
    "GstPipeline": "evertape.media.gst.capture",
    "InputSelectorRTSP": "evertape.media.view.selector",
    "PipelineWatchdog": "evertape.domain.watchdog",
    "RTSPReconnector": "evertape.engine.stream",
    "RobustNVRPipeline": "evertape.engine.embedded",
    "StorageDeviceMonitor": "evertape.disk.monitor",
    "StorageNotice": "evertape.engine.storage_notice",
    "StorageService": "evertape.engine.storage_service",
    "StreamStatus": "evertape.domain.camera_events",
    "classify_error": "evertape.domain.classify",
}

__all__ = [
    "CameraStream",
    "DiskSpaceManager",
    "ErrorPriority",
    "ExponentialBackoff",
    "FallbackRTSPPlayer",
    "GstPipeline",
    "InputSelectorRTSP",
    "PipelineWatchdog",
    "RTSPReconnector",
    "RobustNVRPipeline",
    "StorageDeviceMonitor",
    "StorageNotice",
    "StorageService",
    "StreamStatus",
    "__version__",
    "classify_error",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
