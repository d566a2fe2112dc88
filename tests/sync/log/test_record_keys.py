"""Key files: permissions, marks, formats; RFC 8032's own vector."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from record_support import CENTRE_KEY, CENTRE_KEYS, STRANGER_KEY, seeded

from sync.log.durable_file import replace, write_new
from sync.log.errors import KeyRefused
from sync.log.hpke import OpeningKey
from sync.log.keys import (
    CentrePublic,
    SigningKey,
    VerifyingKey,
    read_centre_public,
    read_public_key,
    read_signing_key,
    write_centre_public,
    write_public_key,
    write_signing_key,
)


def test_rfc_8032_section_7_1_test_2() -> None:
    key = SigningKey(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert key.public.raw.hex() == (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert key.sign(b"\x72") == signature
    assert key.public.verify(signature, b"\x72")
    assert not key.public.verify(signature, b"\x73")
    assert not key.public.verify(b"", b"\x72")


def test_keys_come_back_from_their_files(tmp_path: Path) -> None:
    key = SigningKey.generate(seeded(5))
    write_signing_key(tmp_path / "gate.key", key)
    write_public_key(tmp_path / "gate.pub", key.public)
    assert (tmp_path / "gate.key").stat().st_mode & 0o777 == 0o400
    assert read_signing_key(tmp_path / "gate.key").public == key.public
    assert read_public_key(tmp_path / "gate.pub") == key.public
    with pytest.raises(KeyRefused, match="exists"):
        write_signing_key(tmp_path / "gate.key", key)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Also after a crash, whose half file is taken over; and a failure leaves no temporary file."""
    path, half = tmp_path / "gate.key", tmp_path / f".gate.key.{os.getpid()}.new"
    half.write_bytes(b"hal")
    half.chmod(0o400)
    write_new(path, b"whole", 0o400)
    with pytest.raises(FileExistsError):
        write_new(path, b"other", 0o400)
    assert path.read_bytes() == b"whole"
    replace(path, b"newer", 0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"newer", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_the_centres_public_keys_are_completed_and_never_mixed(tmp_path: Path) -> None:
    """A power cut may leave one of the two; another central system's are refused."""
    write_public_key(tmp_path / "centre.pub", CENTRE_KEY.public)
    for _ in range(2):
        write_centre_public(tmp_path, CENTRE_KEYS.public)
        assert read_centre_public(tmp_path) == CENTRE_KEYS.public
    for other in (
        CentrePublic(STRANGER_KEY.public, CENTRE_KEYS.public.sealing),
        CentrePublic(CENTRE_KEY.public, OpeningKey(b"\x09" * 32).public),
    ):
        with pytest.raises(KeyRefused, match="another central system"):
            write_centre_public(tmp_path, other)
    assert read_centre_public(tmp_path) == CENTRE_KEYS.public


def test_demo_keys_are_marked_and_refused(tmp_path: Path) -> None:
    write_signing_key(tmp_path / "demo.key", CENTRE_KEY, demo=True)
    with pytest.raises(KeyRefused, match="demo"):
        read_signing_key(tmp_path / "demo.key")
    assert read_signing_key(tmp_path / "demo.key", accept_demo=True).public == CENTRE_KEY.public


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o600 | 0o020])
def test_keys_that_others_could_read_are_refused(tmp_path: Path, mode: int) -> None:
    write_signing_key(tmp_path / "gate.key", CENTRE_KEY)
    (tmp_path / "gate.key").chmod(mode)
    with pytest.raises(KeyRefused, match="others"):
        read_signing_key(tmp_path / "gate.key")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_account_is_refused(tmp_path: Path) -> None:
    write_signing_key(tmp_path / "gate.key", CENTRE_KEY)
    os.chown(tmp_path / "gate.key", 65_534, 65_534)
    with pytest.raises(KeyRefused, match="another account"):
        read_signing_key(tmp_path / "gate.key")


def test_files_that_are_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"", b"text", b"\x00" * 5000):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(0o400)
        with pytest.raises(KeyRefused):
            read_signing_key(path)
        with pytest.raises(KeyRefused):
            read_public_key(path)
    with pytest.raises(KeyRefused):
        read_signing_key(tmp_path / "none")
    with pytest.raises(KeyRefused):
        read_signing_key(tmp_path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(KeyRefused):
        read_public_key(tmp_path / "link")
    for raw in (b"", b"\x00" * 31):
        with pytest.raises(KeyRefused):
            VerifyingKey(raw)
        with pytest.raises(KeyRefused):
            SigningKey(raw)


def test_a_key_shows_nothing_of_itself() -> None:
    assert "02" * 8 not in repr(CENTRE_KEY) + str(vars(CENTRE_KEY))
