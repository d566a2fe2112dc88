"""X.509 certificates of document signers and CSCAs (ICAO Doc 9303-12, 7.1).

Parsed by asn1crypto into a frozen record, because `cryptography` refuses a fifth of the
CSCA certificates in the field (explicit curve parameters). Keys become objects when used.
"""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from asn1crypto import core, pem, x509

from drivers.passport.errors import CertificateError
from drivers.passport.trust.asn1 import PARSER_FAULTS, parsing, utc_day
from drivers.passport.trust.demo_mark import is_demo
from drivers.passport.trust.signatures import Scheme, parse_scheme

MAX_CERTIFICATE = 65_536
MAX_EXTENSIONS = 64
EMPTY = b"\x30\x00"

Name = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, with what passive authentication asks of it.

    Attributes:
        subject, issuer: attribute types and values, case and spaces folded, in order.
        country: countryName of the subject, upper case, or "".
        demo: whether it carries a demo mark (`demo_mark`); no gate in service trusts it.
        purposes: object identifiers of its extended key usage.
    """

    der: bytes = field(repr=False)
    tbs: bytes = field(repr=False)
    scheme: Scheme
    signature: bytes = field(repr=False)
    public_key_info: bytes = field(repr=False)
    serial: int
    subject: Name
    issuer: Name
    country: str
    subject_key_id: bytes | None
    authority_key_id: bytes | None
    not_before: date
    not_after: date
    ca: bool
    demo: bool
    purposes: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str:
        """Fingerprint."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are the same."""
        return self.subject == self.issuer

    @property
    def may_issue(self) -> bool:
        """Whether it is a CA's; a few CSCAs in the field do not say so of themselves."""
        return self.ca or self.self_issued


def parse_certificate(der: bytes) -> Certificate:
    """Parse one DER certificate.

    Raises:
        CertificateError: it does not parse.
        AlgorithmUnknown: its signature algorithm is outside Doc 9303-12.
    """
    if len(der) > MAX_CERTIFICATE:
        raise CertificateError(f"certificate of {len(der)} bytes")
    with parsing("certificate", CertificateError):
        return from_asn1(x509.Certificate.load(der))


def from_asn1(certificate: Any) -> Certificate:
    """Take what is needed from an asn1crypto certificate; its errors pass through."""
    tbs = certificate["tbs_certificate"]
    extensions = _extensions(tbs)
    validity = tbs["validity"]
    subject, issuer = name_of(tbs["subject"]), name_of(tbs["issuer"])
    basic = x509.BasicConstraints.load(extensions.get("2.5.29.19", EMPTY))
    usage = x509.ExtKeyUsageSyntax.load(extensions.get("2.5.29.37", EMPTY))
    return Certificate(
        der=certificate.dump(),
        tbs=tbs.dump(),
        scheme=parse_scheme(certificate["signature_algorithm"], None),
        signature=bytes(certificate["signature_value"]),
        public_key_info=tbs["subject_public_key_info"].dump(),
        serial=tbs["serial_number"].native,
        subject=subject,
        issuer=issuer,
        country=next((value.upper() for kind, value in subject if kind == "2.5.4.6"), ""),
        subject_key_id=_subject_key_id(extensions.get("2.5.29.14")),
        authority_key_id=_authority_key_id(extensions.get("2.5.29.35")),
        not_before=utc_day(validity["not_before"]),
        not_after=utc_day(validity["not_after"]),
        ca=bool(basic["ca"].native),
        demo=is_demo(extensions, subject, issuer),
        purposes=frozenset(item.dotted for item in usage),
    )


def split_pem(data: bytes) -> list[bytes]:
    """The DER objects in a PEM file; a DER file is the one object it is.

    Raises:
        CertificateError: PEM armour that does not hold together.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if not pem.detect(data):
        return [data]
    with parsing("PEM file", CertificateError):
        return [der for _, _, der in pem.unarmor(data, multiple=True)]


def name_of(name: Any) -> Name:
    """A distinguished name for comparing: case and white space folded (RFC 5280, 7.1)."""
    return tuple(
        (attribute["type"].dotted, " ".join(str(attribute["value"].native).split()).casefold())
        for rdn in name.chosen
        for attribute in rdn
    )


class _Extension(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("extn_id", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("extn_value", core.OctetString),
    ]


def _extensions(tbs: Any) -> dict[str, bytes]:
    """The content of each extension by its object identifier."""
    listed = tbs["extensions"]
    if isinstance(listed, core.Void):
        return {}
    found: dict[str, bytes] = {}
    for extension in listed:
        if len(found) >= MAX_EXTENSIONS:
            raise CertificateError(f"certificate with more than {MAX_EXTENSIONS} extensions")
        # The library's own class would parse every extension that it knows, and refuse the
        # certificate for one that is not needed here.
        opened = _Extension.load(extension.dump())
        found[opened["extn_id"].dotted] = opened["extn_value"].native
    return found


def _subject_key_id(value: bytes | None) -> bytes | None:
    """It only helps to find a key, so one that does not parse is none."""
    try:
        return None if value is None else bytes(core.OctetString.load(value))
    except PARSER_FAULTS:
        return None


def _authority_key_id(value: bytes | None) -> bytes | None:
    try:
        return x509.AuthorityKeyIdentifier.load(value or EMPTY)["key_identifier"].native or None
    except PARSER_FAULTS:
        return None
