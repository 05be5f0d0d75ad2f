"""Whether the recorder is on this machine, and where. Pure."""

from __future__ import annotations

from pathlib import Path

from evertape_desktop.backend.http_link import LocalLink
from evertape_desktop.context import Context


def root_of(context: Context) -> Path | None:
    """The data directory of a recorder on this machine; ``None``: it is elsewhere, or in this program."""
    link = context.backend.link
    return link.root if isinstance(link, LocalLink) else None


def is_local(context: Context) -> bool:
    """Whether its paths are paths of this machine."""
    return root_of(context) is not None
