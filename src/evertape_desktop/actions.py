"""Everything that can be done in the window, by name: with its words, its hot key, and what it does. GUI thread only.

Widgets add theirs; menus, tool bars and the settings page of hot keys are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, slots=True)
class Deed:
    """One of them.

    Args:
        name: for the settings: letters, digits and ``_``.
        group: under which heading it is listed, translated.
        action: Qt's.
        default: the hot key if nobody chose another.
    """

    name: str
    group: str
    action: QAction
    default: str


class Actions(QObject):
    """See the module.

    Args:
        window: where hot keys count.
        keys: hot keys other than the defaults, by name.
    """

    keys_changed = Signal(object)
    """The hot keys that differ from the defaults, by name, whenever somebody chose another."""

    def __init__(self, window: QWidget, keys: Mapping[str, str] | None = None) -> None:
        super().__init__(window)
        self._window = window
        self._deeds: dict[str, Deed] = {}
        self._keys = dict(keys or {})

    def add(
        self,
        name: str,
        text: str,
        do: Callable[[], object],
        *,
        group: str,
        key: str = "",
        checkable: bool = False,
    ) -> QAction:
        """Add one; ``do`` is called when it is triggered."""
        action = QAction(text, self._window)
        action.setObjectName(f"action_{name}")
        action.setCheckable(checkable)
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda _checked=False: do())
        self._window.addAction(action)
        self._deeds[name] = Deed(name, group, action, key)
        self._apply(name)
        return action

    def __getitem__(self, name: str) -> QAction:
        return self._deeds[name].action

    def __iter__(self) -> Iterator[Deed]:
        return iter(self._deeds.values())

    def key(self, name: str) -> str:
        """The hot key that is in force, as ``QKeySequence`` writes it; empty: none."""
        return self._keys.get(name, self._deeds[name].default)

    def conflicts(self, keys: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """Hot keys that several have, and who; of those in force, or as they would be with ``keys``."""
        chosen = self._keys if keys is None else keys
        by_key: dict[str, list[str]] = {}
        for deed in self:
            key = QKeySequence(chosen.get(deed.name, deed.default)).toString()
            if key:
                by_key.setdefault(key, []).append(deed.name)
        return {key: names for key, names in by_key.items() if len(names) > 1}

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Hot keys by name, from now on; who is not named has his default."""
        known = {deed.name: deed.default for deed in self}
        self._keys = {name: key for name, key in keys.items() if known.get(name) != key}
        for name in known:
            self._apply(name)
        self.keys_changed.emit(dict(self._keys))

    def _apply(self, name: str) -> None:
        self._deeds[name].action.setShortcut(QKeySequence(self.key(name)))
