"""Asking a person who he is. GUI thread only."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem


class LoginDialog(QDialog):
    """Name and password, tried until they are right or he gives up."""

    def __init__(self, backend: Backend, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._backend = backend
        self.setWindowTitle(self.tr("Log in"))
        self.name = QLineEdit(self)
        self.password = QLineEdit(self)
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.said = QLabel(self.tr("Log in to {0}.").format(backend.link.name), self)
        self.said.setWordWrap(True)
        self.stay = QCheckBox(self.tr("Stay logged in on this computer"), self)
        self.stay.setVisible(backend.link.can_stay)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        self.ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setText(self.tr("Log in"))
        buttons.accepted.connect(self._try)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(self.tr("Name"), self.name)
        form.addRow(self.tr("Password"), self.password)
        form.addRow(self.stay)
        column = QVBoxLayout(self)
        column.addWidget(self.said)
        column.addLayout(form)
        column.addWidget(buttons)

    def _try(self) -> None:
        self.ok.setEnabled(False)
        self._backend.log_in(self.name.text().strip(), self.password.text(), self.stay.isChecked()).then(
            lambda _: self.accept(), self._refused, owner=self
        )

    def _refused(self, problem: Problem) -> None:
        self.ok.setEnabled(True)
        self.password.clear()
        self.password.setFocus()
        self.said.setText(str(problem))
