"""What a recorder says of its GStreamer pipelines, so that one that is never put away can be seen from outside."""

from __future__ import annotations

import subprocess
import sys

from evertape.media.capture import pipelines_left
from evertape.media.gst.lib import dispose, join_disposals, new_pipeline


def test_a_pipeline_counts_from_its_making_until_it_is_put_away() -> None:
    assert join_disposals(5)
    before = pipelines_left()
    pipeline = new_pipeline()
    assert pipelines_left() == before + 1
    dispose(pipeline)
    assert join_disposals(5)
    assert pipelines_left() == before


def test_looking_does_not_load_gstreamer() -> None:
    look = "import sys; from evertape.media.capture import pipelines_left as left; print(left(), 'gi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == ["0", "False"]
