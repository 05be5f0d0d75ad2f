from __future__ import annotations

import json

from evertape.cli.audit import report_json, report_text
from evertape.domain.cause import Cause
from evertape.engine.audit_report import AuditReport, CameraAccount, Finding

ACCOUNT = CameraAccount(
    start=1, end=2, recorded_s=3600.0, explained_s=30.0, gaps=1, causes={Cause.CAMERA_UNREACHABLE: 30.0}, files=6
)
WRONG = Finding("missing", True, "a file is gone", "front", "usb", "front/20261124/x.mp4", "s")
ODD = Finding("unreachable", False, "2 segments are on volumes that are not here")


def report(*findings: Finding, account: CameraAccount = ACCOUNT) -> AuditReport:
    return AuditReport(list(findings), 6, 1_000_000, 6, 0, 99, ["usb"], {"front": account})


def test_an_account_adds_up_in_words() -> None:
    assert report_text(report()).splitlines() == [
        "6 files (1 MB) on usb, 99 events in the journal",
        "front: 1 h 00 min = 1 h 00 min recorded + 30.0 s explained (camera unreachable 30.0 s)",
        "everything matches",
    ]
    quick = report_text(report(), quick=True).splitlines()[-1]
    assert quick == "everything matches, as far as sizes and structure tell"


def test_what_could_not_be_looked_at_is_not_said_to_match() -> None:
    away = report(ODD)
    away.unreachable = 2
    assert report_text(away).splitlines()[-2:] == [f"! {ODD.text}", "everything that is here matches"]


def test_a_file_is_named_once() -> None:
    finding = Finding("missing", True, "front/x.mp4 on usb is not there", "front", "usb", "front/x.mp4", "s")
    assert report_text(report(finding)).splitlines()[-2] == "✗ front/x.mp4 on usb is not there"


def test_what_is_wrong_stands_last_with_its_file() -> None:
    lines = report_text(report(WRONG, ODD)).splitlines()
    assert lines[-3:] == [
        "! 2 segments are on volumes that are not here",
        "✗ a file is gone [usb: front/20261124/x.mp4]",
        "what does not match: 1",
    ]


def test_unexplained_time_is_shown() -> None:
    account = CameraAccount(recorded_s=1.0, unexplained_s=2.0, causes={Cause.UNKNOWN: 2.0})
    assert report_text(report(account=account)).splitlines()[1].endswith("+ 0.0 s explained + 2.0 s unexplained")


def test_json_holds_the_same() -> None:
    answer = json.loads(json.dumps(report_json(report(WRONG))))
    assert answer["ok"] is False
    assert answer["findings"][0]["kind"] == "missing"
    assert answer["cameras"]["front"]["causes"] == {"camera_unreachable": 30.0}
    assert answer["cameras"]["front"]["total_s"] == 3630.0
