"""What a check says, and what this machine's own words for a remedy are."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

from evertape.media.elements import PluginSet


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """Evertape records; something besides will not work, or not well."""
    FAIL = "fail"
    """Evertape cannot record like this."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Args:
        name: what was looked at.
        level: how it ended.
        detail: what was found, with figures.
        fix: the command or the change that mends it; "" when all is well.
    """

    name: str
    level: Level
    detail: str
    fix: str = ""


class Manager(StrEnum):
    """Who installs software here."""

    APT = "apt"
    DNF = "dnf"
    PACMAN = "pacman"
    BREW = "brew"
    PIP = "pip"
    """Nobody but Python's own installer: Windows, and macOS without Homebrew."""


@dataclass(frozen=True, slots=True)
class Supported:
    """An operating system that Evertape runs on.

    Args:
        name: as a person calls it.
        ids: what ``ID`` and ``ID_LIKE`` of ``/etc/os-release`` say; empty for systems that have none.
        minimum: the oldest version, as ``VERSION_ID`` says it; "" for a rolling release.
        manager: who installs software there.
        note: what else there is to know.
    """

    name: str
    ids: tuple[str, ...]
    minimum: str
    manager: Manager
    note: str = ""


SUPPORTED: tuple[Supported, ...] = (
    Supported("Debian", ("debian",), "12", Manager.APT),
    Supported(
        "Ubuntu", ("ubuntu",), "22.04", Manager.APT, "22.04 brings Python 3.10, so Python 3.11 and PyGObject are added"
    ),
    Supported("Raspberry Pi OS", ("raspbian",), "12", Manager.APT, "64-bit by preference; 32-bit compiles one package"),
    Supported("Fedora", ("fedora",), "40", Manager.DNF, "`demo` needs x264enc, which comes from RPM Fusion"),
    Supported("Arch Linux", ("arch",), "", Manager.PACMAN),
    Supported("macOS", (), "13", Manager.BREW),
    Supported("Windows", (), "10", Manager.PIP),
)
"""The systems, and the oldest version of each that has Python 3.11 and GStreamer 1.20 (docs/guide/install.md)."""

_PIP_LINE = f"{'py' if os.name == 'nt' else 'python3'} -m pip install gstreamer-bundle"

_PLUGIN_PACKAGES: Mapping[Manager, Mapping[PluginSet, str]] = {
    Manager.APT: {
        PluginSet.CORE: "gir1.2-gstreamer-1.0",
        PluginSet.BASE: "gstreamer1.0-plugins-base",
        PluginSet.GOOD: "gstreamer1.0-plugins-good",
        PluginSet.BAD: "gstreamer1.0-plugins-bad",
        PluginSet.UGLY: "gstreamer1.0-plugins-ugly",
        PluginSet.LIBAV: "gstreamer1.0-libav",
        PluginSet.X: "gstreamer1.0-x",
        PluginSet.RTSP_SERVER: "gir1.2-gst-rtsp-server-1.0",
    },
    Manager.DNF: {
        PluginSet.CORE: "gstreamer1",
        PluginSet.BASE: "gstreamer1-plugins-base",
        PluginSet.GOOD: "gstreamer1-plugins-good",
        PluginSet.BAD: "gstreamer1-plugins-bad-free",
        PluginSet.UGLY: "gstreamer1-plugins-ugly",
        PluginSet.LIBAV: "gstreamer1-plugin-libav",
        PluginSet.X: "gstreamer1-plugins-base",
        PluginSet.RTSP_SERVER: "gstreamer1-rtsp-server",
    },
    Manager.PACMAN: {
        PluginSet.CORE: "gstreamer",
        PluginSet.BASE: "gst-plugins-base",
        PluginSet.GOOD: "gst-plugins-good",
        PluginSet.BAD: "gst-plugins-bad",
        PluginSet.UGLY: "gst-plugins-ugly",
        PluginSet.LIBAV: "gst-libav",
        PluginSet.X: "gst-plugins-base",
        PluginSet.RTSP_SERVER: "gst-rtsp-server",
    },
    # Homebrew's one formula holds all of them.
    Manager.BREW: dict.fromkeys(PluginSet, "gstreamer"),
}


def manager_here() -> Manager:
    """Who installs software on this machine; the native one where there are several."""
    for command, manager in (("apt-get", Manager.APT), ("dnf", Manager.DNF), ("pacman", Manager.PACMAN)):
        if shutil.which(command):
            return manager
    return Manager.BREW if sys.platform == "darwin" else Manager.PIP


def package_sets(manager: Manager) -> dict[str, tuple[str, ...]]:
    """The sets of system packages (``base``, ``lab``, ``test``, …) under that manager's names."""
    text = resources.files("evertape.cli").joinpath("packages.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {name: tuple(packages) for name, whose, *packages in rows if whose == manager}


def install_line(manager: Manager, packages: Iterable[str]) -> str:
    """The one line that installs ``packages``, in the order given, each once."""
    names = " ".join(dict.fromkeys(packages))
    match manager:
        case Manager.APT:
            return f"sudo apt-get install -y --no-install-recommends {names}"
        case Manager.DNF:
            return f"sudo dnf install -y {names}"
        case Manager.PACMAN:
            return f"sudo pacman -S --needed {names}"
        case Manager.BREW:
            return f"brew install {names}"
        case Manager.PIP:
            return _PIP_LINE


def plugins_line(manager: Manager, plugins: Iterable[PluginSet]) -> str:
    """The line that installs those sets of plugins."""
    names = _PLUGIN_PACKAGES.get(manager, {})
    return install_line(manager, [names[which] for which in plugins if which in names])


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """The fields of ``os-release``; empty where there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip("\"'") for key, eq, value in (line.partition("=") for line in lines) if eq}
