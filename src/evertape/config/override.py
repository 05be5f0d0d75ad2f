"""Settings that a command line gives in place of the configuration's, checked the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from evertape.config.sections import Section
from evertape.errors import UsageError

S = TypeVar("S", bound=Section)


def override(section: S, values: Mapping[str, object]) -> S:
    """``section`` with ``values`` in it; those that are ``None`` were not given.

    Raises:
        UsageError: a value is not allowed; the option is named after its key.
    """
    given = {key: value for key, value in values.items() if value is not None}
    try:
        return type(section).model_validate({**dict(section), **given})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}") from None
