"""Personalisation: what the issuer writes into one passport's chip (ICAO Doc 9303-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from sim.chip import der
from sim.chip.model import EF_CARD_ACCESS, EF_CARD_SECURITY, Features
from sim.chip.mrz import Holder, Zone, td3
from sim.chip.pace import PaceMapping
from sim.chip.pki import Country
from sim.chip.portrait import data_group_2, picture_size
from sim.chip.security_infos import security_infos
from sim.chip.sod import (
    SECURITY_OBJECT,
    document_security_object,
    lds_security_object,
    signed_object,
)

EF_COM = 0x011E
EF_SOD = 0x011D
EF_DG1 = 0x0101
EF_DG2 = 0x0102

_GROUP_TAGS = {
    1: 0x61, 2: 0x75, 3: 0x63, 4: 0x76, 5: 0x65, 7: 0x67, 11: 0x6B, 12: 0x6C, 13: 0x6D,
    14: 0x6E, 15: 0x6F, 16: 0x70,
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What may differ from a passport with a JPEG portrait and nothing else.

    Attributes:
        zone: makes the MRZ, which gives the document its size.
        portrait: makes DG2 of an image, its width and height.
        groups: further data groups by number, as their files stand on the chip.
    """

    zone: Callable[[Holder], Zone] = td3
    portrait: Callable[[bytes, int, int], bytes] = data_group_2
    groups: Mapping[int, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Personalisation:
    """One passport: what is printed, what the chip holds, and what it was made from.

    Attributes:
        printed: the MRZ as printed on the data page.
        files: elementary files of the eMRTD application by file identifier.
        access_key_text: what the chip derived its access keys from (Doc 9303-11, 9.7.1.1).
        holder, portrait_jpeg, country, hash_name, layout: the recipe, so that a forgery can
            be made from it; the portrait may be a JPEG 2000 as well.
        features: what the chip can do besides BAC, with its private keys.
        master_files: elementary files of the master file: EF.CardAccess if it does PACE.
    """

    printed: Zone = field(repr=False)
    files: Mapping[int, bytes] = field(repr=False)
    access_key_text: str = field(repr=False)
    holder: Holder = field(repr=False)
    portrait_jpeg: bytes = field(repr=False)
    country: Country = field(repr=False)
    hash_name: str = "sha256"
    features: Features = field(default_factory=Features)
    master_files: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    layout: Layout = Layout()

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
    features: Features | None = None,
    lds_version: str = "0107",
    layout: Layout | None = None,
) -> Personalisation:
    """Write a genuine passport, signed at `at` (default: the country's day of issue).

    From `lds_version` 0108 on, the security object repeats that version signed.

    Raises:
        ValueError: the holder does not fit the MRZ, or the portrait is no image.
    """
    layout = layout or Layout()
    lines = layout.zone(holder)
    features = features or Features()
    groups = {
        1: data_group_1(lines),
        2: layout.portrait(portrait_jpeg, *picture_size(portrait_jpeg)),
        **layout.groups,
        **security_groups(features),
    }
    hashes = {number: der.digest(hash_name, group) for number, group in groups.items()}
    security_object = lds_security_object(hashes, hash_name, lds_version)
    files = {
        EF_COM: common_data(groups, lds_version),
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
        hash_name=hash_name,
        features=features,
        master_files=MappingProxyType(
            {**card_access(features), **card_security(features, country, at or country.at)}
        ),
        layout=layout,
    )


def security_groups(features: Features) -> dict[int, bytes]:
    """DG14 and DG15 as far as the chip has something to say in them (Doc 9303-10, 4.7.14, .15)."""
    infos = [profile.info for profile in features.pace]
    infos += [info for key in features.agreement for info in key.infos]
    groups = {}
    if features.active is not None:
        infos += features.active.infos
        groups[15] = der.tlv(0x6F, features.active.public_key_info)
    if infos:
        groups[14] = der.tlv(0x6E, security_infos(infos))
    return groups


def card_access(features: Features) -> dict[int, bytes]:
    """EF.CardAccess of a chip that does PACE (Doc 9303-11, 9.2.11)."""
    if not features.pace:
        return {}
    return {EF_CARD_ACCESS: security_infos(profile.info for profile in features.pace)}


def card_security(features: Features, country: Country, at: datetime) -> dict[int, bytes]:
    """EF.CardSecurity of a chip that does PACE with chip authentication mapping (9.2.11).

    DG14's entries about PACE and keys, signed by the document signer as one object.
    """
    if not any(profile.mapping is PaceMapping.CHIP for profile in features.pace):
        return {}
    infos = [profile.info for profile in features.pace]
    infos += [info for key in features.agreement for info in key.infos]
    content = security_infos(infos)
    return {EF_CARD_SECURITY: signed_object(SECURITY_OBJECT, content, country.signer, at)}


def data_group_1(lines: Zone) -> bytes:
    """EF.DG1: the MRZ (Doc 9303-10, 4.7.1)."""
    return der.tlv(0x61, der.tlv(0x5F1F, lines.text.encode("ascii")))


def common_data(numbers: Iterable[int], lds_version: str = "0107") -> bytes:
    """EF.COM: LDS version, Unicode 4.0.0 and the list of data groups (Doc 9303-10, 4.6.1)."""
    tags = bytes(_GROUP_TAGS[number] for number in sorted(numbers))
    return der.tlv(
        0x60, der.tlv(0x5F01, lds_version.encode()), der.tlv(0x5F36, b"040000"), der.tlv(0x5C, tags)
    )
