"""The one exception of this package: what is wrong with the volume, at which step of ``docs/design/durability.md``."""

from __future__ import annotations

import errno as errno_names
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from evertape.domain.storage_fault import StorageFault, fault_of_errno
from evertape.errors import VolumeError

log = logging.getLogger(__name__)


class VolumeFaultError(VolumeError):
    """A step on a volume failed.

    Args:
        fault: what kind of trouble it is.
        text: one line for a person.
        number: the kernel's ``errno``, or 0.
        step: the durability step.
        free: bytes free, if the trouble is that they are too few and somebody has looked.
    """

    def __init__(
        self, fault: StorageFault, text: str, *, number: int = 0, step: str = "", free: int | None = None
    ) -> None:
        super().__init__(text)
        self.fault = fault
        self.number = number
        self.step = step
        self.free = free

    @classmethod
    def of(cls, error: OSError, step: str = "") -> VolumeFaultError:
        """The fault that an ``OSError`` stands for."""
        number = error.errno or 0
        name = errno_names.errorcode.get(number, str(number))
        where = f" ({error.filename})" if isinstance(error.filename, str) and error.filename else ""
        text = f"{os.strerror(number)} [{name}]{where}" if number else str(error)
        return cls(fault_of_errno(error.errno), text, number=number, step=step)


def as_fault(error: BaseException) -> VolumeFaultError:
    """What a step ended with, as a fault; whatever is none is a mistake of ours, and logged with its traceback."""
    if isinstance(error, VolumeFaultError):
        return error
    log.error("[DISK] a step failed in a way nobody foresaw", exc_info=error)
    return VolumeFaultError(StorageFault.OTHER, f"internal error: {error!r}")


@contextmanager
def step(name: str) -> Iterator[None]:
    """Within it, an ``OSError`` becomes a fault of that step, and a fault without a step gets it."""
    try:
        yield
    except VolumeFaultError as fault:
        fault.step = fault.step or name
        raise
    except OSError as error:
        raise VolumeFaultError.of(error, name) from error
