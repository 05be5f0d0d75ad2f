"""What can go wrong with the index, by what its user does next. Recording never waits for any of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, IntegrityError

from evertape.errors import EvertapeError

# https://www.sqlite.org/rescode.html, the primary result codes.
_ERROR, _CORRUPT, _NOT_A_DATABASE = 1, 11, 26


class IndexDamagedError(EvertapeError):
    """The database cannot be relied on any more: the keeper moves it aside and builds another from the journal."""


class IndexBusyError(EvertapeError):
    """Locked, full, missing or unreachable at the moment: try again later."""


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the SQL library's errors into ours.

    Raises:
        IndexDamagedError: see there.
        IndexBusyError: see there.
    """
    try:
        yield
    except IntegrityError as error:
        # We never insert what is there already, so an index of the database disagrees with its table.
        raise IndexDamagedError(f"{what}: {error.orig}") from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        # Code 1 is "no such table" or "no such column": not the schema it claims to have.
        if code is not None and code & 0xFF in (_ERROR, _CORRUPT, _NOT_A_DATABASE):
            raise IndexDamagedError(f"{what}: {error.orig}") from error
        raise IndexBusyError(f"{what}: {error.orig}") from error
