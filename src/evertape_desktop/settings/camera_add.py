"""Adding a camera: where it is, a look at it, what it is called. GUI thread only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any

from PySide6.QtWidgets import QWidget

from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import Ask
from evertape_desktop.settings.fields import Field
from evertape_desktop.settings.probe import ProbePanel

_LOGIN = ("url", "sub_url", "user", "password", "transport")
_LONGEST_ID = 48


class AddCamera(Ask):
    """Only what was typed is sent.

    Args:
        context: what every part of the window shares.
        taken: ids that there are already.
    """

    def __init__(self, context: Context, taken: Collection[str], parent: QWidget | None = None) -> None:
        self._context, self._taken = context, frozenset(taken)
        self._names_itself = True
        super().__init__("", (), "", parent=parent)
        self.setObjectName("add_camera_dialog")
        self.setWindowTitle(self.tr("Add a camera"))
        self.ok.setText(self.tr("Add"))
        transports = (("tcp", self.tr("TCP, inside the connection")), ("udp", "UDP"))
        login = (
            Field("url", self.tr("URL"), placeholder="rtsp://192.0.2.10/stream1",
                  help=self.tr("The address of its stream, from the camera's manual; rtsp:// or rtsps://.")),
            Field("user", self.tr("User")),
            Field("password", self.tr("Password")),
            Field("sub_url", self.tr("Smaller stream"), placeholder=self.tr("none"),
                  help=self.tr("For small pictures; it is never recorded.")),
            Field("transport", self.tr("Transport"), choices=transports),
        )  # fmt: skip
        names = (
            Field("name", self.tr("Name"), placeholder=self.tr("Front door")),
            Field("id", self.tr("Id"),
                  help=self.tr("Lower-case letters, digits, _ and -. For good: it names folders and files.")),
            Field("audio", self.tr("Record its sound too")),
            Field("record", self.tr("Record it from the beginning")),
        )  # fmt: skip
        for asked in login:
            self._add(asked, f"cameras.ID.{asked.key}")
        self.probe = ProbePanel(context, self.login, self)
        self.add_wide(self.probe)
        for asked in names:
            self._add(asked, "desktop.id" if asked.key == "id" else f"cameras.ID.{asked.key}")
        self.editors["url"].widget.setFocus()
        self.changed()

    def login(self) -> dict[str, Any] | None:
        """What was typed of where it is; ``None``: not enough."""
        found = {key: self.values[key] for key in _LOGIN if key in self.values}
        return found if "url" in found else None

    def edited(self, key: str) -> None:
        """See ``Ask``."""
        if key == "id":
            self._names_itself = "id" not in self.values
        if key == "name" and self._names_itself:
            self.preset("id", id_of(str(self.values.get("name", "")), self._taken))
        if key in _LOGIN:
            self.probe.clear()

    def is_complete(self) -> bool:
        """See ``Ask``. One that cannot be looked at now may be added: perhaps it is only switched off."""
        return bool(self.values.get("url") and self.values.get("id"))

    def submit(self) -> Reply:
        """See ``Ask``."""
        self.probe.stop()
        return self._context.backend.post("/cameras", self.values)

    def done(self, result: int) -> None:
        """Also when it is closed by its frame: nobody wants to know what the camera says."""
        self.probe.stop()
        super().done(result)


def id_of(name: str, taken: Collection[str] = ()) -> str:
    """An id that looks like the name, and is not taken; the name may be in any script."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    base = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST_ID]
    if not base:
        base = "camera"
    if base not in taken and base != "camera":
        return base
    number = 1 if base == "camera" else 2
    while f"{base[: _LONGEST_ID - 4]}_{number}" in taken:
        number += 1
    return f"{base[: _LONGEST_ID - 4]}_{number}"
