"""A bundle proves that it was not changed, and says what was."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.errors import EvertapeError, UsageError
from evertape.evidence.bundle import new_bundle, open_bundle
from evertape.evidence.keys import FILE, SigningKey, grouped, installation_key
from evertape.evidence.manifest import BundledFile, Manifest
from evertape.evidence.verify import verify, write_list
from evertape.mp4.digest import hash_file

CONTENT = {"door-1.mp4": b"one" * 1000, "door-2.mp4": b"two" * 1000}


def make(target: Path, key: SigningKey) -> Path:
    with new_bundle(target) as bundle:
        files = []
        for name, content in CONTENT.items():
            with bundle.file(name) as out:
                out.write(content)
            files.append(
                BundledFile(
                    name=name, bytes=out.size, hash=out.hash, start_utc=0, end_utc=1, duration=1, pictures=1, parts=()
                )
            )
        bundle.seal(
            Manifest(
                camera="door", name="", asked_start=0, asked_end=1, start_utc=0, end_utc=1, files=tuple(files),
                segments=(), ledger=(), left_out=(), made_at=0, made_by="me", program="evertape 0",
                fingerprint=key.public.fingerprint,
            ),
            key,
        )  # fmt: skip
    return target


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return installation_key(tmp_path / "state")


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_that_was_not_changed_is_as_it_was(tmp_path: Path, key: SigningKey, name: str) -> None:
    target = make(tmp_path / name, key)
    verdict = verify(target, grouped(key.public.fingerprint).upper())
    assert (verdict.problems, verdict.files, verdict.fingerprint) == ([], 2, key.public.fingerprint)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "state"]


def flip(path: Path, at: int = 100) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def _foreign(bundle: Path) -> None:
    """Somebody else's signature and key, over the changed manifest: all fits, but the fingerprint."""
    other = installation_key(bundle.parent / "other")
    manifest = (bundle / "manifest.json").read_bytes()
    (bundle / "manifest.sig").write_text(other.sign(manifest).hex())
    (bundle / "public-key.pem").write_text(other.public.pem)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b: flip(b / "door-1.mp4"), "door-1.mp4 was changed: its hash is not the one that was signed"),
        (lambda b: (b / "door-2.mp4").write_bytes(b"x"), "door-2.mp4 was changed: it has 1 bytes, and had 3000"),
        (lambda b: (b / "door-2.mp4").unlink(), "door-2.mp4 is missing"),
        (lambda b: (b / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda b: (b / "manifest.sig").unlink(), "manifest.sig is missing"),
        (lambda b: flip(b / "manifest.json"), "the signature does not fit"),
        (lambda b: flip(b / "manifest.sig", 3), "the signature does not fit"),
        (lambda b: (b / "manifest.sig").write_bytes(b"\xff"), "the signature does not fit"),
        (lambda b: (b / "public-key.pem").write_text("no key"), "public-key.pem is damaged"),
        (lambda b: (b / "door-3.mp4").write_bytes(b"new"), "door-3.mp4 is in the bundle and was not when"),
        (_foreign, "manifest.json names another key"),
    ],
)
def test_whatever_is_changed_is_said(tmp_path: Path, key: SigningKey, spoil: Callable[[Path], None], said: str) -> None:
    bundle = make(tmp_path / "bundle", key)
    spoil(bundle)
    problems = verify(bundle).problems
    assert [said in problem for problem in problems] == [True], problems


def test_another_installations_key_is_told_by_its_fingerprint(tmp_path: Path, key: SigningKey) -> None:
    other = installation_key(tmp_path / "other")
    bundle = make(tmp_path / "bundle", other)
    assert verify(bundle).ok
    (problem,) = verify(bundle, key.public.fingerprint).problems
    assert problem == f"it is signed with another key: its fingerprint is {grouped(other.public.fingerprint)}"


def test_an_archive_that_was_changed_or_is_none_is_said(tmp_path: Path, key: SigningKey) -> None:
    target = make(tmp_path / "bundle.zip", key)
    whole = target.read_bytes()
    target.write_bytes(whole.replace(b"oneone", b"onEone", 1))
    (problem,) = verify(target).problems
    assert "door-1.mp4" in problem
    target.write_bytes(whole[:-100])
    (problem,) = verify(target).problems
    assert "neither a folder nor a whole .zip" in problem
    target.write_bytes(whole)
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("door-1.mp4", b"another")
    assert len(verify(target).problems) == 2  # the second is read, and there are two


def test_the_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    first = installation_key(tmp_path / "state")
    assert installation_key(tmp_path / "state").public.fingerprint == first.public.fingerprint
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == [FILE]


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("damaged")
    with pytest.raises(EvertapeError, match="is no Ed25519 key"):
        installation_key(tmp_path)
    assert (tmp_path / FILE).read_text() == "damaged"


def test_what_goes_wrong_leaves_no_half_of_a_bundle(tmp_path: Path) -> None:
    for name in ("bundle", "bundle.zip"):
        with pytest.raises(TypeError), new_bundle(tmp_path / name) as bundle, bundle.file("x.mp4") as out:
            out.writelines([b"half", None])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_a_plain_file_is_checked_by_the_list_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "out.mp4"
    file.write_bytes(b"footage")
    listed = write_list(file, hash_file(file)[0])
    assert listed.read_text().endswith("  out.mp4\n")
    assert verify(file).ok
    assert verify(listed).ok
    assert verify(file, "00").problems == ["out.mp4.blake3 is not signed, so no fingerprint can be compared"]
    file.write_bytes(b"footagE")
    assert verify(listed).problems == ["out.mp4 was changed: its hash is not the one in out.mp4.blake3"]
    file.unlink()
    assert verify(listed).problems == ["out.mp4 is missing"]
    with pytest.raises(UsageError):
        verify(file)


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
@pytest.mark.parametrize("error", [KeyError("a"), RuntimeError("b"), EOFError("c")])
def test_what_goes_wrong_while_a_file_of_a_bundle_is_read_is_not_taken_for_a_damaged_bundle(
    tmp_path: Path, key: SigningKey, name: str, error: Exception
) -> None:
    make(tmp_path / name, key)
    with open_bundle(tmp_path / name) as bundle:

        def read_and_fail() -> None:
            with bundle.open("door-1.mp4") as file:
                assert file.read(3) == b"one"
                raise error

        with pytest.raises(type(error)) as told:
            read_and_fail()
        assert told.value is error
        with pytest.raises(FileNotFoundError), bundle.open("door-3.mp4"):
            pass
        with bundle.open("door-2.mp4") as file:
            assert file.read() == CONTENT["door-2.mp4"]
