"""What can be done to one process of cameras and to the network before it: the verbs that need nothing else.

Each blocks until it is done, so the stage does it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from evertape.errors import UsageError
from evertape_lab.fleet import LabCameras
from evertape_lab.netns import Namespace
from evertape_lab.proxy import TcpProxy
from evertape_lab.script import Step

_TEARDOWN = b"TEARDOWN rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"


@dataclass(slots=True)
class Group:
    """A process of cameras as it stands on the stage."""

    lab: LabCameras
    names: tuple[str, ...]
    network: Namespace | None
    proxy: TcpProxy | None
    right: dict[str, str]
    """Camera to the URL that works."""
    told: dict[str, str]
    """Camera to the URL the service has."""


Deed = Callable[[Group, Step], object]


def the_network(group: Group, step: Step) -> Namespace:
    """The group's; raises ``UsageError`` if it has none."""
    if group.network is None:
        raise UsageError(f"{step.do} needs cameras with a namespace")
    return group.network


def the_proxy(group: Group, step: Step) -> TcpProxy:
    """The group's; raises ``UsageError`` if it has none."""
    if group.proxy is None:
        raise UsageError(f"{step.do} needs cameras with a proxy")
    return group.proxy


def _restart(group: Group, step: Step) -> None:
    group.lab.restart(**cast(dict[str, Any], step.options))


def _tell(group: Group, step: Step) -> None:
    amount = f" {step.seconds}" if step.word in ("clock", "jump") else ""
    group.lab.command(f"{step.word} {step.camera}{amount}")


DEEDS: dict[str, Deed] = {
    # SIGKILL; and start again, on the same port.
    "kill": lambda group, _: group.lab.kill(),
    "start": lambda group, _: group.lab.start(),
    # Stop and start, with other options.
    "restart": _restart,
    # SIGSTOP and SIGCONT.
    "freeze": lambda group, _: group.lab.freeze(),
    "thaw": lambda group, _: group.lab.thaw(),
    # A command of the cameras.
    "tell": _tell,
    # Every packet in the cameras' namespace.
    "drop": lambda group, step: the_network(group, step).drop(),
    "restore": lambda group, step: the_network(group, step).restore(),
    # Every connection, and with ``refuse`` the port too, until ``accept``.
    "reset": lambda group, step: the_proxy(group, step).reset(),
    "refuse": lambda group, step: the_proxy(group, step).refuse(),
    "accept": lambda group, step: the_proxy(group, step).accept(),
    # Nothing is passed on; or the camera forgets its connections and the service is not told. Until ``resume``.
    "stall": lambda group, step: the_proxy(group, step).stall(),
    "half_open": lambda group, step: the_proxy(group, step).half_open(),
    "resume": lambda group, step: the_proxy(group, step).resume(),
    # The camera says TEARDOWN.
    "teardown": lambda group, step: the_proxy(group, step).say(_TEARDOWN),
    # A ``share`` of the packets is damaged, ``where`` in them.
    "corrupt": lambda group, step: the_proxy(group, step).corrupt(step.share, step.where),
    # Each camera sends no more than ``kbytes_per_s``.
    "throttle": lambda group, step: the_proxy(group, step).throttle(step.kbytes_per_s * 1000 or None),
}
"""Verb to what it does."""
