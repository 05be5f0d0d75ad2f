"""Errors, typed by what the caller does next.

Every error says what happened, to which camera or volume, what Evertape does about it
and what the person can do. ``str()`` of one is fit for a log or a screen: credentials
are masked on the way in.
"""

from __future__ import annotations

from evertape.redact import redact


class EvertapeError(Exception):
    """Base of everything Evertape raises on purpose.

    Args:
        what: what happened, one sentence without a full stop.
        hint: what the person can do about it, if anything.
    """

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        self.what = redact(what)
        self.hint = redact(hint)
        super().__init__(self.what + (f"; {self.hint}" if self.hint else ""))


class ConfigError(EvertapeError):
    """The configuration cannot be used; nothing was changed. Tell the person."""

    exit_code = 2


class UsageError(EvertapeError):
    """A verb, an argument or a library call makes no sense as given. Tell the person."""

    exit_code = 2


class NotRunningError(EvertapeError):
    """The verb needs a running service and none answers. Start one."""

    exit_code = 3


class ProtocolError(EvertapeError):
    """A peer on a local socket or a file on disk is not what its format says. Drop that peer or file."""


class VolumeError(EvertapeError):
    """A volume cannot be used now. Choose another one, or wait."""


class SetupError(EvertapeError):
    """The machine lacks something. Tell the person what to install."""

    exit_code = 4
