"""What ``camera add`` and ``camera probe`` have in common: looking at a camera, but not if somebody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evertape.cli.config_verbs import warn
from evertape.cli.place import Place
from evertape.cli.verb import complain
from evertape.errors import EvertapeError, UsageError
from evertape.types import CameraId, Stream

if TYPE_CHECKING:
    from evertape.cli.camera_served import Served
    from evertape.config.schema import Camera


def look_before(place: Place, camera: Camera, quiet: bool) -> dict[str, Any]:
    """Probe a camera that is about to be added; a failure is a warning."""
    from evertape.cli.camera_probe import failure_text, probe_camera, probe_json, probe_text

    try:
        report = probe_camera(camera, data=place.data.root)
    except EvertapeError as error:
        warn(f"the camera cannot be looked at now: {failure_text(error)}; it is added all the same")
        if error.hint and not quiet:
            print(f"  → {error.hint}")
        return {"ok": False, "error": failure_text(error), "hint": error.hint}
    if not quiet:
        print(probe_text(report))
    return probe_json(report)


def probe_targets(place: Place, camera: str | None, login: dict[str, Any], transport: str | None) -> dict[str, Camera]:
    """What to look at: a URL, a configured camera, or all of them."""
    from evertape.config.edit import camera_of

    fields = login | ({} if transport is None else {"transport": transport})
    if camera is not None and "://" in camera:
        return {"camera": camera_of({"url": camera, **fields})}
    cameras = place.load().config.cameras
    if camera is None:
        return {str(name): one for name, one in cameras.items()}
    if CameraId(camera) not in cameras:
        known = ", ".join(cameras) or "none"
        raise UsageError(f"there is no camera {camera!r}", hint=f"the cameras are: {known}; or give a URL")
    if fields:
        raise UsageError("these options are for a URL", hint="a configured camera is looked at as it is configured")
    return {camera: cameras[CameraId(camera)]}


def probed(place: Place, name: str, camera: Camera, sub: bool, as_json: bool, served: Served | None) -> dict[str, Any]:
    """Look at one stream, or ask the service that has it; ``served`` is ``None``: look anyway."""
    from evertape.cli.camera_probe import failure_text, probe_camera, probe_json, probe_text
    from evertape.cli.camera_served import served_json, served_text

    shown = {"id": name, "url": str(camera.sub_url if sub else camera.url)}
    try:
        if served is not None:
            stream = served.stream(*_known_as(place, name, camera, sub))
            if stream is not None:
                if not as_json:
                    print(served_text(stream))
                return {**shown, **served_json(stream)}
        report = probe_camera(camera, sub=sub, data=None if served is None else place.data.root)
    except EvertapeError as error:
        failure = EvertapeError(f"{name} cannot be looked at: {failure_text(error)}", hint=error.hint)
        complain(failure, False)
        return {**shown, "ok": False, "error": failure_text(error), "hint": error.hint}
    if not as_json:
        print(probe_text(report))
    return {**shown, **probe_json(report)}


def _known_as(place: Place, name: str, camera: Camera, sub: bool) -> tuple[str, bool]:
    """The configured camera that has this stream, and whether it is its sub stream; ``name`` if there is none."""
    from evertape.cli.view_source import Target, configured, served_as

    config = configured(place)
    if config.cameras.get(CameraId(name)) == camera:
        return name, sub
    url = camera.main_stream()
    for known, settings in config.cameras.items():
        # With another login it is not the same attempt.
        own = settings.main_stream()
        if (own.target, own.login_key) == (url.target, url.login_key):
            return known, False
    found = served_as(place, Target(name, settings=camera))
    return (found.camera, found.stream is Stream.SUB) if found.camera is not None else (name, sub)
