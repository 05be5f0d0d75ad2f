"""``evertape camera probe``: what a camera sends, before anything is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evertape.cli.wording import rate_text
from evertape.types import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from evertape.config.schema import Camera
    from evertape.errors import EvertapeError
    from evertape.media.probe import ProbeReport


def probe_camera(camera: Camera, *, sub: bool = False, data: Path | None = None) -> ProbeReport:
    """See ``engine.camera_look``, which takes a while to be imported."""
    from evertape.engine import camera_look

    return camera_look.probe_camera(camera, sub=sub, data=data)


def failure_text(error: EvertapeError) -> str:
    """See there."""
    from evertape.engine import camera_look

    return camera_look.failure_text(error)


def probe_json(report: ProbeReport) -> dict[str, Any]:
    """See there."""
    from evertape.engine import camera_look

    return camera_look.probe_json(report)


def probe_text(report: ProbeReport) -> str:
    """For a person, a few indented lines."""
    video = report.video
    rate = "" if report.fps is None else f", {report.fps:g} fps"
    bits = "" if report.bit_rate is None else f", {rate_text(report.bit_rate)}"
    lines = [f"video   {str(video.codec).upper()} {report.profile}, {video.width}×{video.height}{rate}{bits}"]
    if report.gop is None or report.gop_ns is None:
        lines.append("gop     only one keyframe came; a long keyframe interval delays the start of a recording")
    else:
        order = ", with B-frames" if report.b_frames else ""
        lines.append(f"gop     {report.gop} frames, {report.gop_ns / NS_PER_S:.1f} s{order}")
    lines += [f"audio   {_audio(report)}", f"clock   {_clock(report)}"]
    secure = ", encrypted" + ("" if report.verified else ", certificate not checked") if report.encrypted else ""
    login = {"": "", "none": ", no login"}.get(report.auth, f", {report.auth} login")
    server = f", {report.server}" if report.server else ""
    lines.append(f"link    {report.transport}{secure}{login}{server}")
    lines.append(f"start   first picture after {report.first_frame_ns / NS_PER_S:.1f} s")
    lines += [f"note    {notice.text or notice.kind}" for notice in report.notices]
    return "\n".join(f"  {line}" for line in lines)


def _audio(report: ProbeReport) -> str:
    if report.audio is None:
        return f"{report.audio_source}, not recorded" if report.audio_source else "none"
    kept = f"{str(report.audio.codec).upper()} {report.audio.rate} Hz, {report.audio.channels} ch"
    source = report.audio_source or ""
    return kept if not source or source.lower().startswith("aac") else f"{source}, recorded as {kept}"


def _clock(report: ProbeReport) -> str:
    if report.clock_offset_ns is None:
        return "the camera does not tell its time; recordings go by arrival"
    offset = report.clock_offset_ns / NS_PER_S
    used = "used" if str(report.clock_source) == "rtcp" else "not used, recordings go by arrival"
    return f"the camera's, {offset:+.3f} s against this machine's, {used}"
