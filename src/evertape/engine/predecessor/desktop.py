"""What becomes of the old recorder's window: its grid, its keys, its look. Pure.

It goes into ``desktop.toml`` (``evertape.config.desktop_file``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evertape.config.desktop_file import LANGUAGES, THEMES, Settings
from evertape.engine.predecessor.model import Fate, Item, Predecessor, Row, Value
from evertape.engine.predecessor.values import Unfit, flag, shown, text, whole

KEYS: Mapping[str, str] = {
    "record_start": "record_start",
    "record_stop": "record_stop",
    "camera_connect": "camera_restart",
    "prev_group": "page_previous",
    "next_group": "page_next",
    "menu_open": "full_screen",
    "screen_hide": "full_screen_leave",
    "program_exit": "quit",
}
"""Actions here by those there."""
_CONNECTED = "a camera that is used is always connected; its settings take it out of use"
_NEVER_DID = "the old recorder had a key for it, and did nothing"
NO_KEYS: Mapping[str, str] = {
    "camera_stop": _CONNECTED,
    "camera_connect_all": _CONNECTED,
    "camera_stop_all": _CONNECTED,
    "prev_config": _NEVER_DID,
    "next_config": _NEVER_DID,
    "screen_rotate": _NEVER_DID,
    "screen_flip": _NEVER_DID,
}
PTZ = "PTZ is not supported yet: not imported"

_MODIFIERS = {"ctrl": "Ctrl", "control": "Ctrl", "alt": "Alt", "shift": "Shift", "meta": "Meta"}
_NAMED = {
    name.lower(): name
    for name in (
        "Esc", "Tab", "Space", "Return", "Enter", "Backspace", "Ins", "Del", "Home", "End", "PgUp", "PgDown", "Left",
        "Right", "Up", "Down", "Pause", "Print",
    )
} | {"escape": "Esc", "insert": "Ins", "delete": "Del", "pageup": "PgUp", "pagedown": "PgDown"}  # fmt: skip
_PLAIN = re.compile(r"[A-Z0-9]|F(?:[1-9]|[12]\d|3[0-5])|[-=\[\];',./\\`*]")
_OWN = frozenset(("F", *"0123456789"))
"""Keys that the desktop uses for itself: they show a camera large."""
_GRID = re.compile(r"(\d{1,2})\s*[x×X*]\s*(\d{1,2})")


def key_sequence(value: Value) -> str:
    """A key as Qt writes it. Raises ``Unfit``."""
    written = text(value)
    # "Ctrl++" is Ctrl and the plus.
    *before, last = written.replace("++", "+Plus").split("+") if written != "+" else ["Plus"]
    modifiers = [_MODIFIERS.get(part.strip().lower()) for part in before]
    key = last.strip()
    plain = key.upper() if _PLAIN.fullmatch(key.upper()) else _NAMED.get(key.lower(), "")
    plain = "+" if key == "Plus" else plain
    if not plain or None in modifiers or len(set(modifiers)) < len(modifiers):
        raise Unfit("it is no key")
    return "+".join([*(m for m in ("Ctrl", "Alt", "Shift", "Meta") if m in modifiers), plain])


def grid(value: Value) -> str:
    """The smallest grid with as many rows and columns. Raises ``Unfit``."""
    found = _GRID.fullmatch(text(value))
    side = max(map(int, found.groups())) if found else 0
    if not 1 <= side <= 4:
        raise Unfit("there is no such grid; there are 1x1 to 4x4, 1+5 and 1+7")
    return f"{side}x{side}"


def _one_of(words: Sequence[str]) -> Callable[[Value], str]:
    def convert(value: Value) -> str:
        # "ko_KR" and "ko-KR" are Korean.
        word = re.split(r"[-_]", text(value).lower())[0]
        if word not in words:
            raise Unfit(f"there is {' and '.join(words)}")
        return word

    return convert


def _folder(value: Value) -> str:
    if not text(value):
        raise Unfit("none is given")
    return text(value)


_RULES: Mapping[str, tuple[tuple[tuple[str, ...], str, str, Callable[[Value], Any]], ...]] = {
    "ui": (
        (("theme",), "appearance", "theme", _one_of(THEMES)),
        (("language", "locale", "lang"), "appearance", "language", _one_of(LANGUAGES)),
        (("fullscreen_on_start",), "window", "full_screen", flag),
        (("show_status_bar",), "window", "status_bar", flag),
        (("dock_state_camera_visible",), "docks", "cameras", flag),
        (("dock_state_recording_visible",), "docks", "recording", flag),
        (("dock_state_playback_visible",), "docks", "playback", flag),
    ),
    "app": ((("language", "locale", "lang"), "appearance", "language", _one_of(LANGUAGES)),),
    "streaming": (
        (("default_layout", "layout", "grid"), "layout", "grid", grid),
        (("show_camera_name",), "overlay", "name", flag),
        (("show_timestamp",), "overlay", "clock", flag),
    ),
    "backup": ((("destination_path",), "backup", "folder", _folder),),
}
_WINDOW = ("window_state_x", "window_state_y", "window_state_width", "window_state_height")
_HIDE = ("fullscreen_auto_hide_enabled", "fullscreen_auto_hide_delay_seconds")


class DesktopPlan:
    """What is planned for ``desktop.toml``.

    Args:
        there: what it says already.
    """

    def __init__(self, there: Settings) -> None:
        self.items: list[Item] = []
        self.settings: dict[str, dict[str, Any]] = {}
        self.there = there

    def put(self, source: str, shown_: str, table: str, name: str, value: Any, reason: str = "") -> None:
        """Take a value over, unless the file says something else."""
        target, becomes = f"desktop:{table}.{name}", _written(value)
        now = self.there.get(table, {}).get(name)
        if now is None and self.settings.setdefault(table, {}).setdefault(name, value) == value:
            self.items.append(Item(source, shown_, Fate.TAKEN, target, becomes, reason))
        elif now == value:
            self.items.append(Item(source, shown_, Fate.SAME, target, becomes))
        else:
            self.items.append(Item(source, shown_, Fate.KEPT, target, becomes, "it was set here, and stays"))

    def leave(self, source: str, shown_: str, fate: Fate, reason: str) -> None:
        """Say why not."""
        self.items.append(Item(source, shown_, fate, reason=reason))


def plan_desktop(predecessor: Predecessor, order: Sequence[str], there: Settings) -> DesktopPlan:
    """All of it.

    Args:
        predecessor: the database.
        order: ids of the cameras here, as they stood in the grid.
        there: what ``desktop.toml`` says.
    """
    plan = DesktopPlan(there)
    for table, rules in _RULES.items():
        row = predecessor.settings(table)
        for columns_, place, name, convert in rules:
            column = next((one for one in columns_ if row.get(one) not in (None, "")), None)
            if column is None:
                continue
            try:
                plan.put(f"{table}.{column}", shown(column, row[column]), place, name, convert(row[column]))
            except Unfit as error:
                plan.leave(f"{table}.{column}", shown(column, row[column]), Fate.LEFT, str(error))
    if order:
        plan.put("cameras.display_order", "", "layout", "order", list(order))
    _full_screen(plan, predecessor.settings("ui"))
    _keys(plan, predecessor.settings("menu_keys"))
    for name, value in predecessor.settings("ptz_keys").items():
        plan.leave(f"ptz_keys.{name}", shown("key", value), Fate.LEFT, PTZ)
    return plan


def columns(table: str) -> set[str]:
    """Those of a table that are about the window."""
    found = {name for columns_, *_ in _RULES.get(table, ()) for name in columns_}
    if table == "ui":
        found |= {*_WINDOW, *_HIDE}
    return found | (KEYS.keys() | NO_KEYS.keys() if table == "menu_keys" else set())


def _full_screen(plan: DesktopPlan, row: Row) -> None:
    for name in _WINDOW:
        if row.get(name) is not None:
            plan.leave(f"ui.{name}", shown(name, row[name]), Fate.NEEDLESS, "the desktop remembers its own window")
    enabled, delay = (row.get(name) for name in _HIDE)
    if enabled is None and delay is None:
        return
    source = f"ui.{_HIDE[1 if enabled is None else 0]}"
    try:
        after = whole(delay) if delay is not None else 10
        if not 0 <= after <= 3600:
            raise Unfit("it is no time to wait")
        hides = enabled is None or flag(enabled)
        plan.put(source, shown(source, delay), "window", "hide_controls_s", after if hides else 0)
    except Unfit as error:
        plan.leave(source, shown(source, delay), Fate.LEFT, str(error))


def _keys(plan: DesktopPlan, row: Row) -> None:
    used = {value: name for name, value in plan.there.get("keys", {}).items()}
    for name, value in row.items():
        source, seen = f"menu_keys.{name}", shown("key", value)
        action = KEYS.get(name)
        if action is None:
            known = NO_KEYS.get(name)
            plan.leave(source, seen, Fate.LEFT if known else Fate.UNKNOWN, known or "")
        elif not text(value):
            plan.leave(source, seen, Fate.LEFT, "it had no key")
        else:
            _key(plan, source, seen, action, value, used)


def _key(plan: DesktopPlan, source: str, seen: str, action: str, value: Value, used: dict[Any, str]) -> None:
    try:
        key = key_sequence(value)
        if key in _OWN:
            raise Unfit("the desktop shows a camera large with it")
        if used.setdefault(key, action) != action:
            raise Unfit(f"the same key is for {used[key]}")
    except Unfit as error:
        return plan.leave(source, seen, Fate.LEFT, str(error))
    return plan.put(source, seen, "keys", action, key)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)
