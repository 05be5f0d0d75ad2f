"""The file of accounts: what is in it, what it refuses, and that two admins cannot remove each other."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from evertape.domain.roles import Role
from evertape.errors import EvertapeError
from evertape.store.accounts import (
    ACCOUNTS,
    Account,
    AccountExistsError,
    AccountStore,
    AccountUnknownError,
    AlreadySetUpError,
    LastAdminError,
    Session,
    Token,
)
from evertape.store.accounts_tables import SCHEMA, metadata
from evertape.store.database import schema_of, writing_engine
from evertape.store.migrate import upgrade

JO = Account("jo", Role.ADMIN, frozenset(), "a hash", 1, 1)
ANN = Account("ann", Role.VIEWER, frozenset({"door", "gate"}), "another", 2, 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AccountStore]:
    made = AccountStore(tmp_path / "accounts")
    yield made
    made.close()


def session(name: str, account: str = "jo", used: int = 10) -> Session:
    return Session(name, account, "::1", used, used)


def test_what_was_added_is_there_after_opening_again(store: AccountStore, tmp_path: Path) -> None:
    store.add(JO)
    store.add(ANN)
    store.begin_session(session("s1"))
    token = Token("t1", "t-hash", "ann", "a script", Role.VIEWER, 5, 99)
    store.add_token(token)
    again = AccountStore(tmp_path / "accounts")
    assert again.accounts() == [ANN, JO]
    assert again.session("s1") == (session("s1"), JO)
    assert again.token("t-hash") == (token, ANN)
    again.close()


def test_nobody_else_may_read_the_file(store: AccountStore, tmp_path: Path) -> None:
    store.add(JO)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"accounts", "accounts-wal"} <= set(modes)


def test_a_hash_is_not_shown_where_objects_are_printed() -> None:
    assert "a hash" not in repr(JO)


def test_a_name_is_taken_once(store: AccountStore) -> None:
    store.add(JO)
    with pytest.raises(AccountExistsError):
        store.add(replace(ANN, name="jo"))


def test_only_one_account_can_be_the_first(store: AccountStore, tmp_path: Path) -> None:
    other = AccountStore(tmp_path / "accounts")

    def first(place: AccountStore, account: Account) -> bool:
        try:
            place.add(account, first=True)
        except AlreadySetUpError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(first, (store, other), (JO, replace(JO, name="eve"))))
    assert sorted(done) == [False, True]
    assert len(store.accounts()) == 1
    other.close()


def test_the_last_admin_stays_admin_and_stays(store: AccountStore) -> None:
    store.add(JO)
    store.add(ANN)
    with pytest.raises(LastAdminError):
        store.remove("jo")
    with pytest.raises(LastAdminError):
        store.change("jo", role=Role.OPERATOR)
    store.change("ann", role=Role.ADMIN)
    store.change("jo", role=Role.OPERATOR)
    with pytest.raises(LastAdminError):
        store.remove("ann")


def test_two_admins_cannot_remove_each_other(tmp_path: Path) -> None:
    for n in range(5):
        stores = [AccountStore(tmp_path / f"accounts{n}") for _ in range(2)]
        stores[0].add(JO)
        stores[0].add(replace(JO, name="eve"))

        def remove(place: AccountStore, name: str) -> None:
            with_error = None
            try:
                place.remove(name)
            except LastAdminError as error:
                with_error = error
            assert with_error is None or with_error.what

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(remove, stores, ("jo", "eve")))
        assert len(stores[0].accounts()) == 1
        for place in stores:
            place.close()


def test_a_changed_password_ends_all_sessions_but_the_one_that_changed_it(store: AccountStore) -> None:
    store.add(JO)
    store.add(ANN)
    for name in ("s1", "s2"):
        store.begin_session(session(name))
    store.begin_session(session("s3", "ann"))
    changed = store.change("jo", password=("new", 50), keep_session="s2")
    assert (changed.hash, changed.password_set) == ("new", 50)
    assert [store.session(name) is not None for name in ("s1", "s2", "s3")] == [False, True, True]


def test_a_rehash_does_not_undo_a_change_of_the_password(store: AccountStore) -> None:
    store.add(JO)
    store.change("jo", password=("new", 50))
    store.rehash("jo", "a hash", "a stronger hash of the old password")
    found = store.account("jo")
    assert found is not None and found.hash == "new"


def test_a_removed_account_takes_its_sessions_and_tokens_along(store: AccountStore) -> None:
    store.add(JO)
    store.add(ANN)
    store.begin_session(session("s1", "ann"))
    store.add_token(Token("t1", "t-hash", "ann", "a script", Role.VIEWER, 5))
    store.remove("ann")
    store.add(ANN)
    assert store.session("s1") is None
    assert store.token("t-hash") is None
    with pytest.raises(AccountUnknownError):
        store.remove("bob")


def test_a_login_ends_the_session_before_it_and_the_least_used_of_too_many(store: AccountStore) -> None:
    store.add(JO)
    store.begin_session(session("s1", used=1))
    store.begin_session(session("s2", used=2), instead="s1")
    assert store.session("s1") is None
    store.begin_session(session("s3", used=3))
    store.touch_session("s2", 9)
    store.begin_session(session("s4", used=4), most=2)
    assert [store.session(name) is not None for name in ("s2", "s3", "s4")] == [True, False, True]
    store.begin_session(session("s5", used=20), oldest=3)
    assert store.session("s2") is None


def test_somebody_elses_token_cannot_be_removed(store: AccountStore) -> None:
    store.add(JO)
    store.add_token(Token("t1", "t-hash", "jo", "a script", Role.VIEWER, 5))
    assert store.remove_token("t1", "ann") is None
    removed = store.remove_token("t1", "jo")
    assert removed is not None and removed.name == "a script"
    assert store.tokens() == []


def test_migrating_from_nothing_makes_what_is_made_at_once(tmp_path: Path) -> None:
    engine = writing_engine(tmp_path / "migrated")
    upgrade(engine, schema=ACCOUNTS)
    assert schema_of(engine) == SCHEMA
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    place = tmp_path / "accounts"
    place.write_bytes(b"rubbish " * 1000)
    with pytest.raises(EvertapeError):
        AccountStore(place)
