"""Looking at a camera for a few seconds: what it sends, before anything is saved. Blocking."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from evertape.clock import SystemClock, boot_id
from evertape.config.schema import Camera
from evertape.domain.failure import FailureKind
from evertape.engine.refused_logins import remember
from evertape.errors import EvertapeError, UsageError
from evertape.media.capture import Backend, CaptureRequest, Transport
from evertape.media.claims import claim_terms
from evertape.media.probe import ProbeFailedError, ProbeReport, probe_stream
from evertape.types import NS_PER_MS, NS_PER_S, Epoch


def probe_camera(camera: Camera, *, sub: bool = False, data: Path | None = None) -> ProbeReport:
    """Look at a camera's stream for a few seconds. Blocks.

    Args:
        camera: its settings.
        sub: look at its sub stream.
        data: the data directory; nobody else of that installation may have a session with the stream. ``None``: anyway.

    Raises:
        ProbeFailedError: it cannot be reached, somebody else has it, or sends nothing that could be recorded.
        UsageError: it has no sub stream.
    """
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
        claim=None if data is None else claim_terms(data, "a look at the camera"),
    )
    try:
        return probe_stream(request)
    except ProbeFailedError as error:
        if error.kind is FailureKind.AUTH_FAILED and data is not None:
            # Who adds the camera next has the service try it: not within a minute, because cameras lock accounts.
            remember(data, url, SystemClock(), boot_id())
        raise


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
