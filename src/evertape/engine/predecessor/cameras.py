"""What becomes of the old recorder's cameras. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evertape.config.schema import Config
from evertape.config.trial import trial
from evertape.config.url import CameraUrl, UrlError
from evertape.domain.file_names import camera_id
from evertape.engine.predecessor.model import Fate, Item, NewCamera, Row, Table, Value
from evertape.engine.predecessor.values import Unfit, flag, number, secret, shown, text
from evertape.errors import ConfigError
from evertape.redact import MASK

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("camera_id", "cam_id", "id"),
    "name": ("name", "camera_name", "title"),
    "url": ("rtsp_url", "url", "main_url", "rtsp_main_url", "stream_url", "main_stream_url"),
    "sub_url": ("sub_url", "rtsp_sub_url", "sub_rtsp_url", "rtsp_url_sub", "sub_stream_url", "substream_url"),
    "user": ("username", "user", "user_name", "rtsp_username", "login"),
    "password": ("password", "passwd", "pwd", "pass", "rtsp_password"),
    "enabled": ("enabled", "is_enabled", "active"),
    "record": ("recording_enabled_start", "record_on_start", "auto_record", "recording_enabled"),
    "audio": ("audio", "audio_enabled", "record_audio", "enable_audio"),
    "transport": ("transport", "rtsp_transport", "protocol", "rtsp_protocol"),
    "latency": ("latency_ms", "latency"),
    "order": ("display_order", "sort_order", "position"),
}
"""Columns by the key that they become; the first that is there counts."""

_PTZ = "PTZ is not supported yet: not imported"
_TURNED = "pictures are shown as the camera sends them; turn them in the camera"
NEVER: Mapping[str, tuple[Fate, str]] = {
    "streaming_enabled_start": (Fate.NEEDLESS, "a camera that is used is connected by itself"),
    "use_hardware_decode": (Fate.NEEDLESS, "the hardware's decoder is used where there is one (view.decoder)"),
    "motion_detection": (Fate.LEFT, "Evertape looks for no motion"),
    "ptz_type": (Fate.LEFT, _PTZ),
    "ptz_port": (Fate.LEFT, _PTZ),
    "ptz_channel": (Fate.LEFT, _PTZ),
    "video_transform_enabled": (Fate.LEFT, _TURNED),
    "video_transform_flip": (Fate.LEFT, _TURNED),
    "video_transform_rotation": (Fate.LEFT, _TURNED),
}
"""What else a camera had, and why it goes nowhere."""
_IDLE = frozenset((None, "", "none", "None", "0", 0, False))


@dataclass(slots=True)
class CameraPlan:
    """What is planned so far.

    Args:
        config: as it will be, with the cameras so far.
        items: about each thing.
        new: to be added.
        ids: here, by those there; existing ones among them.
        order: ids here in the order of the old grid.
        left: what cannot be added.
    """

    config: Config
    items: list[Item] = field(default_factory=list)
    new: list[NewCamera] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    left: list[Item] = field(default_factory=list)


def plan_cameras(table: Table, config: Config) -> CameraPlan:
    """Each camera, in the order of the old grid."""
    plan = CameraPlan(config)
    taken: set[str] = set()
    for number_, row in enumerate(sorted(table.rows, key=_place), 1):
        old = text(_get(row, "id")) or text(_get(row, "name")) or f"camera-{number_}"
        _Camera(plan, row, old, _free(camera_id(old), taken)).plan()
    return plan


def _place(row: Row) -> float:
    try:
        return number(_get(row, "order"))
    except Unfit:
        return 0.0


def _get(row: Row, key: str) -> Value:
    return next((row[name] for name in COLUMNS[key] if row.get(name) is not None), None)


def _column(row: Row, key: str) -> str:
    return next((name for name in COLUMNS[key] if row.get(name) is not None), COLUMNS[key][0])


def _free(wanted: str, taken: set[str]) -> str:
    """An id of its own, the same at each import of the same database."""
    found, count = wanted, 1
    while found in taken:
        count += 1
        found = f"{wanted[:44]}-{count}"
    taken.add(found)
    return found


class _Camera:
    """One of them on its way."""

    def __init__(self, plan: CameraPlan, row: Row, old: str, new: str) -> None:
        self._plan, self._row, self._old, self._new = plan, row, old, new
        self._fields: dict[str, Any] = {}
        self._about: list[Item] = []

    def plan(self) -> None:
        """Add it, or say why not."""
        try:
            url = self._url("url")
            if url is None:
                raise Unfit("it has no URL")
            if (known := self._known(url)) is not None:
                return self._is_there(*known)
            self._streams(url)
            self._others()
            self._plan.config = trial(self._plan.config, cameras={self._new: self._fields})
        except ConfigError as error:
            return self._left(error.what)
        except Unfit as error:
            return self._left(str(error))
        self._take()
        return None

    def _say(self, key: str, fate: Fate, becomes: str = "", reason: str = "", *, column: str = "") -> None:
        name = column or _column(self._row, key)
        value = shown(name, self._row.get(name)) if key not in ("url", "sub_url") else becomes
        target = f"cameras.{self._new}.{key}" if fate is Fate.TAKEN and key else ""
        self._about.append(Item(f"cameras.{self._old}.{name}", value, fate, target, becomes, reason))

    def _left(self, why: str) -> None:
        self._plan.left.append(Item(f"cameras.{self._old}", self._title(), Fate.LEFT, reason=why))
        self._plan.items.append(self._plan.left[-1])

    def _title(self) -> str:
        return shown("name", _get(self._row, "name"))

    def _is_there(self, there: str, fate: Fate, reason: str) -> None:
        self._plan.ids[self._old] = there
        self._plan.order.append(there)
        self._plan.items.append(Item(f"cameras.{self._old}", self._title(), fate, f"cameras.{there}", reason=reason))

    def _take(self) -> None:
        note = "" if self._old == self._new else f"called {self._new} here: an id has a-z, 0-9, - and _"
        self._plan.new.append(NewCamera(self._new, self._old, self._fields))
        self._plan.ids[self._old] = self._new
        self._plan.order.append(self._new)
        item = Item(f"cameras.{self._old}", self._title(), Fate.TAKEN, f"cameras.{self._new}", reason=note)
        self._plan.items += [item, *self._about]

    def _url(self, key: str) -> CameraUrl | None:
        found = text(_get(self._row, key))
        try:
            return CameraUrl(found) if found else None
        except UrlError as error:
            raise Unfit(f"its URL: {error}") from None

    def _known(self, url: CameraUrl) -> tuple[str, Fate, str] | None:
        """The camera of the configuration that it is, or that stands in its way, and what is to be said of it."""
        ours = {new.id for new in self._plan.new}
        for name, camera in self._plan.config.cameras.items():
            if camera.url.target == url.target and name not in ours:
                return name, Fate.SAME, "it is configured already, and stays as it is"
        if self._new in self._plan.config.cameras and self._new not in ours:
            why = "a camera of that id, with another URL, is configured already, and stays as it is"
            return self._new, Fate.KEPT, f"{why}; evertape camera add adds this one under another id"
        return None

    def _streams(self, url: CameraUrl) -> None:
        """URLs, and the login that both have; where each has its own, it stays in the URLs."""
        user, password = self._login(url)
        sub = self._sub()
        alike = sub is None or sub.user is None or (sub.user, sub.password) == (user, password)
        if user is None or alike:
            self._fields["url"] = url.bare
            self._fields |= {} if user is None else {"user": user}
            self._fields |= {} if user is None or password is None else {"password": password}
        else:
            self._fields["url"] = url.with_credentials(user, password).secret
        self._say("url", Fate.TAKEN, CameraUrl(url.bare).redacted)
        if sub is not None:
            self._fields["sub_url"] = sub.bare if alike else sub.reveal()
            self._say("sub_url", Fate.TAKEN, CameraUrl(sub.bare).redacted)
        if user is not None:
            self._say("user", Fate.TAKEN, user if alike else "in the URL")
        if user is not None and password is not None:
            self._say("password", Fate.TAKEN, MASK)

    def _login(self, url: CameraUrl) -> tuple[str | None, str | None]:
        """As the old recorder did: its columns where there are both, else what the URL says."""
        user, password = text(_get(self._row, "user")), secret(_get(self._row, "password"))
        if user and (password or url.user is None):
            return user, password or None
        if password and url.user is not None and not user:
            return url.user, url.password if url.password is not None else password
        if password and not user:
            self._say("password", Fate.LEFT, reason="there is a password, and no user that it is of")
        return url.user or None, url.password

    def _sub(self) -> CameraUrl | None:
        try:
            return self._url("sub_url")
        except Unfit as error:
            self._say("sub_url", Fate.LEFT, reason=str(error))
            return None

    def _others(self) -> None:
        if name := text(_get(self._row, "name"))[:200].strip():
            self._fields["name"] = name
            self._say("name", Fate.TAKEN, name)
        for key in ("enabled", "record", "audio"):
            self._flag(key)
        self._transport()
        self._latency()
        for column, (fate, why) in NEVER.items():
            if column in self._row and (fate is Fate.NEEDLESS or self._row[column] not in _IDLE):
                self._say("", fate, reason=why, column=column)
        known = {name for names in COLUMNS.values() for name in names} | NEVER.keys()
        for column in self._row.keys() - known:
            self._about.append(Item(f"cameras.{self._old}.{column}", "", Fate.UNKNOWN))

    def _flag(self, key: str) -> None:
        value = _get(self._row, key)
        if value is None:
            return None
        try:
            said = flag(value)
        except Unfit as error:
            return self._say(key, Fate.LEFT, reason=str(error))
        # What is so by itself need not be written down.
        if not said:
            self._fields[key] = False
        why = "" if said or key != "record" else f"as it was there; evertape record start {self._new} records it"
        return self._say(key, Fate.TAKEN, "true" if said else "false", why)

    def _transport(self) -> None:
        word = text(_get(self._row, "transport")).lower()
        if word in ("tcp", "udp"):
            self._fields |= {} if word == "tcp" else {"transport": word}
            self._say("transport", Fate.TAKEN, word)
        elif word:
            self._say("transport", Fate.LEFT, reason="it is neither tcp nor udp")

    def _latency(self) -> None:
        if (value := _get(self._row, "latency")) is None:
            return
        try:
            self._fields["latency"] = f"{round(number(value))}ms"
            trial(self._plan.config, cameras={self._new: self._fields})
        except (Unfit, ConfigError) as error:
            self._fields.pop("latency", None)
            self._say("latency", Fate.LEFT, reason=str(error))
        else:
            self._say("latency", Fate.TAKEN, self._fields["latency"])
