"""The demo country's public key infrastructure (ICAO Doc 9303-12): CSCA and document signers.

Every certificate is marked as demo material, by an extension and by its common name, so that
no trust store in service accepts it; other software passes over both marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from drivers.passport.trust.demo_mark import DEMO_MARK_OID
from sim.chip import der
from sim.chip.keys import Algorithm, KeySource, SigningKey

SIGNER_NAME = "DEMO Document Signer"


@dataclass(frozen=True)
class Certificate:
    """An issued certificate: DER, and the parts an issuer refers to again."""

    der: bytes = field(repr=False)
    subject: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    serial: int
    key_id: bytes


@dataclass(frozen=True)
class Signer:
    """A key with its certificate: a CSCA or a document signer."""

    key: SigningKey
    certificate: Certificate


@dataclass(frozen=True)
class Validity:
    """First and last instant of a certificate."""

    not_before: datetime
    not_after: datetime


def name(country: str, organisation: str, common_name: str) -> bytes:
    """Distinguished name: C, O, CN (Doc 9303-12, 7.1.1.2)."""
    rdns = (
        ("2.5.4.6", der.printable(country)),
        ("2.5.4.10", der.utf8(organisation)),
        ("2.5.4.3", der.utf8(common_name)),
    )
    return der.sequence(*(der.set_of(der.sequence(der.oid(kind), value)) for kind, value in rdns))


def _extension(kind: str, value: bytes, *, critical: bool) -> bytes:
    flag = der.TRUE if critical else b""
    return der.sequence(der.oid(kind), flag, der.octets(value))


def _authority_key(key_id: bytes) -> bytes:
    return der.sequence(der.tlv(0x80, key_id))


def issue(
    key: SigningKey,
    subject: bytes,
    serial: int,
    validity: Validity,
    by: Signer | None = None,
    *,
    authority: bool,
) -> Signer:
    """Issue a certificate (Doc 9303-12, table 6), self-signed when `by` is None."""
    key_id = hashlib.sha1(key.public_point, usedforsecurity=False).digest()
    issuer_key = by.key if by else key
    issuer_name = by.certificate.subject if by else subject
    issuer_key_id = by.certificate.key_id if by else key_id
    usage = der.bits(b"\x06", 1) if authority else der.bits(b"\x80", 7)
    extensions = [
        _extension("2.5.29.14", der.octets(key_id), critical=False),
        _extension("2.5.29.35", _authority_key(issuer_key_id), critical=False),
        _extension("2.5.29.15", usage, critical=True),
        _extension(DEMO_MARK_OID, der.utf8("DEMO"), critical=False),
    ]
    if authority:
        basic = der.sequence(der.TRUE, der.integer(0))
        extensions.append(_extension("2.5.29.19", basic, critical=True))
    to_be_signed = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        issuer_key.signature_identifier,
        issuer_name,
        der.sequence(der.instant(validity.not_before), der.instant(validity.not_after)),
        subject,
        key.public_key_info,
        der.explicit(3, der.sequence(*extensions)),
    )
    encoded = der.sequence(
        to_be_signed, issuer_key.signature_identifier, der.bits(issuer_key.sign(to_be_signed))
    )
    return Signer(key, Certificate(encoded, subject, issuer_name, serial, key_id))


@dataclass(frozen=True)
class Country:
    """A state that issues passports: its CSCA and its present document signer.

    `at` is the day of issue from which all dates derive.
    """

    code: str
    csca: Signer
    signer: Signer
    at: datetime
    algorithm: Algorithm
    hash_name: str = "sha256"

    def with_new_signer(self, keys: KeySource, validity: Validity | None = None) -> Country:
        """The same country with another document signer, of another validity if given."""
        validity = validity or signer_validity(self.at)
        return replace(
            self, signer=_document_signer(self._key(keys), keys, self.code, validity, self.csca)
        )

    def with_self_signed_signer(self, keys: KeySource) -> Country:
        """The same country with a document signer that no CSCA has signed."""
        key = self._key(keys)
        subject = name(self.code, "Utopia Demo", SIGNER_NAME)
        alone = issue(key, subject, keys.serial(), signer_validity(self.at), authority=False)
        return replace(self, signer=alone)

    def _key(self, keys: KeySource) -> SigningKey:
        return keys.key(self.algorithm, self.hash_name)

    def revocation_list(self, serials: Iterable[int] = ()) -> bytes:
        """The CSCA's certificate revocation list (Doc 9303-12, 7.1.4), valid 14 years."""
        signer = self.csca
        entries = [
            der.sequence(der.integer(serial), der.instant(self.at)) for serial in sorted(serials)
        ]
        extensions = (
            _extension("2.5.29.35", _authority_key(signer.certificate.key_id), critical=False),
            _extension("2.5.29.20", der.integer(1), critical=False),
        )
        to_be_signed = der.sequence(
            der.integer(1),
            signer.key.signature_identifier,
            signer.certificate.subject,
            der.instant(self.at),
            der.instant(_years(self.at, 14)),
            der.sequence(*entries) if entries else b"",
            der.explicit(0, der.sequence(*extensions)),
        )
        signature = der.bits(signer.key.sign(to_be_signed))
        return der.sequence(to_be_signed, signer.key.signature_identifier, signature)


def _years(at: datetime, years: float) -> datetime:
    return at + timedelta(days=round(365.25 * years))


def signer_validity(at: datetime) -> Validity:
    """A signer works three months and its certificate outlives every passport it signed."""
    return Validity(_years(at, -0.1), _years(at, 10.5))


def _document_signer(
    key: SigningKey, keys: KeySource, code: str, validity: Validity, by: Signer
) -> Signer:
    subject = name(code, "Utopia Demo", SIGNER_NAME)
    return issue(key, subject, keys.serial(), validity, by, authority=False)


def found_country(
    keys: KeySource,
    at: datetime,
    *,
    code: str = "UT",
    algorithm: Algorithm = Algorithm.ECDSA_P256,
    csca_algorithm: Algorithm | None = None,
    hash_name: str = "sha256",
) -> Country:
    """Found a demo country as of `at` (aware): a CSCA valid 15 years, one document signer.

    `code` is the ISO 3166-1 two-letter form in the certificates; UT stands for UTO, the
    specimen state Utopia of Doc 9303.

    Raises:
        ValueError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("the day of issue needs a time zone")
    at = at.astimezone(UTC).replace(microsecond=0)
    csca = issue(
        keys.key(csca_algorithm or algorithm, hash_name),
        name(code, "Utopia Demo", "DEMO CSCA"),
        keys.serial(),
        Validity(_years(at, -1), _years(at, 14)),
        authority=True,
    )
    key = keys.key(algorithm, hash_name)
    signer = _document_signer(key, keys, code, signer_validity(at), csca)
    return Country(code, csca, signer, at, algorithm, hash_name)
