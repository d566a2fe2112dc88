"""Forgeries: named changes to a genuine passport, and the check that must catch each.

A forgery that signs anything draws its keys from the document itself, so the same passport
forged twice gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sim.chip import der, rogue_issuers
from sim.chip.chosen_generator import chosen_generator, chosen_generator_of_signer
from sim.chip.keys import EcKey
from sim.chip.model import Features
from sim.chip.mrz import Zone, check_digit, td3
from sim.chip.personalise import (
    EF_COM,
    EF_DG1,
    EF_DG2,
    EF_SOD,
    Personalisation,
    common_data,
    data_group_1,
)
from sim.chip.portrait import jpeg_size, picture_size, placeholder_portrait
from sim.chip.reissue import forger, groups_of, issue_again, issued_by, without_files
from sim.chip.sod import DATA, document_security_object, lds_security_object, signed_object


@dataclass(frozen=True)
class Forgery:
    """A named change and the id of the document check that must not succeed because of it.

    `specimen` is one that it fits; what a chip must be able to do for that is `needs`, and
    whether its state must sign with ECDSA is `elliptic`.
    """

    name: str
    caught_by: str
    apply: Callable[[Personalisation], Personalisation]
    specimen: str = "bac_ecdsa_p256"
    needs: Callable[[Features], object] | None = None
    elliptic: bool = False

    def fits(self, genuine: Personalisation) -> bool:
        """Whether there is in this document what the forgery changes."""
        if len(genuine.printed.line1) != len(td3(genuine.holder).line1):
            return False  # what is forged on a data page is that of a passport
        if self.elliptic and not isinstance(genuine.country.csca.key.private, EcKey):
            return False
        return self.needs is None or bool(self.needs(genuine.features))


def _printed(genuine: Personalisation, line1: str, line2: str) -> Personalisation:
    return replace(genuine, printed=Zone(line1, line2))


# --- the chip's contents ------------------------------------------------------------


def _other_name(lines: Zone) -> Zone:
    """Another first letter of the surname: no check digit covers the name."""
    letter = "A" if lines.line1[5] != "A" else "B"
    return Zone(lines.line1[:5] + letter + lines.line1[6:], lines.line2)


def _altered_dg1(genuine: Personalisation) -> Personalisation:
    """Another name on the chip and, to match, on the data page."""
    lines = _other_name(genuine.printed)
    return replace(genuine.with_file(EF_DG1, data_group_1(lines)), printed=lines)


def _altered_dg2(genuine: Personalisation) -> Personalisation:
    content = bytearray(genuine.files[EF_DG2])
    content[-len(genuine.portrait_jpeg) // 4] ^= 0x01  # in the image's entropy-coded data
    return genuine.with_file(EF_DG2, bytes(content))


def _hidden_dg2(genuine: Personalisation) -> Personalisation:
    return without_files(genuine, EF_DG2)


def _garbled_portrait(genuine: Personalisation) -> Personalisation:
    """Signed by the state, and still no picture."""
    return issue_again(genuine, portrait_jpeg=placeholder_portrait())


def _com_sod_mismatch(genuine: Personalisation) -> Personalisation:
    groups = groups_of(genuine)
    return genuine.with_file(EF_COM, common_data((*groups, 14 if 14 not in groups else 3)))


def _com_lists_less(genuine: Personalisation) -> Personalisation:
    return genuine.with_file(EF_COM, common_data(n for n in groups_of(genuine) if n != 2))


def _hidden_dg1(genuine: Personalisation) -> Personalisation:
    return without_files(genuine, EF_DG1)


def _swapped_dg1(genuine: Personalisation) -> Personalisation:
    """DG1 of another genuine document, and its data page."""
    other = issue_again(genuine, holder=replace(genuine.holder, surname="OTHERSEN"))
    return replace(genuine.with_file(EF_DG1, other.files[EF_DG1]), printed=other.printed)


def _huge_portrait(genuine: Personalisation) -> Personalisation:
    """Signed by the state: a picture that says it is 65000 pixels wide and high."""
    jpeg = genuine.portrait_jpeg
    width, height = jpeg_size(jpeg)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    at = jpeg.index(b"\x08" + size) + 1
    huge = jpeg[:at] + (65_000).to_bytes(2, "big") * 2 + jpeg[at + 4 :]
    return issue_again(genuine, portrait_jpeg=huge)


def _huge_jpeg_2000(genuine: Personalisation) -> Personalisation:
    """Signed by the state: a JPEG 2000 whose codestream says 65000 pixels each way."""
    image = genuine.portrait_jpeg
    width, height = picture_size(image)
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    at = image.index(size, image.index(b"\xff\x4f\xff\x51"))  # Xsiz and Ysiz of SIZ
    huge = image[:at] + (65_000).to_bytes(4, "big") * 2 + image[at + 8 :]
    return issue_again(genuine, portrait_jpeg=huge)


# --- files that end too early, or never ----------------------------------------------


def _truncated(fid: int) -> Callable[[Personalisation], Personalisation]:
    """A file whose last third is missing; its outer length still counts it."""

    def apply(genuine: Personalisation) -> Personalisation:
        whole = genuine.files[fid]
        return genuine.with_file(fid, whole[: len(whole) * 2 // 3])

    return apply


def _endless_dg2(genuine: Personalisation) -> Personalisation:
    """A length of nearly 4 GiB in DG2's head: who allocates it is gone."""
    content = genuine.files[EF_DG2]
    return genuine.with_file(EF_DG2, b"\x75\x84\xff\xff\xff\xf0" + content[4:])


def _nested_com(genuine: Personalisation) -> Personalisation:
    """Templates in templates, as deep as the file allows."""
    content = b""
    for _ in range(60):
        content = der.tlv(0x7F60, content)
    return genuine.with_file(EF_COM, der.tlv(0x60, content))


def _empty_sod(genuine: Personalisation) -> Personalisation:
    return genuine.with_file(EF_SOD, b"\x77\x00")


# --- the signature --------------------------------------------------------------------


def _broken_sod_signature(genuine: Personalisation) -> Personalisation:
    content = bytearray(genuine.files[EF_SOD])
    content[-1] ^= 0x01  # the signature value is EF.SOD's last element
    return genuine.with_file(EF_SOD, bytes(content))


def _altered_sod_hash(genuine: Personalisation) -> Personalisation:
    """An altered DG2 whose hash was put into EF.SOD, which the forger could not sign again."""
    forged = _altered_dg2(genuine)
    name = genuine.hash_name
    before, after = (der.digest(name, p.files[EF_DG2]) for p in (genuine, forged))
    return forged.with_file(EF_SOD, genuine.files[EF_SOD].replace(before, after))


def _stolen_certificate(genuine: Personalisation) -> Personalisation:
    """The true signer's certificate beside a signature by another key."""
    keys, country = forger(genuine, "stolen_certificate")
    key = keys.key(country.algorithm)
    return issued_by(genuine, replace(country, signer=replace(country.signer, key=key)))


def _swapped_sod(genuine: Personalisation) -> Personalisation:
    """The security object of another genuine document."""
    name = genuine.hash_name
    hashes = {n: der.digest(name, bytes([n]) + genuine.files[EF_COM]) for n in groups_of(genuine)}
    content = lds_security_object(hashes, name)
    country = genuine.country
    return genuine.with_file(EF_SOD, document_security_object(content, country.signer, country.at))


def _truncated_sod(genuine: Personalisation) -> Personalisation:
    """The security object with its end cut off inside an outer length that fits."""
    whole = genuine.files[EF_SOD]
    return genuine.with_file(EF_SOD, der.tlv(0x77, whole[4:-40]))


def _hidden_sod(genuine: Personalisation) -> Personalisation:
    return without_files(genuine, EF_SOD)


def _altered_attributes(genuine: Personalisation) -> Personalisation:
    """Another time of signing among the signed attributes."""
    before = der.instant(genuine.country.at)
    after = der.instant(genuine.country.at + timedelta(days=1))
    return genuine.with_file(EF_SOD, genuine.files[EF_SOD].replace(before, after))


def _reordered_issuer(genuine: Personalisation) -> Personalisation:
    """The signer's identifier names the issuer's parts in another order; the signature is good.

    Passports of one state have this defect, which a reader accepts and records.
    """
    signer = genuine.country.signer
    issuer = signer.certificate.issuer
    content = issuer[2:]
    first = 2 + content[1]
    turned = der.sequence(content[first:], content[:first])
    identified = der.sequence(turned, der.integer(signer.certificate.serial))
    meant = der.sequence(issuer, der.integer(signer.certificate.serial))
    return genuine.with_file(EF_SOD, genuine.files[EF_SOD].replace(meant, identified))


# --- the data page --------------------------------------------------------------------


def _printed_other_name(genuine: Personalisation) -> Personalisation:
    lines = _other_name(genuine.printed)
    return _printed(genuine, lines.line1, lines.line2)


def _printed_other_number(genuine: Personalisation) -> Personalisation:
    """Another document number with good check digits: the chip refuses access.

    Its first digit is one that no reader takes for the genuine one: 3 and 9 look like no letter.
    """
    line1, line2 = genuine.printed.line1, genuine.printed.line2
    digit = "3" if line2[0] != "3" else "9"
    number = digit + line2[1:9]
    line2 = number + check_digit(number) + line2[10:43]
    composite = check_digit(line2[0:10] + line2[13:20] + line2[21:43])
    return _printed(genuine, line1, line2 + composite)


def _reprinted(genuine: Personalisation, **changes: Any) -> Personalisation:
    """The data page of another holder, all check digits right, before the same chip."""
    return replace(genuine, printed=td3(replace(genuine.holder, **changes)))


def _printed_other_birth_date(genuine: Personalisation) -> Personalisation:
    born = genuine.holder.birth_date + timedelta(days=1)
    return _reprinted(genuine, birth_date=born)


def _printed_other_expiry(genuine: Personalisation) -> Personalisation:
    return _reprinted(genuine, expiry=genuine.holder.expiry + timedelta(days=365))


def _printed_other_nationality(genuine: Personalisation) -> Personalisation:
    return _reprinted(genuine, nationality="D")


def _printed_other_sex(genuine: Personalisation) -> Personalisation:
    return _reprinted(genuine, sex="M" if genuine.holder.sex != "M" else "F")


def _printed_bad_check_digit(genuine: Personalisation) -> Personalisation:
    line1, line2 = genuine.printed.line1, genuine.printed.line2
    return _printed(genuine, line1, line2[:-1] + str((int(line2[-1]) + 1) % 10))


def _data_content_type(genuine: Personalisation) -> Personalisation:
    """Signed by its state, but as id-data, as some producers do."""
    groups = {number: genuine.files[0x0100 + number] for number in groups_of(genuine)}
    hashes = {number: der.digest(genuine.hash_name, data) for number, data in groups.items()}
    content = lds_security_object(hashes, genuine.hash_name)
    country = genuine.country
    signed = signed_object(DATA, content, country.signer, country.at)
    return genuine.with_file(EF_SOD, der.tlv(0x77, signed))


FORGERIES: dict[str, Forgery] = {
    name: Forgery(name, caught_by, apply)
    for name, caught_by, apply in (
        ("altered_dg1", "dg_hash.DG1", _altered_dg1),
        ("altered_dg2", "dg_hash.DG2", _altered_dg2),
        ("hidden_dg2", "dg_hash.DG2", _hidden_dg2),
        ("garbled_portrait", "face_image", _garbled_portrait),
        ("com_sod_mismatch", "com_sod", _com_sod_mismatch),
        ("com_lists_less", "com_sod", _com_lists_less),
        ("hidden_dg1", "dg_hash.DG1", _hidden_dg1),
        ("swapped_dg1", "dg_hash.DG1", _swapped_dg1),
        ("huge_portrait", "face_image", _huge_portrait),
        ("truncated_sod", "sod_signature", _truncated_sod),
        ("hidden_sod", "sod_signature", _hidden_sod),
        ("altered_attributes", "sod_signature", _altered_attributes),
        ("reordered_issuer", "defects", _reordered_issuer),
        ("broken_sod_signature", "sod_signature", _broken_sod_signature),
        ("altered_sod_hash", "sod_signature", _altered_sod_hash),
        ("stolen_certificate", "sod_signature", _stolen_certificate),
        ("swapped_sod", "dg_hash.DG1", _swapped_sod),
        ("unknown_csca", "ds_chain", rogue_issuers.unknown_csca),
        ("same_key_identifier", "ds_chain", rogue_issuers.same_key_identifier),
        ("signer_as_authority", "ds_chain", rogue_issuers.signer_as_authority),
        ("self_signed_ds", "ds_chain", rogue_issuers.self_signed_ds),
        ("revoked_ds", "ds_revocation", rogue_issuers.revoked_ds),
        ("expired_csca", "csca_validity", rogue_issuers.expired_csca),
        ("foreign_signer", "issuing_state", rogue_issuers.foreign_signer),
        ("expired_ds", "ds_validity", rogue_issuers.expired_ds),
        ("future_ds", "ds_validity", rogue_issuers.future_ds),
        ("wrong_issuing_state", "issuing_state", rogue_issuers.wrong_issuing_state),
        ("expired_document", "expiry", rogue_issuers.expired_document),
        ("printed_other_name", "mrz_dg1", _printed_other_name),
        ("printed_other_number", "access_control", _printed_other_number),
        ("printed_other_birth_date", "access_control", _printed_other_birth_date),
        ("printed_other_expiry", "access_control", _printed_other_expiry),
        ("printed_other_nationality", "mrz_dg1", _printed_other_nationality),
        ("printed_other_sex", "mrz_dg1", _printed_other_sex),
        ("printed_bad_check_digit", "mrz_consistency", _printed_bad_check_digit),
    )
}
"""Forgeries of the document by name."""

_EXPLICIT = "bac_ecdsa_brainpoolP256r1_explicit"
_PICTURES = "dg2_jpeg2000"

SPECIAL_FORGERIES: dict[str, Forgery] = {
    forgery.name: forgery
    for forgery in (
        Forgery("chosen_generator", "ds_chain", chosen_generator, _EXPLICIT, elliptic=True),
        Forgery(
            "chosen_generator_of_signer",
            "sod_signature",
            chosen_generator_of_signer,
            _EXPLICIT,
            elliptic=True,
        ),
        Forgery("huge_jpeg2000", "face_image", _huge_jpeg_2000, _PICTURES),
        Forgery("endless_dg2", "dg_hash.DG2", _endless_dg2),
        Forgery("truncated_dg1", "dg_hash.DG1", _truncated(EF_DG1)),
        Forgery("truncated_dg2", "dg_hash.DG2", _truncated(EF_DG2)),
        Forgery("truncated_com", "com_sod", _truncated(EF_COM)),
        Forgery("nested_com", "com_sod", _nested_com),
        Forgery("empty_sod", "sod_signature", _empty_sod),
        Forgery("data_content_type", "sod_conformance", _data_content_type),
    )
}
"""Forgeries that need a document of their own kind, and files that end too early or never."""
