"""What each layer of noticing is worth: a disk is pulled before rotations with all layers on, with one, with none.

    PYTHONPATH=src python bench/storage_layers.py [--times 10] [--json FILE] [--layers none errno] [--forms "torn out"]

Needs root. Row ``B2`` of the lab in two forms: ``umount -l``, after which the file system lives on as long as somebody
holds it open; and the device torn out, after which every write to it fails and it returns as another device, as a USB
disk does. Whoever watches meanwhile counts what should have been recorded. What the layers cost is measured by
``bench/monitoring.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from evertape_lab.audit import scan_file
from evertape_lab.judge_disks import WRITING_FAILED
from evertape_lab.scenario import play
from evertape_lab.script import Cameras, Expect, Script, Step
from evertape_lab.script_disks import StorageExpect, Volume
from evertape_lab.stage import Stage

LAYERS = ("kernel", "probe", "precheck", "errno", "low_space")
ROWS: dict[str, tuple[str, ...]] = {"all": LAYERS, **{name: (name,) for name in LAYERS[:4]}, "none": ()}
FORMS = ("umount -l", "torn out")
EVERY_S = 3
TAIL_FRAMES = 50
"""The newest two seconds may still be in memory when the service is told to stop."""


@dataclass(slots=True)
class Measured:
    """One row of the table, in one form."""

    layers: str
    form: str
    pulls: int
    noticed: int
    noticed_median_s: float | None
    noticed_longest_s: float | None
    by: str
    rotation_errors: int
    failed_writes: int
    frames_sent: int
    frames_lost: int
    beneath_bytes: int


def script(layers: tuple[str, ...], form: str, times: int) -> Script:
    """Pull, let the rotation pass, put back, ``times`` times; 1 s and 0.1 s before by turns."""
    torn = form == "torn out"
    states = ("missing", "not_mounted", "io_error", "wrong_volume", "read_only")
    gone = Step(do="pull", volume="usb", trouble=() if torn else states)
    away = (Step(do="die", volume="usb", trouble=states), gone) if torn else (gone,)
    back = Step(do="plug", volume="usb", mended=True)
    every: dict[str, str | int | float] = {"every": EVERY_S}
    cycle = (
        Step(do="before_rotation", options=every, leads=(1.0, 0.1)),
        *away,
        Step(do="after_rotation", options=every, seconds=0.5),
        *((Step(do="revive", volume="usb"),) if torn else ()),
        back,
        Step(do="wait", seconds=2.0),
    )
    off = "\n".join(f"{name} = {str(name in layers).lower()}" for name in LAYERS)
    return Script(
        row="B2",
        title="layers",
        settings=f'[recording]\nrotation = "{EVERY_S}s"\nstagger = false\n\n[storage.layers]\n{off}\n',
        keeper=True,
        volumes=(Volume(name="usb", kind="dying" if torn else "ext4", size_mb=256),),
        cameras=(Cameras(),),
        steps=(
            Step(do="record", seconds=2),
            Step(do="watch"),
            Step(do="repeat", times=times, steps=cycle),
            Step(do="wait", seconds=5),
        ),
        expect=Expect(storage=StorageExpect(doubled=True, live=False)),
    )


def measure(name: str, form: str, times: int) -> Measured:
    """Play it once."""
    sent: list[int] = []
    held: set[int] = set()
    errors: list[str] = []

    def look(stage: Stage) -> None:
        sent.extend(sorted(set(stage.watchers["cam_01"].frames))[:-TAIL_FRAMES])
        for source in stage.rig.ranges():
            held.update(frame.n for frame in scan_file(*source))
        errors.extend(line.text for line in stage.chronicle.lines if WRITING_FAILED.search(line.text))

    with tempfile.TemporaryDirectory(prefix="evertape-lab-") as folder:
        result = play(script(ROWS[name], form, times), Path(folder), is_quick=False, look=look)
    lost = set(sent) - held
    noticed = [disk.noticed_after_s for disk in result.disks if disk.noticed_after_s is not None]
    return Measured(
        layers=name,
        form=form,
        pulls=len(result.disks),
        noticed=len(noticed),
        noticed_median_s=median(noticed) if noticed else None,
        noticed_longest_s=max(noticed, default=None),
        by="+".join(sorted({disk.layer for disk in result.disks if disk.layer})),
        rotation_errors=result.figures["rotation_errors"],
        failed_writes=len(errors),
        frames_sent=len(sent),
        frames_lost=len(lost),
        beneath_bytes=result.figures["beneath_bytes"],
    )


def line(one: Measured) -> str:
    """A row of the table."""
    after = "" if one.noticed_median_s is None else f"{one.noticed_median_s:.3f} s, {one.noticed_longest_s:.3f} s"
    cells = (one.form, one.layers, f"{one.noticed} of {one.pulls}", after, one.by, one.rotation_errors)
    more = (one.failed_writes, f"{one.frames_lost} of {one.frames_sent}")
    return "| " + " | ".join(map(str, (*cells, *more))) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--layers", nargs="*", choices=list(ROWS), default=list(ROWS), help="only these rows")
    parser.add_argument("--forms", nargs="*", choices=FORMS, default=FORMS, help="only these disks")
    options = parser.parse_args()
    found = []
    heads = (
        "layers on",
        "noticed",
        "after: median, longest",
        "by",
        "errors at rotation",
        "failed writes",
        "frames lost",
    )
    print("| disk | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 1) + "|")
    for form in options.forms:
        for name in options.layers:
            one = measure(name, form, options.times)
            found.append(asdict(one))
            print(line(one), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
