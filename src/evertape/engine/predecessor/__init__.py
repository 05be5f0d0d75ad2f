"""Taking over from the desktop recorder that Evertape grew out of: its database ``IT_RNVR.db``, and its recordings.

``read_predecessor`` reads the database, ``look_at`` the folder of recordings, ``plan`` says what becomes of each thing,
and ``apply`` does it. The database is never written to, and nothing that is configured here is overwritten.
"""

from evertape.engine.predecessor.applying import Applied, apply, merged
from evertape.engine.predecessor.model import (
    Adoption,
    Fate,
    ImportPlan,
    Item,
    NewCamera,
    NewVolume,
    Predecessor,
    PredecessorError,
    Seen,
    Table,
)
from evertape.engine.predecessor.places import look_at
from evertape.engine.predecessor.planning import desktop_settings, plan
from evertape.engine.predecessor.reading import read_predecessor

__all__ = [
    "Adoption",
    "Applied",
    "Fate",
    "ImportPlan",
    "Item",
    "NewCamera",
    "NewVolume",
    "Predecessor",
    "PredecessorError",
    "Seen",
    "Table",
    "apply",
    "desktop_settings",
    "look_at",
    "merged",
    "plan",
    "read_predecessor",
]
