from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.volume_state import VolumeState
from evertape.domain.volumes import Candidate, Suspects, choose_volume, next_choice_at
from evertape.types import NS_PER_MS, NS_PER_S, BootNs

NOW = BootNs(1000 * NS_PER_S)
LATER = BootNs(NOW + 1)


def primary(name: str, order: int, state: str = "online", until: BootNs | None = None) -> Candidate:
    return Candidate(name, "primary", order, state, until)


def spill(name: str, order: int, state: str = "online", until: BootNs | None = None) -> Candidate:
    return Candidate(name, "spill", order, state, until)


@pytest.mark.parametrize(
    "candidates, chosen",
    [
        ([], None),
        ([primary("a", 0)], "a"),
        ([primary("b", 1), primary("a", 0)], "a"),
        ([spill("s", 0), primary("a", 1)], "a"),
        ([spill("s", 0), primary("a", 1, "missing")], "s"),
        ([primary("a", 0, "missing"), primary("b", 1), spill("s", 2)], "b"),
        ([primary("a", 0, "low"), primary("b", 1)], "a"),
        ([primary("a", 0, "slow"), spill("s", 1)], "a"),
        ([primary("a", 0, "full"), spill("s", 1)], "s"),
        ([primary("a", 0, "online", LATER), spill("s", 1)], "s"),
        ([primary("a", 0, "online", NOW), spill("s", 1)], "a"),
        ([primary("a", 0, "hung"), spill("s", 1, "denied")], None),
        ([primary("a", 0, "a_state_of_a_newer_version"), spill("s", 1)], "s"),
    ],
)
def test_the_first_usable_primary_else_the_first_usable_spill(candidates: list[Candidate], chosen: str | None) -> None:
    for order in permutations(candidates):
        assert choose_volume(order, NOW) == chosen


@given(
    st.lists(st.tuples(st.sampled_from(("primary", "spill")), st.sampled_from(VolumeState), st.booleans()), max_size=6)
)
def test_whatever_can_be_written_to_is_found(declared: list[tuple[str, VolumeState, bool]]) -> None:
    candidates = [
        Candidate(f"v{i}", role, i, state.value, LATER if suspect else None)
        for i, (role, state, suspect) in enumerate(declared)
    ]
    good = [c for c in candidates if VolumeState(c.state).usable and c.suspect_until is None]
    name = choose_volume(candidates, NOW)
    assert (name is None) == (not good)
    if name is not None:
        (chosen,) = (c for c in good if c.name == name)
        assert chosen.role == "primary" or all(c.role == "spill" for c in good)


def test_the_time_to_choose_again_is_the_end_of_the_next_suspicion() -> None:
    a, b = BootNs(NOW + 5), BootNs(NOW + 3)
    candidates = [primary("a", 0, until=a), spill("b", 1, until=b), spill("c", 2, "missing", BootNs(NOW + 1))]
    assert next_choice_at(candidates, NOW) == b
    assert next_choice_at(candidates, b) == a
    assert next_choice_at(candidates, a) is None


def test_suspicion_doubles_from_a_quarter_second_to_six_seconds() -> None:
    suspects = Suspects()
    waits = [(suspects.failed("usb", NOW) - NOW) // NS_PER_MS for _ in range(7)]
    assert waits == [250, 500, 1000, 2000, 4000, 6000, 6000]
    assert suspects.until("nvme") is None


def test_only_durable_footage_clears_a_volume() -> None:
    suspects = Suspects()
    for _ in range(3):
        suspects.failed("usb", NOW)
    suspects.returned("usb")
    assert suspects.until("usb") is None
    assert suspects.failures("usb") == 3
    assert suspects.failed("usb", NOW) - NOW == 2 * NS_PER_S
    suspects.durable("usb")
    assert (suspects.until("usb"), suspects.failures("usb")) == (None, 0)
    assert suspects.failed("usb", NOW) - NOW == 250 * NS_PER_MS


def test_a_volume_that_fails_for_months_keeps_a_sane_suspicion() -> None:
    suspects = Suspects()
    for _ in range(100_000):
        suspects.failed("usb", NOW)
    assert suspects.failed("usb", NOW) - NOW == 6 * NS_PER_S
