"""``evertape desktop``: the application around the main window."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, QTimer, QTranslator
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from evertape.config.desktop import DesktopSettings
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.link import Link
from evertape_desktop.store import SettingsStore
from evertape_desktop.theme import apply_theme

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
_SIGNALS_MS = 200


def make_application(arguments: Sequence[str], settings: SettingsStore) -> QApplication:
    """Qt's application, with theme and language as set."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(list(arguments))
    app.setApplicationName("Evertape")
    app.setDesktopFileName("evertape")
    app.setWindowIcon(QIcon(str(HERE / "icon.svg")))
    apply_theme(app, settings.now.appearance.theme)
    settings.changed.connect(lambda now: apply_theme(app, now.appearance.theme))
    apply_log_level(settings.now)
    settings.changed.connect(apply_log_level)
    install_language(app, settings.now.appearance.language)
    return app


def apply_log_level(settings: DesktopSettings) -> None:
    """Have the window write what is wanted; what its libraries write is left alone."""
    logging.getLogger("evertape_desktop").setLevel(settings.logging.level.value.upper())


def install_language(app: QApplication, language: str) -> None:
    """Have texts made from now on be in ``language``; empty: the system's."""
    locale = QLocale(language) if language else QLocale.system()
    for folder, name in (
        (str(HERE / "i18n"), "evertape"),
        (QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath), "qtbase"),
    ):
        translator = QTranslator(app)
        if translator.load(locale, name, "_", folder):
            app.installTranslator(translator)


def run(link: Link, settings_file: Path | None, arguments: Sequence[str] = ()) -> int:
    """Show the window until it is closed; returns the exit code."""
    settings = SettingsStore(settings_file)
    app = make_application([sys.argv[0], *arguments], settings)
    from evertape_desktop.window import MainWindow

    backend = Backend(link)
    window = MainWindow(backend, settings)
    backend.start()
    window.show()
    if settings.problem is not None:
        window.statusBar().showMessage(str(settings.problem))
    # Python looks at its signals only while it runs; Qt waits in C++.
    ticking = QTimer(interval=_SIGNALS_MS)
    ticking.timeout.connect(lambda: None)
    ticking.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    try:
        return int(app.exec())
    finally:
        ticking.stop()
        backend.close()
