"""Signed notes and checkpoints, as C2SP writes them (signed-note and tlog-checkpoint).

A note is text, an empty line, and signature lines of an em dash, the key's name, and the
base64 of four bytes that name the key and the signature. A checkpoint is a note of three
lines: the log's origin, its size, its root in base64. Any verifier of the two
specifications can check what a gate and the central system say about a log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

from sync.log.errors import NoteRefused
from sync.log.keys import SigningKey, VerifyingKey
from sync.log.merkle import HASH_BYTES

ED25519 = b"\x01"
KEY_ID_BYTES = 4
MAX_NOTE_CHARACTERS = 2048
MAX_SIGNATURES = 8
CENTRE_NAME = "egate/centre"

_DASH = "\u2014"
_SIGNATURE = re.compile(rf"{_DASH} ([^\s+\x00-\x1f]{{1,200}}) ([A-Za-z0-9+/]{{1,200}}={{0,2}})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


class Checkpoint(NamedTuple):
    """What a log is at a moment: whose, how long, and the root of its tree."""

    origin: str
    size: int
    root: bytes


def origin_of(gate: str, epoch: str) -> str:
    """The name of a gate's log, and of the key that signs its checkpoints."""
    return f"egate/{gate}/{epoch}"


def key_id(name: str, key: VerifyingKey) -> bytes:
    """The four bytes that name an Ed25519 key in a signature line."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key.raw).digest()[:KEY_ID_BYTES]


def verifier_text(name: str, key: VerifyingKey) -> str:
    """A public key as other verifiers take it: name+hash+base64."""
    encoded = base64.b64encode(ED25519 + key.raw).decode()
    return f"{name}+{key_id(name, key).hex()}+{encoded}"


def sign_text(text: str, name: str, key: SigningKey) -> str:
    """Make a note of a text that ends in a newline."""
    return f"{text}\n{_line(text, name, key)}"


def countersign(note: str, name: str, key: SigningKey) -> str:
    """Add a signature to a note.

    Raises:
        NoteRefused: it is no note.
    """
    if len(note) > MAX_NOTE_CHARACTERS:
        raise NoteRefused("a note is too long")
    text, _ = _parts(note)
    return note + _line(text, name, key)


def open_note(note: str, *signers: tuple[str, VerifyingKey]) -> str:
    """Give a note's text once every one of the named keys has signed it.

    Other signatures are not looked at, as the specification asks.

    Raises:
        NoteRefused: it is no note, or one of the signatures is missing or wrong.
    """
    if len(note) > MAX_NOTE_CHARACTERS:
        raise NoteRefused("a note is too long")
    return open_long_note(note, *signers)


def open_long_note(note: str, *signers: tuple[str, VerifyingKey]) -> str:
    """The same for a note of any length; the caller has limited it.

    Raises:
        NoteRefused: see `open_note`.
    """
    text, lines = _parts(note)
    for name, key in signers:
        expected = (name, key_id(name, key))
        found = [signature for who, which, signature in lines if (who, which) == expected]
        if not found:
            raise NoteRefused(f"a note is not signed by {name}")
        if not all(key.verify(signature, text.encode()) for signature in found):
            raise NoteRefused(f"the signature of {name} under a note is wrong")
    return text


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The three lines of a checkpoint."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """Make the note with which a gate stands by its log."""
    return sign_text(checkpoint_text(checkpoint), checkpoint.origin, key)


def open_checkpoint(note: str, origin: str, *signers: tuple[str, VerifyingKey]) -> Checkpoint:
    """Read a checkpoint of a log, signed by every one of the named keys.

    Raises:
        NoteRefused: it is no checkpoint, of another log, or not signed by them.
    """
    lines = open_note(note, *signers).split("\n")
    if len(lines) != 4 or not _SIZE.fullmatch(lines[1]):
        raise NoteRefused("a note is no checkpoint")
    if lines[0] != origin:
        raise NoteRefused("a checkpoint is of another log")
    root = _base64(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteRefused("a checkpoint's root is no SHA-256")
    return Checkpoint(origin, int(lines[1]), root)


def _line(text: str, name: str, key: SigningKey) -> str:
    """Give one signature line."""
    signature = key_id(name, key.public) + key.sign(text.encode())
    return f"{_DASH} {name} {base64.b64encode(signature).decode()}\n"


def _parts(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Take a note apart: text, and (name, key id, signature) of each line."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise NoteRefused("bytes are no signed note")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRefused("a note has too many signatures")
    found: list[tuple[str, bytes, bytes]] = []
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise NoteRefused("a signature line of a note is malformed")
        data = _base64(match[2])
        found.append((match[1], data[:KEY_ID_BYTES], data[KEY_ID_BYTES:]))
    return text + "\n", found


def _base64(text: str) -> bytes:
    """Decode base64 in its one canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteRefused("a note holds what is no base64") from error
    if base64.b64encode(data).decode() != text:
        raise NoteRefused("a note holds base64 in another form")
    return data
