"""What is decided without a network or a disk: limits, origins, names, how long something is good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.config.schema import Config
from evertape.domain.roles import Role
from evertape.hub.auth.accounts import clean_name
from evertape.hub.auth.exposure import exposure
from evertape.hub.auth.guard import Who
from evertape.hub.auth.limits import WINDOW_NS, AttemptLimit, address_key
from evertape.hub.auth.origin import is_host_ours, is_local, is_same_origin, listed, own_names
from evertape.hub.auth.passwords import why_not
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.sessions import IDLE_NS, LONGEST_NS, is_alive
from evertape.store.accounts import Session
from evertape.types import NS_PER_S

# -- limits -------------------------------------------------------------------------------------------------


def test_the_sixth_attempt_within_a_minute_waits_until_the_first_is_a_minute_old() -> None:
    limit = AttemptLimit(5)
    for second in range(5):
        assert limit.take(["jo"], second * NS_PER_S) == 0
    assert limit.take(["jo"], 10 * NS_PER_S) == 50 * NS_PER_S
    assert limit.take(["jo"], 60 * NS_PER_S) == 0
    assert limit.take(["jo"], 60 * NS_PER_S) == 1 * NS_PER_S


def test_an_attempt_counts_for_each_of_its_keys_or_for_none() -> None:
    limit = AttemptLimit(2)
    assert limit.take(["jo", "10.0.0.1"], 0) == 0
    assert limit.take(["ann", "10.0.0.1"], 0) == 0
    assert limit.take(["ann", "10.0.0.1"], 0) > 0
    assert limit.take(["ann", "10.0.0.2"], 0) == 0, "the refused attempt was not counted"
    assert limit.take(["ann", "10.0.0.3"], 0) > 0


def test_a_right_password_gives_its_attempt_back() -> None:
    limit = AttemptLimit(1)
    for _ in range(3):
        assert limit.take(["jo"], 0) == 0
        limit.give_back(["jo"])
    assert len(limit) == 0


def test_what_is_remembered_is_bounded() -> None:
    limit = AttemptLimit(5, most_keys=100)
    for n in range(1000):
        limit.take([f"10.0.{n // 256}.{n % 256}"], n)
    assert len(limit) == 100


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40 * NS_PER_S)), max_size=60), st.integers(1, 4))
def test_no_window_ever_holds_more_attempts_than_allowed(steps: list[tuple[str, int]], most: int) -> None:
    limit, now = AttemptLimit(most), 0
    made: dict[str, list[int]] = {"a": [], "b": []}
    for key, pause in steps:
        now += pause
        wait = limit.take([key], now)
        recent = [at for at in made[key] if at > now - WINDOW_NS]
        assert (wait == 0) == (len(recent) < most)
        if wait == 0:
            made[key].append(now)
        else:
            assert now + wait == recent[0] + WINDOW_NS


@pytest.mark.parametrize(
    "address, key",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
    ],
)
def test_one_person_is_one_address(address: str, key: str) -> None:
    assert address_key(address) == key


# -- hosts and origins --------------------------------------------------------------------------------------

OURS = own_names("Recorder.example.org") | {"cameras.example.org"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "192.0.2.7:8480", "[::1]:8480", "[fe80::1]", "localhost:1", "recorder", "RECORDER.local:80",
             "recorder.example.org.", "cameras.example.org:443"],
)  # fmt: skip
def test_a_host_that_is_ours_is_answered(host: str) -> None:
    assert is_host_ours(host, OURS)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "[::1", "[evil]", "a b", "127.0.0.1:8480@evil.example",
             "localhost:port", "localhost:8480:1", "\x00", "localhost\r\nX: y", "[::1]evil", "..", "user@localhost"],
)  # fmt: skip
def test_another_name_is_not_answered_whoever_it_leads_to(host: str) -> None:
    assert not is_host_ours(host, OURS)


@pytest.mark.parametrize(
    "origin, host, secure, same",
    [
        ("http://127.0.0.1:8480", "127.0.0.1:8480", False, True),
        ("https://recorder", "recorder", True, True),
        ("https://recorder", "recorder:443", True, True),
        ("https://recorder", "recorder", False, True),  # a proxy ends TLS
        ("http://recorder", "recorder", True, False),
        ("http://127.0.0.1:8481", "127.0.0.1:8480", False, False),
        ("http://evil.example", "127.0.0.1:8480", False, False),
        ("null", "127.0.0.1:8480", False, False),
        ("", "127.0.0.1:8480", False, False),
        ("file://127.0.0.1:8480", "127.0.0.1:8480", False, False),
        ("http://127.0.0.1:8480/", "127.0.0.1:8480", False, False),
        ("http://user@127.0.0.1:8480", "127.0.0.1:8480", False, False),
        ("http://[::1", "[::1]", False, False),
        ("http://[::1]:80", "[::1]", False, True),
    ],
)
def test_only_our_own_page_is_of_our_origin(origin: str, host: str, secure: bool, same: bool) -> None:
    assert is_same_origin(origin, host, secure=secure) is same


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_makes_the_comparison_fail(origin: str, host: str) -> None:
    is_same_origin(origin, host, secure=False)
    is_host_ours(host, OURS)
    is_local(host)


def test_a_list_in_the_configuration_is_read_leniently() -> None:
    assert listed(" A.example, ,b ") == ["a.example", "b"]
    assert listed(None) == []


@pytest.mark.parametrize(
    "hub, warned",
    [
        ({"listen": "127.0.0.1:1"}, False), ({"listen": "[::1]:1"}, False), ({"listen": "localhost:1"}, False),
        ({"listen": "0.0.0.0:1"}, True), ({"listen": "192.0.2.7:1"}, True), ({"listen": "[::]:1"}, True),
        ({"listen": "0.0.0.0:1", "tls": "auto"}, False),
    ],
)  # fmt: skip
def test_listening_to_other_machines_without_tls_is_warned_of(hub: dict[str, str], warned: bool) -> None:
    assert bool(exposure(Config.model_validate({"hub": hub}).hub)) is warned


# -- names, passwords, sessions -----------------------------------------------------------------------------


def test_names_that_look_the_same_are_the_same() -> None:
    assert clean_name(" Jo ") == clean_name("\uff2aO") == "jo"
    assert clean_name("지민") == "지민"


@pytest.mark.parametrize("name", ["", " ", "a b", "../x", "a/b", "a\nb", "x" * 49, "-x", "<script>"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Refusal):
        clean_name(name)


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "aaaaaaaaaaaa", "a-long-name"])
def test_a_password_that_is_none_is_refused(password: str) -> None:
    assert why_not(password, "A-Long-Name")


def test_a_session_ends_when_it_is_idle_or_old() -> None:
    session = Session("", "jo", "", 0, 100)
    assert is_alive(session, 100 + IDLE_NS - 1)
    assert not is_alive(session, 100 + IDLE_NS)
    assert not is_alive(Session("", "jo", "", 0, LONGEST_NS - 1), LONGEST_NS)


def test_each_role_may_what_the_one_before_it_may() -> None:
    may = [[one.may(other) for other in Role] for one in Role]
    assert may == [[True, False, False], [True, True, False], [True, True, True]]


def test_who_has_no_cameras_listed_sees_all_and_who_has_sees_those() -> None:
    assert Who("jo", Role.VIEWER).sees("door")
    some = Who("ann", Role.VIEWER, frozenset({"door"}))
    assert some.visible(["gate", "door", "yard"]) == ["door"]
