"""What ``view`` and ``snapshot`` look at: a configured camera, a camera's URL, or a file."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evertape.cli.place import Place
from evertape.config.schema import Camera, Config
from evertape.config.sections import View
from evertape.config.url import CameraUrl
from evertape.errors import ConfigError, NotRunningError, UsageError
from evertape.types import NS_PER_MS, CameraId, Epoch, Stream

if TYPE_CHECKING:
    from evertape.media.view.terms import ViewSource

_SCHEMES = ("rtsp://", "rtsps://")


@dataclass(frozen=True, slots=True)
class Target:
    """What was named on the command line.

    Args:
        title: for people; never with a password.
        camera: the id, if it is a configured one.
        settings: its settings, or those of a camera of which only the URL is known; ``None`` for a file.
        stream: which of its streams.
        file: a path or URI of something that is no camera.
    """

    title: str
    camera: str | None = None
    settings: Camera | None = None
    stream: Stream = Stream.MAIN
    file: str = ""


def configured(place: Place) -> Config:
    """The configuration, or the defaults where there is none."""
    return place.load().config if place.config.exists() else Config()


def find_target(name: str, config: Config, stream: Stream) -> Target:
    """What ``name`` means. Pure, but for a look whether a file of that name exists.

    A URL that is that of a configured camera means this camera: one installation opens a stream once.

    Raises:
        UsageError: it means nothing, or the camera has no such stream.
        ConfigError: it is a camera's URL, and not a usable one.
    """
    if name.startswith(_SCHEMES):
        return _of_url(name, config, stream)
    if "://" in name or Path(name).is_file():
        return Target(Path(name).name, file=name)
    settings = config.cameras.get(CameraId(name))
    if settings is None:
        known = ", ".join(config.cameras)
        hint = f"the cameras are: {known}; or give a URL" if known else "give a URL, or evertape camera add ID URL"
        raise UsageError(f"there is no camera {name!r}", hint=hint)
    if stream is Stream.SUB and settings.sub_stream() is None:
        raise UsageError(
            f"{settings.name} has no sub stream", hint=f"evertape camera edit {name} --sub URL gives it one"
        )
    return Target(settings.name, name, settings, stream)


def _of_url(text: str, config: Config, stream: Stream) -> Target:
    try:
        url = CameraUrl(text)
    except ValueError as error:
        raise ConfigError(f"this is no camera's URL: {error}") from None
    for camera_id, settings in config.cameras.items():
        for which, own in ((Stream.MAIN, settings.url), (Stream.SUB, settings.sub_url)):
            if own is not None and own.target == url.target:
                return Target(settings.name, camera_id, settings, which)
    return Target(url.host, settings=Camera(url=url), stream=stream)


def open_source(place: Place, target: Target, view: View) -> ViewSource:
    """The running service's feed of a configured camera, a session of its own while there is none; of a URL the latter.

    Raises:
        UsageError: the service does not know the camera.
    """
    assert target.settings is not None
    settings, camera = target.settings, target.camera
    if camera is None:
        return _session(place, settings, target.stream, view)
    from evertape.media.view.feed import FeedSource
    from evertape.media.view.handover import HandoverSource

    def locate() -> str:
        return str(place.ask("feed", camera=camera)["socket"])

    try:
        locate()
        runs = True
    except NotRunningError:
        runs = False
    return HandoverSource(
        lambda: FeedSource(locate, camera, target.stream, view.retry),
        lambda: _session(place, settings, target.stream, view, camera),
        lambda: bool(locate()),
        on_feed=runs,
    )


def served_as(place: Place, target: Target) -> Target:
    """The configured camera whose stream the service has open, if ``target`` is a URL of that very stream.

    Its host may be called otherwise here than in the configuration. Blocks for the name server, for a second at most.
    """
    if target.settings is None or target.camera is not None:
        return target
    from evertape.ipc.places import streams_dir
    from evertape.media.claims import who_has

    url = target.settings.main_stream()
    holder = who_has(streams_dir(place.data.root), url.bare)
    config = configured(place)
    found = config.cameras.get(CameraId(holder.camera)) if holder is not None and holder.records else None
    if holder is None or found is None:
        return target
    sub = found.sub_stream()
    same_path = sub is not None and sub.target[1:] == url.target[1:]
    return Target(found.name, holder.camera, found, Stream.SUB if same_path else Stream.MAIN)


def _session(place: Place, camera: Camera, stream: Stream, view: View, name: str = "") -> ViewSource:
    from evertape.clock import SystemClock
    from evertape.media.capture import Backend, CaptureRequest, Transport
    from evertape.media.claims import claim_terms
    from evertape.media.view.camera import CameraSource

    url = (camera.sub_stream() if stream is Stream.SUB else None) or camera.main_stream()
    request = CaptureRequest(
        url=url.bare,
        epoch=Epoch(uuid.uuid4().hex),
        user=url.user,
        password=url.password,
        transport=Transport(str(camera.transport)),
        backend=Backend(str(camera.receiver)),
        latency_ms=camera.latency // NS_PER_MS,
        audio=False,
        tls_verify=camera.tls_verify,
        claim=claim_terms(place.data.root, "another view or snapshot", name),
    )
    return CameraSource(request, view.restart, view.retry, SystemClock())
