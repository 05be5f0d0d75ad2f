"""``evertape camera probe``: what a camera sends, before anything is saved."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from evertape.cli.wording import rate_text
from evertape.types import NS_PER_MS, NS_PER_S, Epoch

if TYPE_CHECKING:
    from evertape.config.schema import Camera
    from evertape.errors import EvertapeError
    from evertape.media.probe import ProbeReport


def probe_camera(camera: Camera, *, sub: bool = False) -> ProbeReport:
    """Look at a camera's stream for a few seconds. Blocks.

    Raises:
        ProbeFailedError: it cannot be reached, or sends nothing that could be recorded.
        UsageError: it has no sub stream.
    """
    from evertape.errors import UsageError
    from evertape.media.capture import Backend, CaptureRequest, Transport
    from evertape.media.probe import probe_stream

    url = camera.sub_stream() if sub else camera.main_stream()
    if url is None:
        raise UsageError(f"{camera.name} has no sub stream", hint="camera edit ID --sub URL gives it one")
    request = CaptureRequest(
        url=url.bare,
        epoch=Epoch(uuid.uuid4().hex),
        user=url.user,
        password=url.password,
        transport=Transport(str(camera.transport)),
        backend=Backend(str(camera.receiver)),
        latency_ms=camera.latency // NS_PER_MS,
        audio=camera.audio,
        tls_verify=camera.tls_verify,
    )
    return probe_stream(request)


def failure_text(error: EvertapeError) -> str:
    """What kept a camera from being looked at: the kind in words, and what the library or the camera said."""
    kind = getattr(error, "kind", None)
    words = "" if kind is None else str(kind).replace("_", " ")
    return f"{words} ({error.what})" if words and words != error.what else error.what


def probe_json(report: ProbeReport) -> dict[str, Any]:
    """For a program; durations in seconds, the bit rate in bits per second."""
    audio, offset = report.audio, report.clock_offset_ns
    return {
        "ok": True,
        "codec": str(report.video.codec),
        "profile": report.profile,
        "width": report.video.width,
        "height": report.video.height,
        "fps": report.fps,
        "gop": report.gop,
        "gop_s": None if report.gop_ns is None else report.gop_ns / NS_PER_S,
        "b_frames": report.b_frames,
        "bit_rate": report.bit_rate,
        "audio": None if audio is None else {"codec": str(audio.codec), "rate": audio.rate, "channels": audio.channels},
        "audio_source": report.audio_source,
        "clock_source": str(report.clock_source),
        "clock_offset_s": None if offset is None else offset / NS_PER_S,
        "server": report.server,
        "transport": str(report.transport),
        "receiver": str(report.backend),
        "auth": report.auth,
        "encrypted": report.encrypted,
        "verified": report.verified,
        "first_frame_s": report.first_frame_ns / NS_PER_S,
        "notices": [{"kind": str(n.kind), "value": n.value, "text": n.text} for n in report.notices],
    }


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
