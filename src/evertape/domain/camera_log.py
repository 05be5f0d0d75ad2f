"""The lines that a camera's state machine writes into the log."""

from __future__ import annotations

from evertape.domain.camera_events import Log
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.types import NS_PER_S


def reconnecting(wait: int, attempt: int, retries: int) -> Log:
    """That ``attempt`` of ``retries`` is made in ``wait`` nanoseconds."""
    if attempt > retries:
        # "attempt 11/10" would read like a mistake, and this goes on for as long as the camera is away.
        return Log("RECONNECT", f"Reconnecting in {wait / NS_PER_S:.2f}s (attempt {attempt})", "debug")
    return Log("RECONNECT", f"Reconnecting in {wait / NS_PER_S:.2f}s (attempt {attempt}/{retries})")


def no_stream(kind: FailureKind, detail: ErrorDetail, level: str) -> Log:
    """That a session ended, with everything known about it."""
    known = (
        detail.element,
        f"{detail.domain} {detail.code}" if detail.code is not None else "",
        f"errno {detail.errno}" if detail.errno else "",
        f"RTSP {detail.rtsp_status}" if detail.rtsp_status else "",
        detail.debug,
    )
    text = ", ".join(part for part in known if part)
    return Log("STREAMING", f"No stream: {kind.value}" + (f" ({text})" if text else ""), level)
