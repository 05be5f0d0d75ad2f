"""What ``camera probe`` says of a stream that the running service has open: an installation opens a stream once."""

from __future__ import annotations

from typing import Any

from evertape.cli.place import Place
from evertape.cli.wording import rate_text
from evertape.domain.camera_events import StreamStatus
from evertape.errors import EvertapeError, NotRunningError
from evertape.ipc.messages import StreamInfo

ANYWAY = "--anyway opens another session with it"


class Served:
    """The streams of a running service; of none where no service runs."""

    def __init__(self, place: Place) -> None:
        from evertape.cli.status import fetch

        try:
            self._cameras = {camera.id: camera for camera in fetch(place).cameras}
        except NotRunningError:
            self._cameras = {}

    def stream(self, camera: str, sub: bool) -> StreamInfo | None:
        """That stream, if frames come; ``None``: the service has no session with it.

        Raises:
            EvertapeError: the camera refuses the password; with each attempt more it may lock the account.
        """
        found = self._cameras.get(camera)
        wanted = "sub" if sub else "main"
        stream = next((one for one in found.streams if one.stream == wanted), None) if found is not None else None
        if stream is None:
            return None
        status = StreamStatus(stream.state)
        if status is StreamStatus.AUTH_FAILED:
            raise EvertapeError(
                "the camera refuses the password, and the service asks it once a minute already", hint=ANYWAY
            )
        return stream if status.flowing else None


def served_json(stream: StreamInfo) -> dict[str, Any]:
    """Named as in ``probe_json``; what the service does not tell is left out."""
    return {
        "ok": True,
        "from": "service",
        "codec": stream.codec,
        "width": stream.width,
        "height": stream.height,
        "fps": stream.fps,
        "gop_s": stream.gop_s or None,
        "bit_rate": stream.bitrate,
        "audio_source": stream.audio or None,
        "clock_source": stream.utc_source,
        "receiver": stream.receiver,
    }


def served_text(stream: StreamInfo) -> str:
    """For a person, a few indented lines."""
    size = f"{stream.width}×{stream.height}, {stream.fps:.1f} fps, {rate_text(stream.bitrate)}"
    lines = [f"video   {stream.codec.upper()}, {size}"]
    lines += [f"gop     {stream.gop_s:.1f} s"] if stream.gop_s else []
    lines += [f"audio   {stream.audio or 'none'}", f"note    as the running service receives it; {ANYWAY}"]
    return "\n".join(f"  {line}" for line in lines)
