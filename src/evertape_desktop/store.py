"""The desktop's settings while it runs: kept, told when they change, written a moment later. GUI thread only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from evertape.config.desktop import DesktopSettings, load_desktop, save_desktop
from evertape.errors import ConfigError

log = logging.getLogger(__name__)

_CALM_MS = 500


class SettingsStore(QObject):
    """See the module.

    Args:
        path: of ``desktop.toml``; ``None``: nothing is kept (tests, embedding programs).
    """

    changed = Signal(object)
    """The new ``DesktopSettings``."""

    def __init__(self, path: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self.problem: ConfigError | None = None
        """Why the file was not taken; it is left alone then, and nothing is written over it."""
        self.now = DesktopSettings()
        if path is not None:
            try:
                self.now = load_desktop(path)
            except ConfigError as error:
                self.problem = error
        self._timer = QTimer(self, singleShot=True, interval=_CALM_MS)
        self._timer.timeout.connect(self.flush)

    def set(self, part: str, **values: Any) -> None:
        """Change keys of one part, ``set("layout", grid=Grid.FOUR)``."""
        section = getattr(self.now, part).model_copy(update=values)
        self.replace(self.now.model_copy(update={part: section}))

    def replace(self, settings: DesktopSettings) -> None:
        """Change everything."""
        if settings == self.now:
            return
        self.now = settings
        self._timer.start()
        self.changed.emit(settings)

    def flush(self) -> None:
        """Write what has not been written yet."""
        self._timer.stop()
        if self._path is None or self.problem is not None:
            return
        try:
            save_desktop(self._path, self.now)
        except OSError as error:
            log.warning("[DESKTOP] the window's settings cannot be kept in %s: %s", self._path, error)
