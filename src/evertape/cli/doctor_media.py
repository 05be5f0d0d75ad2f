"""Checks of the software underneath: the operating system, Python, GStreamer and its elements."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping

from evertape.cli.doctor_check import (
    SUPPORTED,
    Check,
    Level,
    Manager,
    install_line,
    manager_here,
    os_release,
    package_sets,
    plugins_line,
)
from evertape.errors import SetupError
from evertape.media.elements import MIN_GSTREAMER, GStreamerProbe, Need, PluginSet, probe_gstreamer
from evertape.media.view.plugins import HINT

MIN_PYTHON = (3, 11)


def check_system(fields: Mapping[str, str]) -> Check:
    """Is this system one that Evertape is known to run on, and new enough? ``fields`` are those of ``os-release``."""
    name = fields.get("PRETTY_NAME") or f"{platform.system()} {platform.release()}"
    ids = [fields.get("ID", ""), *fields.get("ID_LIKE", "").split()]
    known = next((s for own in ids for s in SUPPORTED if own in s.ids), None)
    if known is None:
        if sys.platform in ("darwin", "win32"):
            return Check("system", Level.OK, name)
        return Check("system", Level.WARN, f"{name}: not one that Evertape is tested on", "see docs/guide/install.md")
    # A derivative counts its versions differently; only the system itself can be too old.
    if ids[0] in known.ids and _number(fields.get("VERSION_ID", "")) < _number(known.minimum):
        return Check("system", Level.WARN, f"{name}: older than {known.name} {known.minimum}", "upgrade the system")
    return Check("system", Level.OK, name)


def check_python(version: tuple[int, int, int]) -> Check:
    """Is the interpreter new enough?"""
    text = ".".join(map(str, version))
    if version[:2] < MIN_PYTHON:
        return Check("python", Level.FAIL, f"{text}, at least 3.11 is needed", "start it through ./evertape")
    return Check("python", Level.OK, f"{text} ({sys.executable})")


def check_media(
    manager: Manager,
    fields: Mapping[str, str],
    probe: Callable[[], GStreamerProbe] = probe_gstreamer,
) -> list[Check]:
    """PyGObject, GStreamer's version, and every element that Evertape uses."""
    try:
        found = probe()
    except SetupError as error:
        return [Check("gstreamer", Level.FAIL, error.what, _base_line(manager, fields))]
    return [
        Check("pygobject", Level.OK, found.pygobject),
        _check_version(found.version),
        *check_elements(manager, found),
        check_fallbacksrc(found.fallbacksrc),
    ]


def check_fallbacksrc(where: str) -> Check:
    """Only one of three ways of viewing needs it, so its absence is no warning. ``where``: "" if nowhere."""
    name = "fallbacksrc"
    if where:
        return Check(name, Level.OK, where)
    return Check(name, Level.OK, 'not here; only view.fallback = "fallbacksrc" needs it', HINT)


def _check_version(version: tuple[int, int, int]) -> Check:
    text = ".".join(map(str, version))
    if version < MIN_GSTREAMER:
        least = ".".join(map(str, MIN_GSTREAMER[:2]))
        return Check("gstreamer", Level.FAIL, f"{text}, at least {least} is needed", "upgrade the system")
    return Check("gstreamer", Level.OK, text)


def check_elements(manager: Manager, found: GStreamerProbe) -> list[Check]:
    """What is missing for recording, for viewing, and for the simulated cameras."""
    required = [need for need in found.missing if need.required]
    other = [need for need in found.missing if not need.required]
    lab_plugins = [need.plugins for need in found.lab_missing]
    lab_names = [" or ".join(need.any_of) for need in found.lab_missing]
    if not found.rtsp_server:
        lab_plugins.append(PluginSet.RTSP_SERVER)
        lab_names.append("gst-rtsp-server")
    lab = Check("elements for demo and lab", Level.OK, "all there")
    if lab_names:
        lab = Check(lab.name, Level.WARN, f"missing: {', '.join(lab_names)}", plugins_line(manager, lab_plugins))
    return [
        _check_needs("elements to record", Level.FAIL, manager, required),
        _check_needs("elements to view and for audio", Level.WARN, manager, other),
        lab,
    ]


def _check_needs(name: str, level: Level, manager: Manager, missing: list[Need]) -> Check:
    if not missing:
        return Check(name, Level.OK, "all there")
    words = ", ".join(f"{' or '.join(need.any_of)} ({need.purpose})" for need in missing)
    return Check(name, level, f"missing: {words}", plugins_line(manager, [need.plugins for need in missing]))


def _base_line(manager: Manager, fields: Mapping[str, str]) -> str:
    sets = package_sets(manager)
    packages = list(sets.get("base", ()))
    if manager is Manager.APT and "jammy" in (fields.get("UBUNTU_CODENAME"), fields.get("VERSION_CODENAME")):
        packages += sets["jammy"]
    return install_line(manager, packages) + ("; then start it through ./evertape" if packages else "")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def software_checks() -> list[Check]:
    """All checks of this module, on this machine."""
    fields = os_release()
    return [
        check_system(fields),
        check_python(sys.version_info[:3]),
        *check_media(manager_here(), fields),
    ]
