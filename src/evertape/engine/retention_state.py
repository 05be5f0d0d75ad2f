"""By what retention goes, from the configuration and from what the service was told to keep.

What is protected is in the journal, and so in the index; a small state file has it too, because retention has to know
it when no index can be asked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from evertape.config.schema import Config
from evertape.config.sections import Retention
from evertape.domain.retention_terms import ProtectedSpan, Rule, Terms

log = logging.getLogger(__name__)

PROTECTED = "protected.json"


def retention_terms(config: Config, protected: Iterable[ProtectedSpan] = ()) -> Terms:
    """What the configuration says, as ``domain.retention`` wants it."""
    retention, storage = config.retention, config.storage
    own = [name for name, camera in config.cameras.items() if camera.retention.model_fields_set]
    return Terms(
        rule=_rule(retention),
        cameras={name: _rule(config.retention_for(name)) for name in own},
        start_free=retention.start_free,
        start_percent=retention.start_percent,
        more_free=retention.more_free,
        emergency_age=retention.emergency_age,
        interval=retention.interval,
        min_free=storage.min_record_free,
        resume_free=storage.resume_free,
        protected=tuple(protected),
    )


def _rule(section: Retention) -> Rule:
    return Rule(section.max_age, section.min_age, section.quota)


def read_protected(folder: Path) -> list[ProtectedSpan]:
    """What the state file holds; empty if there is none. The journal has it as well."""
    try:
        data = json.loads((folder / PROTECTED).read_text(encoding="utf-8"))
        return [ProtectedSpan(str(i), str(c), int(start), int(end)) for i, c, start, end in data]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        log.error("[STORAGE] %s cannot be read (%s); the index has to say what is protected", PROTECTED, error)
        return []


def protected_text(spans: Iterable[ProtectedSpan]) -> bytes:
    """The content of the state file."""
    rows = [[span.id, span.camera, span.start_utc, span.end_utc] for span in spans]
    return json.dumps(rows, indent=1).encode() + b"\n"
