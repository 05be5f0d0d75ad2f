"""Dialogs about accounts and tokens. GUI thread only; passwords are kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QGroupBox,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import Ask
from evertape_desktop.settings.fields import Field
from evertape_desktop.settings.note import Note, Tone

SHORTEST = 10
"""Characters of a password, as the hub wants it (docs/reference/http.md)."""
ROLES = ("viewer", "operator", "admin")


def role_words(role: str) -> str:
    """A role in words."""
    return {
        "viewer": QCoreApplication.translate("evertape", "Viewer: watches"),
        "operator": QCoreApplication.translate("evertape", "Operator: also records, protects"),
        "admin": QCoreApplication.translate("evertape", "Administrator: everything"),
    }.get(role, role)


class AskUser(Ask):
    """A new account, or changes of one.

    Args:
        context: what every part of the window shares.
        user: as the recorder has it; ``None``: a new one.
    """

    def __init__(self, context: Context, user: Mapping[str, Any] | None, parent: QWidget | None = None) -> None:
        self._context, self._user = context, user
        super().__init__("", (), "", parent=parent)
        self.setObjectName("user_dialog")
        self.setWindowTitle(self.tr("Add an account") if user is None else self.tr("Change “{0}”").format(user["name"]))
        self.ok.setText(self.tr("Add") if user is None else self.tr("Change"))
        roles = tuple((role, role_words(role)) for role in ROLES)
        if user is None:
            self._add(Field("name", self.tr("Name")), "desktop.name")
        self._add(Field("role", self.tr("Role"), kind="choice", choices=roles), "desktop.role")
        about = self.tr("At least {0} characters.").format(SHORTEST)
        kept = self.tr("Leave it empty to keep the one it has; a new one ends its sessions.")
        self._add(
            Field("password", self.tr("Password"), kind="secret", help=about if user is None else f"{about} {kept}"),
            "desktop.password",
        )
        self.preset("role", "viewer" if user is None else user["role"])
        self.cameras = _Cameras(context, list(user["cameras"]) if user else [], self)
        self.add_wide(self.cameras)
        self.changed()

    def is_complete(self) -> bool:
        """See ``Ask``."""
        password = str(self.values.get("password") or "")
        long_enough = len(password) >= SHORTEST
        if self._user is None:
            return bool(self.values.get("name")) and long_enough
        return long_enough or not password

    def submit(self) -> Reply:
        """See ``Ask``."""
        if self._user is None:
            return self._context.backend.post("/users", {**self.values, "cameras": self.cameras.chosen()})
        asked: dict[str, Any] = {"cameras": self.cameras.chosen(), **self.values}
        changed = {name: value for name, value in asked.items() if value != self._user.get(name)}
        return self._context.backend.patch(f"/users/{self._user['name']}", changed)


class _Cameras(QGroupBox):
    """Which cameras an account sees; none chosen: all."""

    def __init__(self, context: Context, chosen: list[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setTitle(self.tr("Sees these cameras; if none is chosen, all"))
        look = context.backend.look
        grid = QGridLayout(self)
        self._boxes: dict[str, QCheckBox] = {}
        for at, camera in enumerate(look.cameras if look else ()):
            box = QCheckBox(camera.name or camera.id, self)
            box.setObjectName(f"sees_{camera.id}")
            box.setChecked(camera.id in chosen)
            grid.addWidget(box, at // 3, at % 3)
            self._boxes[camera.id] = box
        self._others = [one for one in chosen if one not in self._boxes]

    def chosen(self) -> list[str]:
        """Ids, also of cameras that are not configured now."""
        return [*(one for one, box in self._boxes.items() if box.isChecked()), *self._others]


class AskPassword(Ask):
    """One's own password; the old one is needed.

    Args:
        context: what every part of the window shares.
        name: who is logged in.
    """

    def __init__(self, context: Context, name: str, parent: QWidget | None = None) -> None:
        self._context, self._name = context, name
        super().__init__("", (), "", parent=parent)
        self.setWindowTitle(self.tr("My password"))
        self.ok.setText(self.tr("Change"))
        self._add(Field("old_password", self.tr("The old one"), kind="secret"), "desktop.old_password")
        about = self.tr("At least {0} characters.").format(SHORTEST)
        self._add(Field("password", self.tr("The new one"), kind="secret", help=about), "desktop.password")
        self.changed()

    def is_complete(self) -> bool:
        """See ``Ask``."""
        new = str(self.values.get("password") or "")
        return bool(self.values.get("old_password")) and len(new) >= SHORTEST

    def submit(self) -> Reply:
        """See ``Ask``."""
        return self._context.backend.patch(f"/users/{self._name}", self.values)


class AskToken(Ask):
    """A new token.

    Args:
        context: what every part of the window shares.
        role: of who is logged in; the token may no more.
    """

    def __init__(self, context: Context, role: str, parent: QWidget | None = None) -> None:
        self._context = context
        super().__init__("", (), "", about="", parent=parent)
        self.setWindowTitle(self.tr("Add a token"))
        self.ok.setText(self.tr("Add"))
        may = ROLES[: ROLES.index(role) + 1] if role in ROLES else ROLES[:1]
        self._add(
            Field("name", self.tr("What it is for"), help=self.tr("It may no more than you, and is shown once.")),
            "desktop.name",
        )
        choices = tuple((one, role_words(one)) for one in may)
        self._add(Field("role", self.tr("Role"), kind="choice", choices=choices), "desktop.role")
        self.preset("role", "viewer")
        self.changed()

    def is_complete(self) -> bool:
        """See ``Ask``."""
        return bool(self.values.get("name"))

    def submit(self) -> Reply:
        """See ``Ask``."""
        return self._context.backend.post("/tokens", self.values)


class ShowToken(QDialog):
    """A token's secret, which nobody can see again."""

    def __init__(self, name: str, secret: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("The token “{0}”").format(name))
        self.setMinimumWidth(480)
        line = QLineEdit(secret, self)
        line.setReadOnly(True)
        line.setAccessibleName(self.tr("The token"))
        copy = QPushButton(self.tr("Copy"), self)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(secret))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(Note(self.tr("It is shown now and never again."), Tone.WARN, self, small=False))
        column.addWidget(line)
        column.addWidget(buttons)
        line.selectAll()
