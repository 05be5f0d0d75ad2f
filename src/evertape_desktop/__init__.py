"""Evertape's desktop: the window that an operator leaves open all day, and its parts for programs of one's own.

The names below are loaded when first used, so that importing the package needs no Qt.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evertape_desktop.backend.backend import Backend as Backend
    from evertape_desktop.backend.http_link import HttpLink as HttpLink
    from evertape_desktop.backend.in_process import InProcessLink as InProcessLink
    from evertape_desktop.recording.control import RecordingControlWidget as RecordingControlWidget

_HOME = {
    "Backend": "evertape_desktop.backend.backend",
    "HttpLink": "evertape_desktop.backend.http_link",
    "InProcessLink": "evertape_desktop.backend.in_process",
    "RecordingControlWidget": "evertape_desktop.recording.control",
}

__all__ = ["Backend", "HttpLink", "InProcessLink", "RecordingControlWidget"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
