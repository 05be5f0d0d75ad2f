import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain import error_table
from evertape.domain.cause import Cause
from evertape.domain.classify import (
    Action,
    Classification,
    ErrorPriority,
    Failure,
    Part,
    Restart,
    classify_error,
    classify_fault,
    part_of,
)
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.domain.storage_fault import StorageFault, fault_of_errno

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"

# The enumerations of GStreamer 1.22, in their order; tests/media/ compares them with the library's own.
NAMES = {
    "resource": "FAILED TOO_LAZY NOT_FOUND BUSY OPEN_READ OPEN_WRITE OPEN_READ_WRITE CLOSE READ WRITE SEEK SYNC "
    "SETTINGS NO_SPACE_LEFT NOT_AUTHORIZED",
    "stream": "FAILED TOO_LAZY NOT_IMPLEMENTED TYPE_NOT_FOUND WRONG_TYPE CODEC_NOT_FOUND DECODE ENCODE DEMUX MUX "
    "FORMAT DECRYPT DECRYPT_NOKEY",
    "core": "FAILED TOO_LAZY NOT_IMPLEMENTED STATE_CHANGE PAD THREAD NEGOTIATION EVENT SEEK CAPS TAG MISSING_PLUGIN "
    "CLOCK DISABLED",
    "library": "FAILED TOO_LAZY INIT SHUTDOWN SETTINGS ENCODE",
}


def gst(domain: str, code: int, part: Part = Part.SOURCE, **more: int) -> Classification:
    return classify_error(Failure(None, ErrorDetail("x0", f"gst-{domain}-error-quark", code, **more), part))


def test_every_code_of_gstreamer_has_its_row_under_its_number() -> None:
    expected = {
        (domain, number): name for domain, names in NAMES.items() for number, name in enumerate(names.split(), start=1)
    }
    assert {key: row.name for key, row in error_table.GST.items()} == expected


@pytest.mark.parametrize(
    "failure, priority, action, restart, cause",
    [
        # What GStreamer was seen to post, and for what.
        (("resource", 7), "high", "back_off", "full", Cause.CAMERA_UNREACHABLE),
        (("resource", 9), "high", "back_off", "full", Cause.CAMERA_UNREACHABLE),
        (("resource", 3), "high", "back_off", "full", Cause.STREAM_NOT_FOUND),
        (("resource", 15), "high", "pause_until_changed", "full", Cause.AUTH_FAILED),
        (("stream", 1), "medium", "back_off", "full", Cause.CAMERA_ERROR),
        (("stream", 7), "medium", "degrade", "partial", None),
        (("core", 12), "critical", "tell_a_person", "full", Cause.INTERNAL_ERROR),
        (("core", 6), "critical", "restart_process", "full", Cause.INTERNAL_ERROR),
    ],
)
def test_errors_of_a_receiving_pipeline(
    failure: tuple[str, int], priority: str, action: str, restart: str, cause: Cause | None
) -> None:
    expected = Classification(ErrorPriority(priority), Action(action), Restart(restart), cause)
    assert gst(*failure) == expected


@pytest.mark.parametrize(
    "code, number, cause",
    [
        (14, None, Cause.STORAGE_FULL),
        (10, errno.ENOSPC, Cause.STORAGE_FULL),
        (10, errno.EIO, Cause.STORAGE_IO_ERROR),
        (10, None, Cause.STORAGE_IO_ERROR),
        (6, None, Cause.STORAGE_MISSING),
        (6, errno.EACCES, Cause.STORAGE_DENIED),
        (6, errno.EROFS, Cause.STORAGE_READ_ONLY),
        (9, None, Cause.STORAGE_IO_ERROR),
    ],
)
def test_the_same_code_means_the_disk_where_files_are_written(code: int, number: int | None, cause: Cause) -> None:
    detail = ErrorDetail("filesink0", "gst-resource-error-quark", code, errno=number)
    found = classify_error(Failure(None, detail, Part.FILE))
    assert (found.priority, found.restart, found.cause) == (ErrorPriority.HIGH, Restart.FAILOVER, cause)


@pytest.mark.parametrize("part", [Part.AUDIO, Part.VIEW])
@pytest.mark.parametrize("domain, code", [("stream", 7), ("stream", 6), ("resource", 9), ("core", 7)])
def test_trouble_with_audio_or_a_view_never_touches_the_recording(part: Part, domain: str, code: int) -> None:
    found = gst(domain, code, part)
    assert (found.action, found.restart, found.cause) == (Action.DEGRADE, Restart.PARTIAL, None)


@pytest.mark.parametrize("part", [Part.AUDIO, Part.VIEW])
def test_a_broken_element_of_audio_or_a_view_costs_that_part_and_threads_that_ran_out_everything(part: Part) -> None:
    assert gst("core", 1, part).restart is gst("core", 12, part).restart is Restart.PARTIAL
    assert gst("core", 6, part) == gst("core", 6)


@pytest.mark.parametrize("part", Part)
def test_running_out_of_memory_is_critical_wherever_it_is_noticed(part: Part) -> None:
    for kind in (None, FailureKind.INTERNAL):
        found = classify_error(Failure(kind, ErrorDetail(errno=errno.ENOMEM), part))
        assert (found.priority, found.action) == (ErrorPriority.CRITICAL, Action.RESTART_PROCESS)
        assert found.cause is Cause.OUT_OF_MEMORY


@pytest.mark.parametrize(
    "status, cause",
    [
        (401, Cause.AUTH_FAILED),
        (403, Cause.AUTH_FAILED),
        (404, Cause.STREAM_NOT_FOUND),
        (453, Cause.CAMERA_ERROR),
        (461, Cause.CAMERA_ERROR),
        (302, Cause.CAMERA_ERROR),
        (503, Cause.CAMERA_ERROR),
    ],
)
def test_the_rtsp_status_says_more_than_the_code_beside_it(status: int, cause: Cause) -> None:
    assert gst("resource", 9, rtsp_status=status).cause is cause


def test_what_the_session_says_counts_before_everything_but_exhaustion() -> None:
    detail = ErrorDetail("x", "gst-resource-error-quark", 3, rtsp_status=404, errno=errno.ECONNREFUSED)
    assert classify_error(Failure(FailureKind.REFUSED, detail)).cause is Cause.CAMERA_UNREACHABLE


def test_a_status_of_success_says_nothing() -> None:
    assert gst("resource", 9, rtsp_status=200).cause is Cause.CAMERA_UNREACHABLE


def test_texts_are_never_looked_at() -> None:
    told = ErrorDetail("x", "gst-resource-error-quark", 9, debug="Not Found (404), Unauthorized, No space left")
    mute = ErrorDetail("x", "gst-resource-error-quark", 9)
    assert classify_error(Failure(None, told)) == classify_error(Failure(None, mute))


@pytest.mark.parametrize("fault", StorageFault)
def test_any_fault_of_a_volume_moves_the_writer_elsewhere(fault: StorageFault) -> None:
    found = classify_fault(fault.value)
    assert (found.priority, found.restart) == (ErrorPriority.HIGH, Restart.FAILOVER)
    assert found.cause is not None


def test_every_errno_of_the_fault_table_is_judged_as_its_fault() -> None:
    for number in errno.errorcode:
        found = classify_error(Failure(None, ErrorDetail(errno=number), Part.FILE))
        if number not in error_table.ERRNO:
            assert found == classify_fault(fault_of_errno(number))


@pytest.mark.parametrize(
    "ancestry, part",
    [
        (["rtspsrc0", "pipeline0"], Part.SOURCE),
        (["avdec_h264-0", "decode", "pipeline0"], Part.VIEW),
        (["queue3", "audio", "source", "pipeline0"], Part.AUDIO),
        (["mulawdec0", "source"], Part.AUDIO),
        (["appsink1", "audio-0", "pipeline0"], Part.AUDIO),
        (["audio", "rtpjitterbuffer1", "manager", "rtspsrc0", "pipeline0"], Part.AUDIO),
        (["rtpjitterbuffer0", "manager", "rtspsrc0", "pipeline0"], Part.SOURCE),
        (["h264parse0", "decode-2", "pipeline4"], Part.VIEW),
        (["filesink2", "pipeline4"], Part.FILE),
        (["queue0", "pipeline0"], Part.SOURCE),
        ([], Part.SOURCE),
    ],
)
def test_an_element_belongs_to_the_nearest_part_that_names_itself(ancestry: list[str], part: Part) -> None:
    assert part_of(ancestry) is part


@given(
    st.none() | st.sampled_from(FailureKind),
    st.sampled_from(["", "rtsp", "gst-core-error-quark", "gst-stream-error-quark", "my-own-quark"]),
    st.none() | st.integers(-1, 40),
    st.none() | st.integers(0, 200),
    st.none() | st.integers(0, 999),
    st.sampled_from(Part),
)
def test_every_failure_has_an_answer(
    kind: FailureKind | None, domain: str, code: int | None, number: int | None, status: int | None, part: Part
) -> None:
    found = classify_error(Failure(kind, ErrorDetail("e", domain, code, number, status), part))
    assert found.restart is not Restart.FAILOVER or part is Part.FILE
    assert found.cause is None or part not in (Part.AUDIO, Part.VIEW) or found.priority is ErrorPriority.CRITICAL


# -- the page ---------------------------------------------------------------------------------------------------


def sections() -> dict[str, list[list[str]]]:
    """Title to rows of cells, without the head of the table."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ")
        elif line.startswith("|"):
            found.setdefault(title, []).append([cell.strip(" `") for cell in line[1:-1].split("|")])
    return {title: rows[2:] for title, rows in found.items()}


def cells(found: Classification) -> list[str]:
    return [found.priority.value, found.action.value, found.restart.value, found.cause.value if found.cause else ""]


def test_the_reference_lists_every_code_as_it_is_judged() -> None:
    page = sections()
    for domain in NAMES:
        assert page[f"`Gst.{domain.title()}Error`"] == [
            [str(number), row.name, *cells(gst(domain, number))]
            for (of, number), row in error_table.GST.items()
            if of == domain
        ]
    assert page["`Gst.ResourceError` where files are written"] == [
        [str(number), row.name, *cells(gst("resource", number, Part.FILE))]
        for (_, number), row in error_table.GST_FILE.items()
    ]


def test_the_reference_lists_every_kind_status_fault_and_errno() -> None:
    page = sections()
    assert page["A camera's session"] == [[k.value, *cells(classify_error(Failure(k)))] for k in FailureKind]
    statuses = {row[0]: row[1:] for row in page["RTSP status"]}
    assert set(statuses) == {str(s) for s in error_table.RTSP} | {f"other {c}xx" for c in error_table.RTSP_CLASSES}
    for status, row in statuses.items():
        number = 99 + int(status[6]) * 100 if status.startswith("other") else int(status)
        assert row == cells(classify_error(Failure(None, ErrorDetail(rtsp_status=number))))
    assert page["Faults of a volume"] == [[f.value, *cells(classify_fault(f))] for f in StorageFault]
    listed = {row[0]: row[1:] for row in page["`errno` of file operations"]}
    other = cells(classify_fault(StorageFault.OTHER))
    for number, name in errno.errorcode.items():
        row = cells(classify_error(Failure(None, ErrorDetail(errno=number), Part.FILE)))
        assert listed.get(name, other) == row, name
        assert (name in listed) or (fault_of_errno(number) is StorageFault.OTHER and number not in error_table.ERRNO)
    assert page["What errors mean"] == [cells(error_table.DEFAULT)]
