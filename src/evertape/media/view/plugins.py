"""GStreamer's ``fallbacksrc``: the system's, or the one that ``tools/build-fallbackswitch`` put into the user's cache.

The cached plugin is loaded when it is first needed, by its file: a plugin path in the environment would have every
process, recorders included, look through it. Finding it imports nothing of GStreamer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from evertape.errors import SetupError

ELEMENT = "fallbacksrc"
HINT = (
    "Fedora, Arch, Alpine, Homebrew and the official Windows and macOS builds package it (gst-plugins-rs); elsewhere "
    "tools/build-fallbackswitch of Evertape's source builds it, with Rust from https://rustup.rs"
)


def cached_plugin() -> Path:
    """Where the build script puts it, whether it is there or not."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    suffix = ".dll" if sys.platform == "win32" else ".so"
    return Path(cache) / "evertape/plugins" / f"libgstfallbackswitch{suffix}"


def need_fallbacksrc() -> None:
    """Make sure that GStreamer knows ``fallbacksrc``.

    Raises:
        SetupError: it is not there, or cannot be loaded; the hint says how to get it.
    """
    from gi.repository import GLib

    from evertape.media.gst.lib import Gst

    if Gst.ElementFactory.find(ELEMENT) is not None:
        return
    path = cached_plugin()
    if not path.is_file():
        raise SetupError(f"GStreamer has no element {ELEMENT}", hint=HINT)
    try:
        plugin = Gst.Plugin.load_file(str(path))
    except GLib.Error as error:
        raise SetupError(f"the plugin {path} cannot be loaded: {error}", hint=HINT) from error
    if plugin is None or Gst.ElementFactory.find(ELEMENT) is None:
        raise SetupError(f"the plugin {path} does not bring {ELEMENT}", hint=HINT)
