"""Keys of a lane: each a file that only its owner can read, or a credential of the service."""

from __future__ import annotations

from pathlib import Path

from sync.log.errors import KeyRefused
from sync.log.secret_file import read_secret

MIN_KEY_BYTES = 32
MAX_KEY_BYTES = 4096


class KeyUnusable(Exception):
    """A key file is missing, readable by others, or too short; `diagnosis` says which."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


def read_key(path: Path) -> bytes:
    """A symmetric key from its file.

    Raises:
        KeyUnusable: it is missing, group or others may read it, or its length is off.
    """
    try:
        key = read_secret(path, MAX_KEY_BYTES)
    except KeyRefused as error:
        raise KeyUnusable(error.diagnosis) from error
    if len(key) < MIN_KEY_BYTES:
        raise KeyUnusable(f"{path.name}: has {len(key)} bytes, needs {MIN_KEY_BYTES} or more")
    return key
