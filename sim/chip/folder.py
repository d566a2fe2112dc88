"""A personalisation from a folder: elementary files as they were dumped from a chip.

Files are found by the names in use: `COM`, `EF_SOD`, `DG1`, `Datagroup2`, `ef0101`, with any
suffix, and `CARDACCESS`. What such a folder serves does Basic Access Control with the MRZ of
its own DG1, and the PACE with generic or integrated mapping that its EF.CardAccess
announces: neither needs a key. Private keys cannot be read from a chip; active and chip
authentication are refused as a clone would.
"""

from __future__ import annotations

import re
from pathlib import Path

from sim.chip.bac import access_keys
from sim.chip.curves import CURVES
from sim.chip.key_derivation import CipherSuite
from sim.chip.model import EF_CARD_ACCESS, Behaviour, Card, Features
from sim.chip.mrz import Zone
from sim.chip.pace import PaceMapping, PaceProfile
from sim.chip.personalise import EF_COM, EF_DG1, EF_SOD
from sim.chip.prime_fields import FIELDS
from sim.chip.tlv import data_objects

MAX_FILE = 1 << 20

_BY_FID = re.compile(r"(?:ef)?[_.]?(01[01][0-9a-f])", re.IGNORECASE)
_BY_GROUP = re.compile(r"(?:ef[_.]?)?(?:dg|data_?group)[_ ]?([0-9]{1,2})", re.IGNORECASE)
_BY_NAME = {
    re.compile(r"(?:ef[_.]?)?com", re.IGNORECASE): EF_COM,
    re.compile(r"(?:ef[_.]?)?sod", re.IGNORECASE): EF_SOD,
    re.compile(r"(?:ef[_.]?)?card[_ ]?access", re.IGNORECASE): EF_CARD_ACCESS,
}


class FolderError(Exception):
    """The folder holds no document; the text says what is missing."""


def load_card(folder: Path, behaviour: Behaviour) -> Card:
    """The chip of a folder.

    Raises:
        FolderError: not a folder, a file of more than 1 MiB, or no readable DG1.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a folder")
    files: dict[int, bytes] = {}
    for path in sorted(folder.iterdir()):
        fid = file_identifier(path.stem)
        if fid is None or not path.is_file():
            continue
        if path.stat().st_size > MAX_FILE:
            raise FolderError(f"{path.name} is larger than {MAX_FILE} bytes")
        files[fid] = path.read_bytes()
    lines = _machine_readable_zone(files.get(EF_DG1, b""))
    if lines is None:
        raise FolderError(f"{folder} has no DG1 with a machine readable zone")
    text = Zone(*lines).access_key_text
    announced = files.pop(EF_CARD_ACCESS, b"")
    profiles = announced_profiles(announced)
    if profiles:
        master_files = {EF_CARD_ACCESS: announced}
        features = Features(pace=profiles)
        return Card(
            files,
            access_keys(text),
            behaviour,
            features=features,
            master_files=master_files,
            access_key_text=text,
        )
    return Card(files, access_keys(text), behaviour, access_key_text=text)


def announced_profiles(card_access: bytes) -> tuple[PaceProfile, ...]:
    """What of EF.CardAccess this chip can do, in its order; version 2 alone is standardised."""
    known = (
        PaceProfile(suite, number, mapping)
        for suite in CipherSuite
        for number in (*FIELDS, *CURVES)
        for mapping in (PaceMapping.GENERIC, PaceMapping.INTEGRATED)
    )
    found = {card_access.find(profile.info): profile for profile in known}
    return tuple(found[at] for at in sorted(found) if at >= 0)


def file_identifier(stem: str) -> int | None:
    """The elementary file a file's name stands for; None when it is none of a passport's."""
    group = _BY_GROUP.fullmatch(stem)
    if group and 1 <= int(group[1]) <= 16:
        return 0x0100 + int(group[1])
    for pattern, fid in _BY_NAME.items():
        if pattern.fullmatch(stem):
            return fid
    number = _BY_FID.fullmatch(stem)
    return int(number[1], 16) if number else None


def _machine_readable_zone(group: bytes) -> list[str] | None:
    """The lines of DG1, by its length: three of 30, two of 36 or 44."""
    outer = data_objects(group) or {}
    text = (data_objects(outer.get(0x61, b"")) or {}).get(0x5F1F, b"").decode("ascii", "replace")
    width = {90: 30, 72: 36, 88: 44}.get(len(text))
    return None if width is None else [text[i : i + width] for i in range(0, len(text), width)]
