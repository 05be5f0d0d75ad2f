"""What must hold between keys: contradictions are errors, doubtful combinations warnings.

Pure functions of a ``Config``; nothing is looked up on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertape.config.units import format_duration, format_size

if TYPE_CHECKING:
    from evertape.config.schema import Camera, Config
    from evertape.types import CameraId

Key = tuple[str, ...]

POWER_CUT_BOUND_NS = 2_000_000_000
"""What Evertape promises a power cut takes at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something between keys that is wrong (``error``) or doubtful.

    Args:
        keys: the keys involved; the first is where a person should look.
        message: what is wrong, without naming the first key, and never with a secret in it.
        error: the configuration cannot be used like this.
    """

    keys: tuple[Key, ...]
    message: str
    error: bool = True


def cross_checks(config: Config) -> list[Finding]:
    """Everything that is wrong or doubtful between the keys of ``config``."""
    findings = [*_order(config), *_power_cut(config), *_volumes(config), *_ages(config), *_hub(config)]
    for camera_id, camera in config.cameras.items():
        findings += [*_login(("cameras", camera_id), camera), *_camera_times(config, camera_id, camera)]
        findings += _camera_ages(config, camera_id)
    return [*findings, *_same_stream(config)]


def _order(config: Config) -> Iterator[Finding]:
    """Pairs of which the first must not be below the second."""
    backoff, streaming, storage = config.streaming.backoff, config.streaming, config.storage
    durations = [
        (("streaming", "backoff", "cap"), backoff.cap, ("streaming", "backoff", "base"), backoff.base),
        (("streaming", "drain"), streaming.drain, ("streaming", "drain_viewed"), streaming.drain_viewed),
    ]
    for high_key, high, low_key, low in durations:
        if high < low:
            text = f"{format_duration(high)} is less than {'.'.join(low_key)}, {format_duration(low)}"
            yield Finding((high_key, low_key), text)
    if storage.resume_free < storage.min_record_free:
        shown = (
            f"{format_size(storage.resume_free)} is less than min_record_free, {format_size(storage.min_record_free)}"
        )
        keys = (("storage", "resume_free"), ("storage", "min_record_free"))
        yield Finding(keys, f"{shown}: a volume would be taken back before there is room on it")


def _power_cut(config: Config) -> Iterator[Finding]:
    recording, drain = config.recording, config.streaming.drain
    worst = recording.fragment + recording.sync + drain
    if worst > POWER_CUT_BOUND_NS:
        keys = (("recording", "fragment"), ("recording", "sync"), ("streaming", "drain"))
        text = f"with sync and streaming.drain, a power cut may take {format_duration(worst)} instead of at most 2 s"
        yield Finding(keys, text, error=False)


def _hub(config: Config) -> Iterator[Finding]:
    hub = config.hub
    if hub.tls == "files":
        for name in ("certificate", "key"):
            if getattr(hub, name) is None:
                yield Finding((("hub", name), ("hub", "tls")), 'is missing; tls = "files" needs it')


def _volumes(config: Config) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, volume in config.volumes.items():
        path = str(volume.path).rstrip("/") or "/"
        if path in seen:
            text = f"{path!r} is the path of volume {seen[path]!r} already"
            yield Finding((("volumes", name, "path"), ("volumes", seen[path], "path")), text)
        seen.setdefault(path, name)
    roles = {str(volume.role) for volume in config.volumes.values()}
    names = tuple(("volumes", name, "role") for name in config.volumes)
    if roles == {"retired"}:
        yield Finding(names, "every volume is retired, so nothing could be recorded anywhere")
    elif roles and "primary" not in roles:
        yield Finding(names, "no volume is a primary; everything will be recorded onto a spill volume", error=False)


def _ages(config: Config) -> Iterator[Finding]:
    retention = config.retention
    if retention.max_age and retention.min_age > retention.max_age:
        keys = (("retention", "min_age"), ("retention", "max_age"))
        yield Finding(keys, _too_old(retention.min_age, retention.max_age))


def _camera_ages(config: Config, camera_id: CameraId) -> Iterator[Finding]:
    own, both = config.cameras[camera_id].retention, config.retention_for(camera_id)
    given = [name for name in ("min_age", "max_age") if getattr(own, name) is not None]
    if given and both.max_age and both.min_age > both.max_age:
        keys = tuple(("cameras", camera_id, "retention", name) for name in given)
        yield Finding(keys, _too_old(both.min_age, both.max_age))


def _too_old(min_age: int, max_age: int) -> str:
    low, high = format_duration(min_age), format_duration(max_age)
    return f"footage cannot be kept for {low} at least (min_age) and {high} at most (max_age)"


def _login(key: Key, camera: Camera) -> Iterator[Finding]:
    given = [name for name in ("password", "password_env", "password_file") if getattr(camera, name) is not None]
    if len(given) > 1:
        keys = tuple((*key, name) for name in reversed(given))
        yield Finding(keys, f"the password is given twice, in {' and '.join(given)}; keep one")
    if given and camera.user is None:
        yield Finding(((*key, given[0]), (*key, "user")), "there is a password but no user; add the key user")
    for name, url in (("url", camera.url), ("sub_url", camera.sub_url)):
        if url is None:
            continue
        if url.user is not None and camera.user is not None:
            text = "holds a user, and the key user names one as well; keep one"
            yield Finding(((*key, name), (*key, "user")), text)
        if url.unescaped or url.suspicious:
            text = "its credentials seem to hold an unescaped character; percent-encode it, or use user and password"
            yield Finding(((*key, name),), text, error=False)


def _camera_times(config: Config, camera_id: str, camera: Camera) -> Iterator[Finding]:
    stall = camera.stall_timeout or config.streaming.stall_timeout
    if camera.latency >= stall:
        keys = (
            ("cameras", camera_id, "latency"),
            ("cameras", camera_id, "stall_timeout"),
            ("streaming", "stall_timeout"),
        )
        text = f"{format_duration(camera.latency)} must be less than the stall_timeout, {format_duration(stall)}"
        yield Finding(keys, text)
    base = camera.backoff.base or config.streaming.backoff.base
    cap = camera.backoff.cap or config.streaming.backoff.cap
    own = (camera.backoff.base, camera.backoff.cap) != (None, None)
    if own and cap < base:
        first, second = ("cap", "base") if camera.backoff.cap is not None else ("base", "cap")
        own_keys = tuple(("cameras", camera_id, "backoff", name) for name in (first, second))
        text = f"the longest wait, {format_duration(cap)}, is less than the first, {format_duration(base)}"
        yield Finding(own_keys, text)


def _same_stream(config: Config) -> Iterator[Finding]:
    """Two keys of cameras in use that name one stream: an installation opens a stream once."""
    seen: dict[tuple[str, int, str], Key] = {}
    for camera_id, camera in config.cameras.items():
        if not camera.enabled:
            continue
        for name, url in (("url", camera.url), ("sub_url", camera.sub_url)):
            key = ("cameras", camera_id, name)
            if url is None or (first := seen.setdefault(url.target, key)) == key:
                continue
            # Cameras allow few sessions, some only one: the second would take the place of the first.
            more = "" if first[1] == camera_id else f", or set cameras.{camera_id}.enabled = false"
            yield Finding(
                (key, first), f"the same stream as {'.'.join(first)}, and none is opened twice; keep one{more}"
            )
