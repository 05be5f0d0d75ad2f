"""How much footage lies on each volume, from the index: never by walking the disk."""

from __future__ import annotations

import contextlib

from evertape.cli.place import Place
from evertape.engine.usage import Usage, label_with

__all__ = ["Usage", "label_with", "usage_by_volume"]


def usage_by_volume(place: Place) -> dict[str, Usage]:
    """By the volume's id; empty while the index cannot be read, which must not keep anybody from seeing the rest."""
    from evertape.clock import SystemClock
    from evertape.engine.usage import usage_in
    from evertape.store.failures import IndexBusyError, IndexDamagedError
    from evertape.store.index import Index

    with contextlib.suppress(IndexBusyError, IndexDamagedError), Index.open_readonly(place.data.index_file) as index:
        return usage_in(index, int(SystemClock().utc_ns()))
    return {}
