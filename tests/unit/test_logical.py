"""What counts of a camera's segments while one of them was left open."""

from __future__ import annotations

from evertape.domain.logical import Footage, counted

S = 1_000_000_000


def test_a_file_that_another_begins_anew_at_its_first_picture_counts_for_nothing() -> None:
    """A volume went before anything in its newest file was durable; the next volume's file holds all of it."""
    left = Footage("left", "e", 5, 10 * S, None, 250, None, "open")
    spill = Footage("spill", "e", 6, 10 * S, 12 * S, 250, 299)
    after = Footage("after", "e", 7, 12 * S, 14 * S, 300, 349)
    for until in ({}, {"left": 11 * S}):
        parts = counted([left, spill, after], until)
        assert [(part.segment, part.first, part.last) for part in parts] == [("spill", 250, 299), ("after", 300, 349)]


def test_a_file_that_another_goes_on_from_counts_up_to_there() -> None:
    left = Footage("left", "e", 5, 10 * S, None, 250, None, "open")
    spill = Footage("spill", "e", 6, 11 * S, 12 * S, 275, 299)
    parts = counted([left, spill])
    assert [(part.segment, part.first, part.last) for part in parts] == [("left", 250, 274), ("spill", 275, 299)]
