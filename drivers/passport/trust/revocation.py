"""What became of certificates after they were issued: CRLs and defect lists.

CRLs are those of a CSCA (Doc 9303-12, 7.1.4; RFC 5280, 5). Defect lists are those of
BSI TR-03129 (id-DefectList): which documents of a signer have a known defect.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from asn1crypto import cms, core, crl

from drivers.passport.errors import CertificateError, DocumentError, SodError
from drivers.passport.trust.asn1 import parsing, utc_day
from drivers.passport.trust.certificates import Certificate, Name, name_of
from drivers.passport.trust.cms import SignedData, parse_signed_data
from drivers.passport.trust.signatures import (
    HASH_OIDS,
    Scheme,
    digest,
    parse_public_key,
    parse_scheme,
    verify,
)

MAX_REVOKED = 200_000
MAX_DEFECTS = 50_000
DEFECT_LIST = "0.4.0.127.0.7.3.1.5"
AUTHENTICITY_DEFECTS = {
    f"{DEFECT_LIST}.1.1": "document signer revoked",
    f"{DEFECT_LIST}.1.2": "document signer malformed",
    f"{DEFECT_LIST}.1.3": "chip authentication keys compromised",
    f"{DEFECT_LIST}.1.4": "active authentication keys compromised",
}
"""Defects that leave a document without proof; any other defect leaves it undetermined."""


class Revocation(StrEnum):
    """The state of a certificate, by a CRL."""

    REVOKED = "revoked"
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A certificate revocation list; its signature is judged when it is used."""

    issuer: Name
    issued: date
    next_issue: date | None
    serials: frozenset[int] = field(repr=False)
    scheme: Scheme
    signature: bytes = field(repr=False)
    tbs: bytes = field(repr=False)

    def signed_by(self, issuer: Certificate) -> bool:
        """Whether this CSCA signed it."""
        try:
            verify(parse_public_key(issuer.public_key_info), self.scheme, self.signature, self.tbs)
        except DocumentError:
            return False
        return True

    def status(self, certificate: Certificate, at: date | None) -> Revocation:
        """The certificate's state on a day; only a current list can call it good."""
        if certificate.serial in self.serials:
            return Revocation.REVOKED
        if at is None or self.issued > at or (self.next_issue is not None and self.next_issue < at):
            return Revocation.UNKNOWN
        return Revocation.GOOD


def parse_revocation_list(der: bytes) -> RevocationList:
    """Parse a DER CRL.

    Raises:
        CertificateError: it does not parse, or is beyond the limit.
        AlgorithmUnknown: signed by an algorithm outside Doc 9303-12.
    """
    with parsing("CRL", CertificateError):
        parsed = crl.CertificateList.load(der)
        tbs = parsed["tbs_cert_list"]
        revoked = tbs["revoked_certificates"]
        entries = () if isinstance(revoked, core.Void) else revoked
        if len(entries) > MAX_REVOKED:
            raise CertificateError(f"CRL of {len(entries)} certificates")
        next_issue = tbs["next_update"]
        return RevocationList(
            issuer=name_of(tbs["issuer"]),
            issued=utc_day(tbs["this_update"]),
            next_issue=None if isinstance(next_issue, core.Void) else utc_day(next_issue),
            serials=frozenset(entry["user_certificate"].native for entry in entries),
            scheme=parse_scheme(parsed["signature_algorithm"], None),
            signature=bytes(parsed["signature"]),
            tbs=tbs.dump(),
        )


class _KnownDefect(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("defect_type", core.ObjectIdentifier),
        ("parameters", core.Any, {"explicit": 0, "optional": True}),
    ]


class _KnownDefects(core.SetOf):  # type: ignore[misc]
    _child_spec = _KnownDefect


class _Defect(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("signer_identifier", cms.SignerIdentifier),
        ("certificate_hash", core.OctetString, {"optional": True}),
        ("known_defects", _KnownDefects),
    ]


class _Defects(core.SetOf):  # type: ignore[misc]
    _child_spec = _Defect


class _DefectList(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("hash_algorithm", core.ObjectIdentifier),
        ("defects", _Defects),
    ]


@dataclass(frozen=True, slots=True)
class Defect:
    """Known defects of every document of one document signer."""

    issuer: Name | None
    serial: int | None
    subject_key_id: bytes | None
    certificate_hash: bytes | None
    hash_name: str
    kinds: tuple[str, ...]

    def concerns(self, signer: Certificate) -> bool:
        """Whether it is about this document signer."""
        if self.certificate_hash is not None and not hmac.compare_digest(
            digest(self.hash_name, signer.der), self.certificate_hash
        ):
            return False
        if self.subject_key_id is not None:
            return signer.subject_key_id == self.subject_key_id
        return signer.serial == self.serial and signer.issuer == self.issuer


def parse_defect_list(der: bytes) -> tuple[SignedData, tuple[Defect, ...]]:
    """Parse a signed defect list; whether its signer may be trusted is the caller's matter.

    Raises:
        SodError: not a defect list, or beyond the limit.
        AlgorithmUnknown: signed by an algorithm outside Doc 9303-12.
    """
    signed = parse_signed_data(der)
    if signed.content_type != DEFECT_LIST:
        raise SodError(f"content {signed.content_type} is no defect list")
    with parsing("defect list", SodError):
        parsed = _DefectList.load(signed.content)
        oid = parsed["hash_algorithm"].dotted
        if oid not in HASH_OIDS:
            raise SodError(f"defect list by hash {oid}")
        if len(parsed["defects"]) > MAX_DEFECTS:
            raise SodError(f"{len(parsed['defects'])} defects")
        return signed, tuple(_defect(item, HASH_OIDS[oid]) for item in parsed["defects"])


def _defect(item: Any, hash_name: str) -> Defect:
    identifier = item["signer_identifier"]
    by_key = identifier.name == "subject_key_identifier"
    named = identifier.chosen
    return Defect(
        issuer=None if by_key else name_of(named["issuer"]),
        serial=None if by_key else named["serial_number"].native,
        subject_key_id=named.native if by_key else None,
        certificate_hash=item["certificate_hash"].native,
        hash_name=hash_name,
        kinds=tuple(known["defect_type"].dotted for known in item["known_defects"]),
    )
