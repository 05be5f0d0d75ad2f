"""The tables of ``accounts.sqlite3``.

Instants are nanoseconds of UTC. A change here needs a file in ``accounts_migrations/versions``; a test compares both.

No password and no token is in it: of passwords there are Argon2id hashes, of sessions and tokens, which are random and
long, SHA-256.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

SCHEMA = "0001"
"""The newest migration."""

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("cameras", Text, nullable=False),  # JSON, a sorted list; empty: all
    Column("hash", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("password_set", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Index("sessions_account", "account"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("ends", BigInteger),
    Column("used", BigInteger),
    Index("tokens_hash", "hash", unique=True),
    Index("tokens_account", "account"),
)
