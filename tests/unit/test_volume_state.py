"""Volume states as a table, and the kernel's error numbers."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.storage_fault import StorageFault, fault_of_errno
from evertape.domain.volume_state import Observation, VolumeState, VolumeStatus, limits, observe

GB = 1 << 30
MIN, RESUME = 5 * GB, 10 * GB
TOTAL = 1000 * GB


def status(state: str, free: int = 100 * GB, reason: str = "because") -> VolumeStatus:
    return VolumeStatus(VolumeState(state), reason, "probe", 1000, free, TOTAL)


def well(free: int = 100 * GB, sync_ms: float | None = None) -> Observation:
    return Observation(free=free, total=TOTAL, sync_ms=sync_ms)


def fault(name: str, layer: str = "errno") -> Observation:
    return Observation(StorageFault(name), f"it is {name}", layer)


@pytest.mark.parametrize(
    ("before", "seen", "after"),
    [
        ("unknown", well(), "online"),
        ("online", well(7 * GB), "low"),
        ("low", well(9 * GB), "low"),
        ("low", well(10 * GB), "online"),
        ("online", well(9 * GB), "online"),
        ("online", well(5 * GB - 1), "full"),
        ("low", well(5 * GB - 1), "full"),
        ("full", well(5 * GB), "full"),
        ("full", well(10 * GB - 1), "full"),
        ("full", well(10 * GB), "online"),
        ("online", fault("full"), "full"),
        ("full", fault("io_error"), "io_error"),
        ("online", well(sync_ms=751.0), "slow"),
        ("online", well(sync_ms=749.0), "online"),
        ("slow", well(sync_ms=501.0), "slow"),
        ("slow", well(sync_ms=499.0), "online"),
        ("slow", well(free=1 * GB, sync_ms=2000.0), "full"),
        ("online", fault("missing", "kernel"), "missing"),
        ("missing", fault("not_mounted", "probe"), "missing"),
        ("unknown", fault("not_mounted", "probe"), "not_mounted"),
        ("not_mounted", fault("missing"), "missing"),
        ("missing", fault("wrong_volume"), "wrong_volume"),
        ("missing", well(), "online"),
        ("wrong_volume", well(), "online"),
        ("hung", well(), "online"),
        ("online", fault("hung", "deadline"), "hung"),
        ("online", fault("denied"), "denied"),
        ("denied", fault("read_only"), "read_only"),
        ("online", fault("other"), "io_error"),
    ],
)
def test_state_after_one_look(before: str, seen: Observation, after: str) -> None:
    found = observe(status(before), seen, MIN, RESUME, 2000)
    assert found.state == after
    assert found.since_utc == (1000 if after == before else 2000)
    if after not in ("online", "missing"):
        assert found.reason


def test_missing_keeps_its_first_reason_and_layer_while_nothing_is_mounted() -> None:
    gone = observe(status("online"), Observation(StorageFault.MISSING, "pulled", "kernel"), MIN, RESUME, 2000)
    still = observe(gone, Observation(StorageFault.NOT_MOUNTED, "nothing there", "probe"), MIN, RESUME, 3000)
    assert still == gone


def test_numbers_stay_when_a_look_brings_none() -> None:
    found = observe(status("online", free=77 * GB), fault("io_error"), MIN, RESUME, 2000)
    assert (found.free, found.total) == (77 * GB, TOTAL)


def test_a_minimum_for_a_large_disk_leaves_a_small_one_usable() -> None:
    small = 400 << 20
    found = limits(5 * GB, 10 * GB, small)
    assert found.minimum == small // 20
    assert found.resume < small * 0.2
    assert observe(VolumeStatus(), Observation(free=small // 2, total=small), 5 * GB, 10 * GB, 1).state == "online"


def test_after_no_space_left_a_volume_without_a_minimum_waits_for_more_than_one_block() -> None:
    full = observe(status("online"), fault("full"), 0, 0, 1)
    assert observe(full, well(free=1 << 20), 0, 0, 2).state == "full"
    assert observe(full, well(free=33 << 20), 0, 0, 2).state == "online"


@given(st.integers(0, 1 << 45), st.integers(0, 1 << 45), st.integers(0, 1 << 45))
def test_limits_are_in_order_and_below_the_capacity(minimum: int, resume: int, total: int) -> None:
    found = limits(minimum, resume, total)
    assert 0 <= found.minimum <= found.low <= found.resume
    assert found.resume <= total * 0.16


@given(st.lists(st.integers(0, 12 * GB), min_size=1, max_size=40))
def test_free_space_alone_never_flaps(frees: list[int]) -> None:
    """Between two changes from full to usable and back, the free space crossed the whole band."""
    now = status("online")
    low_since_usable = False
    for free in frees:
        before, now = now, observe(now, well(free), MIN, RESUME, 1)
        low_since_usable |= free < MIN
        if before.state is VolumeState.FULL and now.state.usable:
            assert free >= RESUME
            low_since_usable = False
        if before.state.usable and now.state is VolumeState.FULL:
            assert low_since_usable


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EACCES, "denied"),
        (errno.EPERM, "denied"),
        (errno.EROFS, "read_only"),
        (errno.ENOENT, "missing"),
        (errno.ENODEV, "missing"),
        (errno.ENOTCONN, "missing"),
        (errno.ESTALE, "missing"),
        (errno.EIO, "io_error"),
        (errno.ETIMEDOUT, "hung"),
        (errno.EBADF, "other"),
        (errno.EMFILE, "other"),
        (None, "other"),
    ],
)
def test_fault_of_errno(number: int | None, expected: str) -> None:
    assert fault_of_errno(number) == expected


def test_every_error_number_has_a_fault() -> None:
    assert all(isinstance(fault_of_errno(number), StorageFault) for number in (*errno.errorcode, -1, 0, 99999))
    assert os.strerror(errno.ENOSPC)
