import re
from pathlib import Path

import pytest

from evertape.domain.cause import Cause, cause_of_failure, cause_of_fault, explain
from evertape.domain.failure import FailureKind
from evertape.domain.reference import causes_page
from evertape.domain.storage_fault import StorageFault

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "causes.md"


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained_in_plain_sentences(cause: Cause) -> None:
    explanation = explain(cause)
    for sentence in (explanation.what, explanation.remedy):
        assert re.fullmatch(r"[A-Z][^\n]+\.", sentence)
        assert "  " not in sentence
        assert cause.value not in sentence, "a word for programs, in a sentence for people"


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_of_a_session_has_a_cause(kind: FailureKind) -> None:
    assert cause_of_failure(kind) is not Cause.UNKNOWN


@pytest.mark.parametrize("fault", StorageFault)
def test_every_fault_of_a_volume_has_a_cause(fault: StorageFault) -> None:
    assert cause_of_fault(fault).value.startswith("storage_")
    assert cause_of_fault(fault.value) is cause_of_fault(fault)


def test_a_fault_of_a_newer_version_is_still_a_storage_fault() -> None:
    assert cause_of_fault("eaten_by_mice") is Cause.STORAGE_IO_ERROR


def test_what_nobody_wanted_is_never_on_purpose() -> None:
    assert not any(cause_of_failure(kind).on_purpose for kind in FailureKind)
    assert not any(cause_of_fault(fault).on_purpose for fault in StorageFault)
    assert Cause.STOPPED_BY_PERSON.on_purpose


def test_the_page_of_causes_is_made_from_the_code() -> None:
    page = PAGE.read_text()
    assert page == causes_page(), "run: python -m evertape.domain.reference > docs/reference/causes.md"
    table = page.partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    assert [row[0].strip(" `") for row in rows] == [cause.value for cause in Cause]
    assert {len(row) for row in rows} == {6}, "a sentence that breaks the table"
