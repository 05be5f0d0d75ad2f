"""Live pictures of a recorder on this machine: from its feed, without a hub between."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from evertape.ipc.client import ServiceClient
from evertape.media.view.feed import FeedSource
from evertape.types import NS_PER_S, Stream

_RETRY_NS = NS_PER_S // 2


def feed_source(root: Path, camera: str, stream: str) -> FeedSource:
    """Encoded pictures of one stream.

    Args:
        root: the data directory.
        camera: its id.
        stream: ``main`` or ``sub``.
    """
    return FeedSource(partial(_locate, root, camera), camera, Stream(stream), _RETRY_NS)


def _locate(root: Path, camera: str) -> str:
    with ServiceClient(root) as client:
        return str(client.request("feed", camera=camera)["socket"])
