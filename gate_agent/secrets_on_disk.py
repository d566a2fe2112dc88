"""Keys of a lane, each a file that only its owner can read."""

from __future__ import annotations

from pathlib import Path

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
        mode = path.stat().st_mode
        with path.open("rb") as file:
            key = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise KeyUnusable(f"{path.name}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyUnusable(f"{path.name}: others may read it; chmod 0400 it")
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise KeyUnusable(f"{path.name}: has {len(key)} bytes, needs {MIN_KEY_BYTES} or more")
    return key
