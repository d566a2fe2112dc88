"""Data groups that a passport may have besides MRZ and portrait (ICAO Doc 9303-10, 4.7)."""

from __future__ import annotations

from datetime import date

from sim.chip import der


def displayed_portrait(jpeg: bytes) -> bytes:
    """EF.DG5: the portrait as it is printed (4.7.5)."""
    return der.tlv(0x65, der.tlv(0x02, b"\x01"), der.tlv(0x5F40, jpeg))


def displayed_signature(jpeg: bytes) -> bytes:
    """EF.DG7: the holder's signature as it is printed (4.7.7)."""
    return der.tlv(0x67, der.tlv(0x02, b"\x01"), der.tlv(0x5F43, jpeg))


def personal_details(name: str, place_of_birth: str, address: str) -> bytes:
    """EF.DG11: full name in national characters, place of birth, address (4.7.11)."""
    return _listed(
        0x6B,
        (0x5F0E, name.encode()),
        (0x5F11, place_of_birth.encode()),
        (0x5F42, address.encode()),
    )


def birth_details(born: date, *, bcd: bool = False) -> bytes:
    """EF.DG11 with the full date of birth alone (4.7.11): as eight digits, or in BCD."""
    digits = f"{born:%Y%m%d}"
    return _listed(0x6B, (0x5F2B, bytes.fromhex(digits) if bcd else digits.encode()))


def document_details(authority: str, issued: str) -> bytes:
    """EF.DG12: issuing authority, and date of issue as CCYYMMDD (4.7.12)."""
    return _listed(0x6C, (0x5F19, authority.encode()), (0x5F26, issued.encode()))


def optional_details(content: bytes) -> bytes:
    """EF.DG13: whatever the state likes (4.7.13)."""
    return der.tlv(0x6D, content)


def person_to_notify(recorded: str, name: str, telephone: str) -> bytes:
    """EF.DG16: one person to notify (4.7.16)."""
    person = der.tlv(
        0xA1,
        der.tlv(0x5F50, recorded.encode()),
        der.tlv(0x5F51, name.encode()),
        der.tlv(0x5F52, telephone.encode()),
    )
    return der.tlv(0x70, der.tlv(0x02, b"\x01"), person)


def fingerprints() -> bytes:
    """EF.DG3 of a chip that gives it to inspection systems with a terminal's certificate only."""
    return der.tlv(0x63, der.tlv(0x7F61, der.tlv(0x02, b"\x00")))


def _listed(tag: int, *elements: tuple[int, bytes]) -> bytes:
    tags = b"".join(kind.to_bytes(2, "big") for kind, _ in elements)
    return der.tlv(tag, der.tlv(0x5C, tags), *(der.tlv(kind, value) for kind, value in elements))
