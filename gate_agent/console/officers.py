"""Officers, argon2id hashes and second factors, in a file that only the console reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import argon2
import msgspec

from sync.log.durable_file import replace

MAX_PASSWORD_CHARACTERS = 256
MIN_PASSWORD_CHARACTERS = 12
SALT_BYTES = 16

_HASHER = argon2.PasswordHasher()

OfficerName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")
]


class Officer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One officer. `totp_secret` is base32 (RFC 6238), "" without a second factor."""

    name: OfficerName
    password_hash: str
    totp_secret: Annotated[str, msgspec.Meta(pattern=r"^([A-Z2-7]{32})?$")] = ""

    def __repr__(self) -> str:
        return f"Officer(name={self.name!r})"


class OfficersFileError(Exception):
    """The officers file is unreadable or not in its format; `diagnosis` says where."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


def hash_password(password: str, random: Callable[[int], bytes]) -> str:
    """Make the argon2id hash (RFC 9106) of a password, salted from `random`.

    Raises:
        ValueError: the password is shorter than 12 or longer than 256 characters.
    """
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise ValueError("a password has 12 to 256 characters")
    return _HASHER.hash(password, salt=random(SALT_BYTES))


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash; takes as long as argon2 takes."""
    try:
        return _HASHER.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHash):
        return False


def load_officers(path: Path) -> tuple[Officer, ...]:
    """Read the officers file: a JSON array of `Officer`.

    Raises:
        OfficersFileError: unreadable, malformed, a name twice, or no argon2id hash.
    """
    try:
        officers = msgspec.json.decode(path.read_bytes(), type=tuple[Officer, ...])
    except OSError as error:
        raise OfficersFileError(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise OfficersFileError(f"{path}: {error}") from error
    names = [officer.name for officer in officers]
    if len(set(names)) != len(names):
        raise OfficersFileError(f"{path}: a name occurs twice")
    for officer in officers:
        if not officer.password_hash.startswith("$argon2id$"):
            raise OfficersFileError(f"{path}: {officer.name}: not an argon2id hash")
    return officers


def save_officers(path: Path, officers: tuple[Officer, ...]) -> None:
    """Write the officers file, readable by its owner alone, whole or not at all.

    Raises:
        OfficersFileError: it cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(officers), indent=2) + b"\n"
    try:
        replace(path, content, 0o600)
    except OSError as error:
        raise OfficersFileError(f"{path}: {error.strerror}") from error
