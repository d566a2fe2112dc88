"""SecurityInfos: what a chip supports (Doc 9303-11, 9.2), in EF.CardAccess and DG14."""

from __future__ import annotations

from typing import NamedTuple

from drivers.passport import tlv
from drivers.passport.chip.explicit_parameters import standardised_number
from drivers.passport.errors import TlvError

MAX_INFOS = 64
LAST_RESERVED = 31
"""Numbers up to it are those of standardised parameters, and no other may have them (9.5.1)."""

_BSI = bytes.fromhex("04007F000702")  # 0.4.0.127.0.7.2
PACE = _BSI + b"\x02\x04"
CHIP_AUTHENTICATION = _BSI + b"\x02\x03"
PUBLIC_KEY_DH = _BSI + b"\x02\x01\x01"
PUBLIC_KEY_ECDH = _BSI + b"\x02\x01\x02"
CHIP_AUTHENTICATION_DH = CHIP_AUTHENTICATION + b"\x01"
CHIP_AUTHENTICATION_ECDH = CHIP_AUTHENTICATION + b"\x02"

CIPHERS = {1: "3DES", 2: "AES-128", 3: "AES-192", 4: "AES-256"}
"""Last arc of a PACE or CA protocol to its cipher."""
CHIP_MAPPING = "ECDH-CAM"
"""Chip authentication mapping: PACE that proves the chip's static key besides."""
MAPPINGS = {1: "DH-GM", 2: "ECDH-GM", 3: "DH-IM", 4: "ECDH-IM", 6: CHIP_MAPPING}


class SecurityInfo(NamedTuple):
    """One entry: object identifier as encoded, and the objects after it.

    Attributes:
        raw: the whole entry, for comparing.
    """

    oid: bytes
    values: tuple[tlv.Tlv, ...]
    raw: bytes

    def number(self, place: int) -> int | None:
        """The INTEGER at a place after the identifier, if there is one."""
        if place >= len(self.values) or self.values[place].tag != 0x02:
            return None
        value = self.values[place].value
        if not 1 <= len(value) <= 8:
            return None
        return int.from_bytes(value, "big")


class PaceInfo(NamedTuple):
    """One way of doing PACE that a chip offers.

    Attributes:
        parameter_id: number of its domain parameters, for MSE:Set AT; None where it gives none.
        explicit: the standardised parameters that PACEDomainParameterInfo spells out for that
            number, by their own; None where it spells out none that we know.
    """

    oid: bytes
    mapping: str
    cipher: str
    parameter_id: int | None
    explicit: int | None = None

    @property
    def group(self) -> int | None:
        """The standardised domain parameters of the offer; None where they are not known."""
        reserved = self.parameter_id is not None and self.parameter_id <= LAST_RESERVED
        return self.parameter_id if reserved else self.explicit

    @property
    def integrated(self) -> bool:
        """Whether the nonce is mapped by integrated mapping."""
        return self.mapping.endswith("-IM")

    def __str__(self) -> str:
        return f"PACE {self.mapping} {self.cipher}, parameters {self.parameter_id}"


def parse_security_infos(data: bytes) -> tuple[SecurityInfo, ...]:
    """The entries of a SET OF SecurityInfo; bytes after it are ignored.

    Raises:
        TlvError: it is none, or beyond the limit.
    """
    found: list[SecurityInfo] = []
    for item in tlv.read_all(tlv.unwrap(data, 0x31)):
        if item.tag != 0x30 or len(found) >= MAX_INFOS:
            raise TlvError("SecurityInfos: an entry is no SEQUENCE, or there are too many")
        parts = tlv.read_all(item.value)
        if not parts or parts[0].tag != 0x06:
            raise TlvError("SecurityInfos: an entry without object identifier")
        found.append(SecurityInfo(parts[0].value, tuple(parts[1:]), item.value))
    return tuple(found)


def pace_infos(infos: tuple[SecurityInfo, ...]) -> tuple[PaceInfo, ...]:
    """The ways of doing PACE among the entries, in their order."""
    explicit = {
        (info.oid, info.number(1)): standardised_number(info.values[0].value)
        for info in infos
        if info.oid[:-1] == PACE and info.values and info.values[0].tag == 0x30
    }
    found: list[PaceInfo] = []
    for info in infos:
        arcs = info.oid[len(PACE) :]
        if not info.oid.startswith(PACE) or len(arcs) != 2 or info.number(0) != 2:
            continue
        mapping, cipher = MAPPINGS.get(arcs[0]), CIPHERS.get(arcs[1])
        if mapping is not None and cipher is not None:
            number = info.number(1)
            spelled_out = explicit.get((info.oid[:-1], number))
            found.append(PaceInfo(info.oid, mapping, cipher, number, spelled_out))
    return tuple(found)


def announces_pace(infos: tuple[SecurityInfo, ...]) -> frozenset[bytes]:
    """Every entry about PACE, domain parameters included, as encoded."""
    return frozenset(info.raw for info in infos if info.oid.startswith(PACE))
