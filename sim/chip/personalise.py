"""Personalisation: what the issuer writes into one passport's chip (ICAO Doc 9303-10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from sim.chip import der
from sim.chip.mrz import Holder, Td3, td3
from sim.chip.pki import Country
from sim.chip.portrait import data_group_2, jpeg_size
from sim.chip.sod import document_security_object, lds_security_object

EF_COM = 0x011E
EF_SOD = 0x011D
EF_DG1 = 0x0101
EF_DG2 = 0x0102

_GROUP_TAGS = {1: 0x61, 2: 0x75, 14: 0x6E, 15: 0x6F}


@dataclass(frozen=True)
class Personalisation:
    """One passport: what is printed, what the chip holds, and what it was made from.

    Attributes:
        printed: the MRZ as printed on the data page.
        files: elementary files of the eMRTD application by file identifier.
        access_key_text: what the chip derived its access keys from (Doc 9303-11, 9.7.1.1).
        holder, portrait_jpeg, country: the recipe, so that a forgery can be made from it.
    """

    printed: Td3 = field(repr=False)
    files: Mapping[int, bytes] = field(repr=False)
    access_key_text: str = field(repr=False)
    holder: Holder = field(repr=False)
    portrait_jpeg: bytes = field(repr=False)
    country: Country = field(repr=False)

    def with_file(self, fid: int, content: bytes) -> Personalisation:
        """The same chip with one file replaced and nothing signed again."""
        return replace(self, files=MappingProxyType({**self.files, fid: content}))


def personalise(
    holder: Holder,
    portrait_jpeg: bytes,
    country: Country,
    *,
    at: datetime | None = None,
    hash_name: str = "sha256",
) -> Personalisation:
    """Write a genuine passport, signed at `at` (default: the country's day of issue).

    Raises:
        ValueError: the holder does not fit the MRZ, or the portrait is no JPEG.
    """
    lines = td3(holder)
    groups = {
        1: data_group_1(lines),
        2: data_group_2(portrait_jpeg, *jpeg_size(portrait_jpeg)),
    }
    hashes = {number: der.digest(hash_name, group) for number, group in groups.items()}
    security_object = lds_security_object(hashes, hash_name)
    files = {
        EF_COM: common_data(groups),
        EF_SOD: document_security_object(security_object, country.signer, at or country.at),
        **{0x0100 + number: group for number, group in groups.items()},
    }
    return Personalisation(
        printed=lines,
        files=MappingProxyType(files),
        access_key_text=lines.access_key_text,
        holder=holder,
        portrait_jpeg=portrait_jpeg,
        country=country,
    )


def data_group_1(lines: Td3) -> bytes:
    """EF.DG1: the MRZ (Doc 9303-10, 4.7.1)."""
    return der.tlv(0x61, der.tlv(0x5F1F, lines.text.encode("ascii")))


def common_data(numbers: Iterable[int]) -> bytes:
    """EF.COM: LDS 1.7, Unicode 4.0.0 and the list of data groups (Doc 9303-10, 4.6.1)."""
    tags = bytes(_GROUP_TAGS[number] for number in sorted(numbers))
    return der.tlv(0x60, der.tlv(0x5F01, b"0107"), der.tlv(0x5F36, b"040000"), der.tlv(0x5C, tags))
