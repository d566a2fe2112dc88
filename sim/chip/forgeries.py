"""Forgeries and faults: named changes to a genuine passport, and the check that must catch each.

A forgery that signs anything draws its keys from the document itself, so the same passport
forged twice gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

from sim.chip import der
from sim.chip.keys import Algorithm, KeySource
from sim.chip.model import Behaviour
from sim.chip.mrz import Td3, check_digit
from sim.chip.personalise import (
    EF_COM,
    EF_DG1,
    EF_DG2,
    EF_SOD,
    Personalisation,
    common_data,
    data_group_1,
    personalise,
)
from sim.chip.pki import Country, Validity, found_country
from sim.chip.portrait import data_group_2, jpeg_size, placeholder_portrait
from sim.chip.sod import document_security_object, lds_security_object


@dataclass(frozen=True)
class Forgery:
    """A named change and the id of the document check that must not succeed because of it."""

    name: str
    caught_by: str
    apply: Callable[[Personalisation], Personalisation]


@dataclass(frozen=True)
class Fault:
    """A chip that misbehaves though its document is genuine.

    `caught_by` is the check that cannot succeed, "" where a good reader overcomes it.
    """

    name: str
    caught_by: str
    behaviour: Behaviour


def _forger(genuine: Personalisation, purpose: str) -> tuple[KeySource, Country]:
    """Keys for a forger, and the country with an algorithm whose keys a seed can give."""
    seed = hashlib.sha256(purpose.encode() + genuine.files[EF_SOD]).digest()
    country = genuine.country
    if country.algorithm in (Algorithm.RSA_PKCS1, Algorithm.RSA_PSS):
        country = replace(country, algorithm=Algorithm.ECDSA_P256)
    return KeySource.seeded(seed), country


def _issued_by(genuine: Personalisation, country: Country) -> Personalisation:
    at = max(country.at, genuine.country.at)
    return personalise(genuine.holder, genuine.portrait_jpeg, country, at=at)


def _printed(genuine: Personalisation, line1: str, line2: str) -> Personalisation:
    return replace(genuine, printed=Td3(line1, line2))


# --- the chip's contents ------------------------------------------------------------


def _other_name(lines: Td3) -> Td3:
    """Another first letter of the surname: no check digit covers the name."""
    letter = "A" if lines.line1[5] != "A" else "B"
    return Td3(lines.line1[:5] + letter + lines.line1[6:], lines.line2)


def _altered_dg1(genuine: Personalisation) -> Personalisation:
    """Another name on the chip and, to match, on the data page."""
    lines = _other_name(genuine.printed)
    return replace(genuine.with_file(EF_DG1, data_group_1(lines)), printed=lines)


def replace_portrait(genuine: Personalisation, jpeg: bytes) -> Personalisation:
    """Another person's portrait on the chip, nothing signed again: what `altered_dg2` is for.

    Raises:
        ValueError: `jpeg` is no JPEG.
    """
    return genuine.with_file(EF_DG2, data_group_2(jpeg, *jpeg_size(jpeg)))


def _altered_dg2(genuine: Personalisation) -> Personalisation:
    content = bytearray(genuine.files[EF_DG2])
    content[-len(genuine.portrait_jpeg) // 4] ^= 0x01  # in the image's entropy-coded data
    return genuine.with_file(EF_DG2, bytes(content))


def _hidden_dg2(genuine: Personalisation) -> Personalisation:
    files = {fid: content for fid, content in genuine.files.items() if fid != EF_DG2}
    return replace(genuine, files=MappingProxyType(files))


def _garbled_portrait(genuine: Personalisation) -> Personalisation:
    """Signed by the state, and still no picture."""
    return personalise(genuine.holder, placeholder_portrait(), genuine.country)


def _com_sod_mismatch(genuine: Personalisation) -> Personalisation:
    return genuine.with_file(EF_COM, common_data((1, 2, 14)))


# --- the signature --------------------------------------------------------------------


def _broken_sod_signature(genuine: Personalisation) -> Personalisation:
    content = bytearray(genuine.files[EF_SOD])
    content[-1] ^= 0x01  # the signature value is EF.SOD's last element
    return genuine.with_file(EF_SOD, bytes(content))


def _altered_sod_hash(genuine: Personalisation) -> Personalisation:
    """An altered DG2 whose hash was put into EF.SOD, which nobody could sign again."""
    forged = _altered_dg2(genuine)
    name = genuine.country.signer.key.hash_name
    before, after = (der.digest(name, p.files[EF_DG2]) for p in (genuine, forged))
    return forged.with_file(EF_SOD, genuine.files[EF_SOD].replace(before, after))


def _stolen_certificate(genuine: Personalisation) -> Personalisation:
    """The true signer's certificate beside a signature by another key."""
    keys, country = _forger(genuine, "stolen_certificate")
    key = keys.key(country.algorithm)
    return _issued_by(genuine, replace(country, signer=replace(country.signer, key=key)))


def _swapped_sod(genuine: Personalisation) -> Personalisation:
    """The security object of another genuine document."""
    content = lds_security_object(
        {n: der.digest("sha256", bytes([n]) + genuine.files[EF_COM]) for n in (1, 2)}, "sha256"
    )
    country = genuine.country
    return genuine.with_file(EF_SOD, document_security_object(content, country.signer, country.at))


# --- the issuer -----------------------------------------------------------------------


def _unknown_csca(genuine: Personalisation) -> Personalisation:
    """A country of the same name with keys of its own."""
    keys, country = _forger(genuine, "unknown_csca")
    rogue = found_country(keys, country.at, code=country.code, algorithm=country.algorithm)
    return _issued_by(genuine, rogue)


def _self_signed_ds(genuine: Personalisation) -> Personalisation:
    keys, country = _forger(genuine, "self_signed_ds")
    return _issued_by(genuine, country.with_self_signed_signer(keys))


def _expired_ds(genuine: Personalisation) -> Personalisation:
    keys, country = _forger(genuine, "expired_ds")
    at = country.at
    validity = Validity(at - timedelta(days=300), at - timedelta(days=30))
    return _issued_by(genuine, country.with_new_signer(keys, validity))


def _future_ds(genuine: Personalisation) -> Personalisation:
    keys, country = _forger(genuine, "future_ds")
    at = country.at
    validity = Validity(at + timedelta(days=3_000), at + timedelta(days=6_000))
    return _issued_by(genuine, country.with_new_signer(keys, validity))


def _wrong_issuing_state(genuine: Personalisation) -> Personalisation:
    """A passport of one state signed by another's document signer."""
    holder = replace(genuine.holder, issuing_state="D", nationality="D")
    return personalise(holder, genuine.portrait_jpeg, genuine.country)


def _expired_document(genuine: Personalisation) -> Personalisation:
    expired = genuine.holder.with_expiry((genuine.country.at - timedelta(days=30)).date())
    return personalise(expired, genuine.portrait_jpeg, genuine.country)


# --- the data page --------------------------------------------------------------------


def _printed_other_name(genuine: Personalisation) -> Personalisation:
    lines = _other_name(genuine.printed)
    return _printed(genuine, lines.line1, lines.line2)


def _printed_other_number(genuine: Personalisation) -> Personalisation:
    """Another document number with good check digits: the chip refuses access."""
    line1, line2 = genuine.printed.line1, genuine.printed.line2
    digit = "1" if line2[0] != "1" else "2"
    number = digit + line2[1:9]
    line2 = number + check_digit(number) + line2[10:43]
    composite = check_digit(line2[0:10] + line2[13:20] + line2[21:43])
    return _printed(genuine, line1, line2 + composite)


def _printed_bad_check_digit(genuine: Personalisation) -> Personalisation:
    line1, line2 = genuine.printed.line1, genuine.printed.line2
    return _printed(genuine, line1, line2[:-1] + str((int(line2[-1]) + 1) % 10))


FORGERIES: dict[str, Forgery] = {
    name: Forgery(name, caught_by, apply)
    for name, caught_by, apply in (
        ("altered_dg1", "dg_hash.DG1", _altered_dg1),
        ("altered_dg2", "dg_hash.DG2", _altered_dg2),
        ("hidden_dg2", "dg_hash.DG2", _hidden_dg2),
        ("garbled_portrait", "face_image", _garbled_portrait),
        ("com_sod_mismatch", "com_sod", _com_sod_mismatch),
        ("broken_sod_signature", "sod_signature", _broken_sod_signature),
        ("altered_sod_hash", "sod_signature", _altered_sod_hash),
        ("stolen_certificate", "sod_signature", _stolen_certificate),
        ("swapped_sod", "dg_hash.DG1", _swapped_sod),
        ("unknown_csca", "ds_chain", _unknown_csca),
        ("self_signed_ds", "ds_chain", _self_signed_ds),
        ("expired_ds", "ds_validity", _expired_ds),
        ("future_ds", "ds_validity", _future_ds),
        ("wrong_issuing_state", "issuing_state", _wrong_issuing_state),
        ("expired_document", "expiry", _expired_document),
        ("printed_other_name", "mrz_dg1", _printed_other_name),
        ("printed_other_number", "access_control", _printed_other_number),
        ("printed_bad_check_digit", "mrz_consistency", _printed_bad_check_digit),
    )
}
"""Forgeries of the document by name."""


def tag_lost_at_byte(count: int) -> Behaviour:
    """The document is pulled away, as the chip sees it, after `count` bytes of files."""
    return Behaviour(lost_at_byte=count)


def session_ends_after(reads: int) -> Behaviour:
    """The chip drops its session (6988) after so many reads; a new session then lasts."""
    return Behaviour(session_ends_after_reads=reads)


def largest_read(size: int) -> Behaviour:
    """The chip answers 6700 to a READ BINARY of more than `size` bytes."""
    return Behaviour(largest_read=size)


FAULTS: dict[str, Fault] = {
    name: Fault(name, caught_by, behaviour)
    for name, caught_by, behaviour in (
        ("reads_of_223", "", largest_read(223)),
        ("reads_of_160", "", largest_read(160)),
        ("reads_of_112", "", largest_read(112)),
        ("short_length_only", "", Behaviour(largest_read=256, extended_length=False)),
        ("session_ends", "", session_ends_after(20)),
        ("tag_lost", "dg_hash.DG2", tag_lost_at_byte(6_000)),
        ("mute", "access_control", Behaviour(mute=True)),
    )
}
"""Faults of the chip by name. A lost tag or a mute one ends the inspection as aborted."""
