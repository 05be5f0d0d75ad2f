"""What becomes of the old recorder's window: its grid, its keys, its look. Pure.

It goes into ``desktop.toml`` (``evertape.config.desktop``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evertape.config.desktop import DesktopSettings
from evertape.engine.predecessor.model import Fate, Item, Predecessor, Row, Value
from evertape.engine.predecessor.values import Unfit, flag, shown, text

KEYS: Mapping[str, str] = {
    "record_start": "camera_record",
    "camera_connect": "camera_restart",
    "prev_group": "grid_previous_page",
    "next_group": "grid_next_page",
    "menu_open": "full_screen",
    "program_exit": "quit",
}
"""Actions here, by the names that the desktop gives them, by those there."""
_CONNECTED = "a camera that is used is always connected; its settings take it out of use"
_NEVER_DID = "the old recorder had a key for it, and did nothing"
NO_KEYS: Mapping[str, str] = {
    "record_stop": "one key starts and stops: that of record_start",
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
USUAL: Mapping[str, str] = {
    "F": "grid_zoom",
    **{str(number): f"grid_camera_{number}" for number in range(1, 10)},
    "Ctrl+1": "grid_one",
    "Ctrl+2": "grid_two",
    "Ctrl+3": "grid_three",
    "Ctrl+4": "grid_four",
    "Ctrl+5": "grid_one_and_five",
    "Ctrl+7": "grid_one_and_seven",
    "Esc": "grid_back",
    "PgDown": "grid_next_page",
    "PgUp": "grid_previous_page",
    "S": "camera_snapshot",
    "R": "camera_record",
    "Alt+Return": "camera_properties",
    "F11": "full_screen",
    "Ctrl+,": "settings",
    "Ctrl+Q": "quit",
    "Ctrl+R": "record_all",
    "Ctrl+Shift+R": "record_none",
}
"""What the desktop's actions have by themselves; a key for two of them would do neither."""
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


_RULES: Mapping[str, tuple[tuple[tuple[str, ...], str, str, Callable[[Value], Any]], ...]] = {
    "ui": (
        (("theme",), "appearance", "theme", _one_of(("dark", "light"))),
        (("language", "locale", "lang"), "appearance", "language", _one_of(("ko", "en"))),
        (("fullscreen_on_start",), "layout", "fullscreen", flag),
    ),
    "app": ((("language", "locale", "lang"), "appearance", "language", _one_of(("ko", "en"))),),
    "streaming": (
        (("default_layout", "layout", "grid"), "layout", "grid", grid),
        (("show_timestamp",), "appearance", "clock", flag),
    ),
}
_WINDOW = "the desktop remembers its own window and panels"
NEEDLESS: Mapping[str, Mapping[str, str]] = {
    "ui": {
        "show_status_bar": "the desktop always has one",
        "fullscreen_auto_hide_enabled": "controls hide by themselves in full screen",
        "fullscreen_auto_hide_delay_seconds": "controls hide by themselves in full screen",
        **dict.fromkeys(("window_state_x", "window_state_y", "window_state_width", "window_state_height"), _WINDOW),
        **dict.fromkeys(
            ("dock_state_camera_visible", "dock_state_recording_visible", "dock_state_playback_visible"), _WINDOW
        ),
    },
    "streaming": {"show_camera_name": "the desktop always draws it"},
    "backup": {"destination_path": "the desktop asks for it at each backup"},
    "menu_keys": {"screen_hide": "F11 and Esc leave full screen"},
}
"""What happens by itself, and how."""


class DesktopPlan:
    """What is planned for ``desktop.toml``.

    Args:
        now: what it says, defaults included.
    """

    def __init__(self, now: DesktopSettings) -> None:
        self.items: list[Item] = []
        self.settings: dict[str, dict[str, Any]] = {}
        self.now = now.model_dump(mode="json")
        self._usual = DesktopSettings().model_dump(mode="json")

    def put(self, source: str, shown_: str, table: str, name: str, value: Any) -> None:
        """Take a value over, unless the file says something else."""
        target, becomes = f"desktop:{table}.{name}", _written(value)
        now, usual = self.now[table].get(name), self._usual[table].get(name)
        if now == value:
            self.items.append(Item(source, shown_, Fate.SAME, target, becomes))
        elif now != usual or self.settings.setdefault(table, {}).setdefault(name, value) != value:
            self.items.append(Item(source, shown_, Fate.KEPT, target, becomes, "it was set here, and stays"))
        else:
            self.items.append(Item(source, shown_, Fate.TAKEN, target, becomes))

    def leave(self, source: str, shown_: str, fate: Fate, reason: str) -> None:
        """Say why not."""
        self.items.append(Item(source, shown_, fate, reason=reason))


def plan_desktop(predecessor: Predecessor, order: Sequence[str], now: DesktopSettings) -> DesktopPlan:
    """All of it.

    Args:
        predecessor: the database.
        order: ids of the cameras here, as they stood in the grid.
        now: what ``desktop.toml`` says.
    """
    plan = DesktopPlan(now)
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
    for table, known in NEEDLESS.items():
        row = predecessor.settings(table)
        for name in known.keys() & row.keys():
            plan.leave(f"{table}.{name}", shown(name, row[name]), Fate.NEEDLESS, known[name])
    _keys(plan, predecessor.settings("menu_keys"))
    for name, value in predecessor.settings("ptz_keys").items():
        plan.leave(f"ptz_keys.{name}", shown("key", value), Fate.LEFT, PTZ)
    return plan


def columns(table: str) -> set[str]:
    """Those of a table that are about the window."""
    found = {name for columns_, *_ in _RULES.get(table, ()) for name in columns_} | NEEDLESS.get(table, {}).keys()
    return found | (KEYS.keys() | NO_KEYS.keys() if table == "menu_keys" else set())


def _keys(plan: DesktopPlan, row: Row) -> None:
    used = {value: name for name, value in plan.now["keys"].items()}
    for name, value in row.items():
        if name in NEEDLESS["menu_keys"]:
            continue
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
        if (owner := USUAL.get(key, action)) != action:
            raise Unfit(f"the desktop has that key for {owner}")
        if used.setdefault(key, action) != action:
            raise Unfit(f"the same key is for {used[key]}")
    except Unfit as error:
        return plan.leave(source, seen, Fate.LEFT, str(error))
    if USUAL.get(key) == action and action not in plan.now["keys"]:
        # Only what differs stands in the file.
        plan.items.append(Item(source, seen, Fate.SAME, f"desktop:keys.{action}", key))
        return None
    return plan.put(source, seen, "keys", action, key)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)
