"""Photographs for the live demo, taken at set-up from two pinned packages.

The face-recognition source distribution and scikit-image's wheel carry free test
pictures. Each is known here by its SHA-256 alone and gets a handle: a letter for the
person, a figure for the picture. `a1`, `a2` and `a3` are one person three times. No
picture is kept in the project, and no person is named in it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).with_name("photos.lock")
FETCH_TIMEOUT_S = 300
MAX_PICTURE_BYTES = 8 * 1024 * 1024
MAX_MEMBERS = 5_000


def default_photographs() -> Path:
    """Where the set-up puts the photographs of the demo."""
    return Path(sys.prefix) / "share" / "egate" / "photos"


class PhotoError(Exception):
    """Photographs cannot be had; the text says what to do."""


class Photo(NamedTuple):
    """One known picture. `face` is left, top, right, bottom in pixels of the original.

    `eyes` are the x, y of both eyes' middles, left of the picture first.
    """

    handle: str
    sha256: str
    suffix: str
    face: tuple[int, int, int, int]
    eyes: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def person(self) -> str:
        """The letter that stands for the person."""
        return self.handle[0]

    def path(self, folder: Path) -> Path:
        """Where `fetch` puts this picture."""
        return folder / f"{self.handle}{self.suffix}"


# Face boxes found once with dlib's frontal detector; the most frontal picture comes first.
PHOTOS: tuple[Photo, ...] = (
    Photo(
        "a1",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        ".jpg",
        (349, 142, 617, 409),
        (444, 216, 548, 214),
    ),
    Photo(
        "a2",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        ".jpg",
        (633, 277, 954, 598),
        (737, 389, 858, 401),
    ),
    Photo(
        "a3",
        "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
        ".jpg",
        (171, 290, 438, 558),
        (253, 372, 369, 384),
    ),
    Photo(
        "b1",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        ".jpg",
        (419, 241, 740, 562),
        (534, 324, 649, 350),
    ),
    Photo(
        "c1",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        ".png",
        (175, 76, 265, 166),
        (204, 101, 246, 104),
    ),
)
HANDLES = tuple(photo.handle for photo in PHOTOS)


def by_handle(handle: str) -> Photo:
    """The picture of a handle.

    Raises:
        PhotoError: no picture has this handle.
    """
    for photo in PHOTOS:
        if photo.handle == handle:
            return photo
    raise PhotoError(f"no photograph has the handle {handle!r}; known: {', '.join(HANDLES)}")


def live_counterpart(handle: str) -> Photo:
    """Another picture of the same person where there is one, else the same picture."""
    portrait = by_handle(handle)
    others = [p for p in PHOTOS if p.person == portrait.person and p.handle != handle]
    return others[0] if others else portrait


def another_person(handle: str) -> Photo:
    """A picture of another person."""
    portrait = by_handle(handle)
    return next(p for p in PHOTOS if p.person != portrait.person)


def missing(folder: Path) -> tuple[Photo, ...]:
    """Pictures that are not in the folder with the right content."""
    return tuple(p for p in PHOTOS if _sha256(p.path(folder)) != p.sha256)


def fetch(into: Path) -> tuple[Path, ...]:
    """Make sure that every picture is in `into`; give their paths.

    Downloads through pip, with hashes, only what is missing; the second time it is quick
    and needs no network.

    Raises:
        PhotoError: the folder cannot be made, or the packages cannot be downloaded, or they no
            longer hold the pictures.
    """
    if missing(into):
        try:
            into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PhotoError(f"{into}: {error.strerror}") from error
        with tempfile.TemporaryDirectory(prefix="egate-photos-") as scratch:
            _download(Path(scratch))
            unpack(Path(scratch), into)
    absent = missing(into)
    if absent:
        raise PhotoError(
            "the packages of sim/devices/photos.lock no longer hold the photographs "
            + ", ".join(p.handle for p in absent)
        )
    return tuple(p.path(into) for p in PHOTOS)


def unpack(packages: Path, into: Path) -> None:
    """Copy the known pictures out of every archive in `packages`, by content."""
    wanted = {photo.sha256: photo for photo in PHOTOS}
    for archive in sorted(packages.iterdir()):
        for data in _pictures(archive):
            photo = wanted.get(hashlib.sha256(data).hexdigest())
            if photo is not None:
                photo.path(into).write_bytes(data)


def _download(into: Path) -> None:
    # One build of the wheel serves every machine, so one hash does too.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--require-hashes", "--dest", str(into)]
    command += ["--no-binary", "face-recognition", "--only-binary", "scikit-image"]
    command += ["--implementation", "cp", "--abi", "cp311", "--python-version", "3.11"]
    command += ["--platform", "manylinux2014_x86_64", "--requirement", str(LOCK)]
    try:
        done = subprocess.run(  # noqa: S603 - fixed command, no shell
            command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PhotoError(f"pip could not be run to fetch photographs: {error}") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else f"pip ended with {done.returncode}"
        raise PhotoError(
            f"photographs could not be fetched ({reason}); check the network and the package "
            "index, then run the set-up again"
        )


def _pictures(archive: Path) -> Iterator[bytes]:
    suffixes = {photo.suffix for photo in PHOTOS}
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as bundle:
            for entry in bundle.infolist()[:MAX_MEMBERS]:
                if Path(entry.filename).suffix in suffixes and entry.file_size <= MAX_PICTURE_BYTES:
                    yield bundle.read(entry)
    elif archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as tarball:
            for member in tarball.getmembers()[:MAX_MEMBERS]:
                small = member.isfile() and member.size <= MAX_PICTURE_BYTES
                stream = tarball.extractfile(member) if small else None
                if stream is not None and Path(member.name).suffix in suffixes:
                    yield stream.read()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
