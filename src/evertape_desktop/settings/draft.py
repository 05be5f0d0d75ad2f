"""What is set, and what a person has changed and not yet applied: of the recorder, and of the window itself.

GUI thread only. The recorder's keys are as in docs/reference/config.md, the window's own begin with ``desktop.``. All
changes are sent at once, so that the recorder takes all of them or none, and names every mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from evertape.config.desktop import DesktopSettings
from evertape_desktop.backend.model import EventLook
from evertape_desktop.backend.problem import Connection, Contact, Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.fields import DESKTOP

KEYS = f"{DESKTOP}keys"
"""The hot keys, one mapping."""
_LEAVES = frozenset(("keys",))
"""Tables of ``desktop.toml`` whose keys are no settings of their own."""


class Draft(QObject):
    """See the module."""

    loaded = Signal()
    """What is set is known anew, or why it is not."""
    edited = Signal(str)
    """A key that was changed, or is as it was again."""
    problems_changed = Signal()
    saved = Signal(object)
    """Applied; the recorder's answer, ``None`` if it was not asked."""
    told = Signal(str, bool)
    """What came of something that was asked for at once; whether it was well."""
    refused = Signal(object)
    """Nothing was applied to the recorder; the ``Problem``."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._set: dict[str, Any] = {}
        self._own = _flat(context.settings.now.model_dump(mode="json"), DESKTOP)
        self.changes: dict[str, Any] = {}
        """What is to be applied, by key; ``None``: the default is to count."""
        self.problems: dict[str, str] = {}
        """What is wrong, by key; that of none of them is at the empty key."""
        self.local_problems: dict[str, str] = {}
        """Likewise, found without asking."""
        self.who: dict[str, Any] = {}
        """Who is logged in; empty: not known."""
        self.file = ""
        """The configuration's file, on the recorder."""
        self.is_loaded = False
        self.refusal = ""
        """Why the recorder's settings cannot be seen or changed; empty: they can."""
        self._checking: Reply | None = None
        self.is_saving = False
        context.backend.happened.connect(self._on_event)
        context.backend.connection_changed.connect(self._on_connection)
        context.settings.changed.connect(self._on_own)

    # -- what is set ----------------------------------------------------------------------------------------

    def load(self) -> None:
        """Ask the recorder."""
        self._context.backend.get("/session").then(self._on_session, self._on_no_session, owner=self)
        self._context.backend.get("/config").then(self._on_config, self._on_no_config, owner=self)

    @property
    def may_edit(self) -> bool:
        """Whether the recorder's settings can be changed now."""
        return self.is_loaded and not self.refusal

    def value(self, key: str) -> Any:
        """As the person left it, else as it is set."""
        return self.changes[key] if key in self.changes else self.set_value(key)

    def set_value(self, key: str) -> Any:
        """As it is set; ``None``: it is not, or not known."""
        return (self._own if key.startswith(DESKTOP) else self._set).get(key)

    def names(self, table: str) -> list[str]:
        """The names that people chose in a table: of cameras, volumes, channels; in order."""
        prefix = f"{table}."
        found = (key.removeprefix(prefix).partition(".")[0] for key in self._set if key.startswith(prefix))
        return list(dict.fromkeys(found))

    def _on_session(self, answer: Any) -> None:
        self.who = dict(answer or {})
        self.loaded.emit()

    def _on_no_session(self, _problem: Problem) -> None:
        # An engine of this program has no accounts; what may not be is said by each answer.
        self.who = {}

    def _on_config(self, answer: Mapping[str, Any]) -> None:
        self._set = _flat(answer.get("config", {}), "")
        self.file = str(answer.get("file", ""))
        self.is_loaded, self.refusal = True, ""
        for key in [key for key, value in self.changes.items() if value == self.set_value(key)]:
            del self.changes[key]
        self.loaded.emit()

    def _on_no_config(self, problem: Problem) -> None:
        if problem.status in (401, 403):
            self.refusal = self.tr("Only an administrator may see and change these settings of the recorder.")
        else:
            self.refusal = self.tr("These settings cannot be read now: {0}").format(problem)
        self.is_loaded = False
        self.loaded.emit()

    def _on_event(self, event: EventLook) -> None:
        if event.kind == "config_applied":
            self.load()

    def _on_connection(self, connection: Connection) -> None:
        if connection.contact is Contact.CONNECTED:
            self.load()

    def _on_own(self, settings: DesktopSettings) -> None:
        self._own = _flat(settings.model_dump(mode="json"), DESKTOP)

    # -- what is changed ------------------------------------------------------------------------------------

    def set(self, key: str, value: Any) -> None:
        """A person has changed it; nothing is sent."""
        if value == self.set_value(key):
            self.changes.pop(key, None)
        else:
            self.changes[key] = value
        self.problems.pop(key, None)
        self.edited.emit(key)

    def say(self, text: str, *, is_good: bool = False) -> None:
        """Have the dialog tell a person."""
        self.told.emit(text, is_good)

    def take_over(self, settings: DesktopSettings) -> int:
        """Change the window's own to what these settings say; returns how many differ."""
        found = _flat(settings.model_dump(mode="json"), DESKTOP)
        changed = {key: value for key, value in found.items() if value != self.set_value(key)}
        for key, value in changed.items():
            self.set(key, value)
        return len(changed)

    def forget(self, prefix: str) -> None:
        """Whatever was changed below ``prefix`` is not wanted any more."""
        for key in [key for key in self.changes if key.startswith(prefix)]:
            del self.changes[key]
            self.edited.emit(key)

    def refuse(self, key: str, problem: str) -> None:
        """Something is wrong with a key, found without asking; empty: no longer."""
        if self.local_problems.get(key, "") == problem:
            return
        self.local_problems.pop(key, None)
        if problem:
            self.local_problems[key] = problem
        self.problems_changed.emit()

    def problem(self, key: str) -> str:
        """What is wrong with a key; empty: nothing that is known."""
        return self.local_problems.get(key) or self.problems.get(key, "")

    @property
    def is_changed(self) -> bool:
        """Whether there is something to apply."""
        return bool(self.changes)

    def _recorders(self) -> dict[str, Any]:
        """Changes that are for the recorder, and what follows from them."""
        found = {key: value for key, value in self.changes.items() if not key.startswith(DESKTOP)}
        for key in list(found):
            head, _, name = key.rpartition(".")
            if head.startswith("cameras.") and name == "password" and found[key] is not None:
                # A password may stand in one place only.
                for other in ("password_env", "password_file"):
                    if self.set_value(f"{head}.{other}") is not None:
                        found.setdefault(f"{head}.{other}", None)
        return found

    # -- applying -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Have the recorder say what is wrong with the changes; they are not made."""
        asked = self._recorders()
        if self._checking is not None:
            self._checking.cancel()
        if not asked or not self.may_edit:
            self._say({})
            return
        reply = self._context.backend.post("/config/check", {"values": asked})
        # A recorder that cannot check, or may not, will say what it has to say when they are applied.
        self._checking = reply.then(lambda answer: self._on_checked(answer), lambda _: None, owner=self)

    def _on_checked(self, answer: Mapping[str, Any]) -> None:
        self._say(_by_key(answer.get("problems") or ()))

    def save(self) -> None:
        """Apply the changes; ``saved`` or ``refused`` follows."""
        if self._checking is not None:
            self._checking.cancel()
        wrong = {key: text for key, text in self.local_problems.items() if self._counts(key)}
        if wrong:
            self.refused.emit(Problem("invalid", next(iter(wrong.values()))))
            return
        asked = self._recorders()
        self.save_own()
        if not asked:
            self._say({})
            self.saved.emit(None)
            return
        self.is_saving = True
        self._context.backend.patch("/config", asked).then(
            lambda answer: self._on_saved(asked, answer), self._on_refused, owner=self
        )

    def _counts(self, key: str) -> bool:
        return any(changed == key or changed.startswith(f"{key}.") for changed in self.changes)

    def save_own(self) -> None:
        """Apply what is the window's own."""
        own = {key: value for key, value in self.changes.items() if key.startswith(DESKTOP)}
        if not own:
            return
        for key in own:
            del self.changes[key]
        if KEYS in own:
            self._context.actions.set_keys(own[KEYS])
        dumped = self._context.settings.now.model_dump(mode="json")
        for key, value in own.items():
            _put(dumped, key.removeprefix(DESKTOP).split("."), value)
        self._context.settings.replace(DesktopSettings.model_validate(dumped))
        self._own = _flat(self._context.settings.now.model_dump(mode="json"), DESKTOP)
        for key in own:
            self.edited.emit(key)

    def _on_saved(self, asked: Mapping[str, Any], answer: Any) -> None:
        self.is_saving = False
        for key in asked:
            if key in self.changes and self.changes[key] == asked[key]:
                del self.changes[key]
        self._say({})
        self.load()
        self.saved.emit(answer)

    def _on_refused(self, problem: Problem) -> None:
        self.is_saving = False
        found = _by_key(problem.problems)
        if not found and problem.where:
            found = _by_key([{"what": problem.what, "hint": problem.hint, "where": problem.where}])
        self._say(found or {"": str(problem)})
        self.refused.emit(problem)

    def _say(self, problems: dict[str, str]) -> None:
        if problems != self.problems:
            self.problems = problems
            self.problems_changed.emit()


def _by_key(problems: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What is wrong, by dotted key; several of one key one after the other."""
    found: dict[str, list[str]] = {}
    for one in problems:
        where = [str(part) for part in one.get("where") or ()]
        key = ".".join(where[1:] if where[:1] == ["body"] else where)
        text = re.sub(rf"^{re.escape(key)}(, line \d+)?: ", "", str(one.get("what", "")))
        hint = str(one.get("hint") or "")
        found.setdefault(key, []).append(f"{text} → {hint}" if hint and hint not in text else text)
    return {key: "\n".join(texts) for key, texts in found.items()}


def _flat(table: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return dict(_leaves(table, prefix))


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping) and not (prefix == DESKTOP and name in _LEAVES):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _put(table: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        table = table.setdefault(name, {})
    table[path[-1]] = value
