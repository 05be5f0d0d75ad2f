"""What every part of the window shares. GUI thread only."""

from __future__ import annotations

from dataclasses import dataclass

from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.store import SettingsStore


@dataclass(frozen=True, slots=True)
class Context:
    """See the module.

    Args:
        backend: the recorder.
        settings: the desktop's own.
        actions: what can be done, with hot keys.
    """

    backend: Backend
    settings: SettingsStore
    actions: Actions
