"""A million segments, a terabyte to free: one query, in order, and nothing that must stay."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import event

from evertape.domain.retention import Why
from evertape.domain.retention_terms import ProtectedSpan, Protection, Rule, Terms
from evertape.engine.space import Question, evictions
from evertape.store.index import Index
from evertape_lab.many import LENGTH, START, make_index

COUNT, CAMERAS, SIZE = 1_000_000, 64, 2_000_000
TB = 10**12


def test_a_terabyte_of_a_million_segments_is_found_by_one_query(tmp_path: Path) -> None:
    """B15, the planning; deleting goes by batches of it."""
    make_index(tmp_path / "index", COUNT, cameras=CAMERAS, size=SIZE)
    spans = tuple(
        ProtectedSpan(f"p{n}", f"cam_{n % CAMERAS:02}", start := START + n * 15 * LENGTH, start + 5 * LENGTH)
        for n in range(1000)
    )
    protection = Protection(spans)
    end = START + (COUNT // CAMERAS) * LENGTH
    question = Question(Terms(rule=Rule(max_age=0), protected=spans), ("vol-1",), end, need={"vol-1": TB}, by_age=True)
    asked: list[str] = []
    with Index.open(tmp_path / "index") as index:
        event.listen(index._engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        began = time.perf_counter()
        with index.snapshot() as reader:
            last = count = 0
            freed = 0
            for segment, why in evictions(reader, question):
                assert segment.start >= last
                assert not protection.covers(segment.camera, segment.start, segment.end)
                assert why is Why.SPACE
                last, count, freed = segment.start, count + 1, freed + segment.bytes
        took = time.perf_counter() - began
    assert TB <= freed < TB + SIZE
    assert count == TB // SIZE
    of_segments = [statement for statement in asked if "FROM segments" in statement]
    assert len(of_segments) == 1, asked
    assert took < 30, "a second, on a machine with nothing else to do"


def test_everything_but_what_is_being_written_goes_if_it_must(tmp_path: Path) -> None:
    make_index(tmp_path / "index", 6400, cameras=CAMERAS, size=SIZE)
    with Index.open(tmp_path / "index") as index, index.snapshot() as reader:
        question = Question(Terms(rule=Rule(max_age=0)), ("vol-1",), START * 2, need={"vol-1": TB})
        found = [segment.id for segment, _ in evictions(reader, question)]
        assert len(found) == 6400 - CAMERAS
        assert not set(found) & {row.id for row in reader.open_segments()}
