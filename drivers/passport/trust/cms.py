"""CMS SignedData (RFC 5652) as EF.SOD and master lists use it (Doc 9303-10, 4.6.2; -12, 9)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from asn1crypto import cms, core, parser

from drivers.passport import tlv
from drivers.passport.errors import (
    AlgorithmUnknown,
    CertificateError,
    DocumentError,
    SignatureInvalid,
    SodError,
)
from drivers.passport.trust.asn1 import PARSER_FAULTS, parsing, utc_day
from drivers.passport.trust.certificates import Certificate, Name, from_asn1, name_of
from drivers.passport.trust.conformance import Deviation
from drivers.passport.trust.signatures import (
    Scheme,
    digest,
    hash_name,
    parse_public_key,
    parse_scheme,
    verify,
)

MAX_CERTIFICATES = 16
MAX_SIGNERS = 4
ID_SIGNED_DATA = "1.2.840.113549.1.7.2"
ID_CONTENT_TYPE = "1.2.840.113549.1.9.3"
ID_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
ID_SIGNING_TIME = "1.2.840.113549.1.9.5"
VERSION = 3
"""Of SignedData over a content of its own type (RFC 5652, 5.1)."""
OCTET_STRING = 0x04
CONTENTS = 4
"""Where the parser's answer has an object's contents."""
INDEFINITE = 0x80


class _Content(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("content_type", core.ObjectIdentifier),
        ("content", core.Any, {"explicit": 0, "optional": True}),
    ]


class _SignedData(core.Sequence):  # type: ignore[misc]
    """SignedData whose content is read by its own tag; the library's goes by the version."""

    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("digest_algorithms", cms.DigestAlgorithms),
        ("content", _Content),
        ("certificates", cms.CertificateSet, {"implicit": 0, "optional": True}),
        ("crls", cms.RevocationInfoChoices, {"implicit": 1, "optional": True}),
        ("signer_infos", cms.SignerInfos),
    ]


class _ContentInfo(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("content_type", core.ObjectIdentifier),
        ("content", _SignedData, {"explicit": 0}),
    ]


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """Who signed, how, and what exactly.

    Attributes:
        signed_attributes: what the signature may be over: the attributes in the order of DER
            (RFC 5652, 5.4), and as they are stored where some signer kept another. None at all:
            the signature is over the content itself; there is no type and no digest then.
    """

    issuer: Name | None
    serial: int | None
    subject_key_id: bytes | None
    digest_name: str
    scheme: Scheme
    signature: bytes = field(repr=False)
    signed_attributes: tuple[bytes, ...] = field(repr=False)
    content_type: str
    message_digest: bytes = field(repr=False)
    signed_on: date | None = None
    deviations: frozenset[Deviation] = frozenset()

    def names(self, certificate: Certificate) -> bool:
        """Whether this signer identifier is the certificate's."""
        if self.subject_key_id is not None:
            return certificate.subject_key_id == self.subject_key_id
        return certificate.serial == self.serial and certificate.issuer == self.issuer


@dataclass(frozen=True, slots=True)
class SignedData:
    """A signed object with its signers; one is recommended (Doc 9303-10, 4.6.2.2).

    Attributes:
        content: what was signed, for reading.
        digested: what the message digest may be over, where that is not `content`: PKCS #7 1.5
            leaves out tag and length of a content that is no OCTET STRING (RFC 5652, 5.2.1).
        unreadable: how many certificates in it do not parse.
        deviations: what is odd about it, except for its signers.
    """

    content_type: str
    content: bytes = field(repr=False)
    certificates: tuple[Certificate, ...]
    signers: tuple[SignerInfo, ...]
    unreadable: int = 0
    digested: tuple[bytes, ...] = field(default=(), repr=False)
    deviations: frozenset[Deviation] = frozenset()

    @property
    def signer(self) -> SignerInfo:
        """The first signer."""
        return self.signers[0]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: the certificate whose key did, and whether the signer identifier names it.

    `ordered`: the signature is over the signed attributes in the order of DER.
    """

    certificate: Certificate
    identified: bool
    info: SignerInfo
    ordered: bool = True

    @property
    def deviations(self) -> frozenset[Deviation]:
        """What is odd about how it was signed."""
        shown = {
            Deviation.SIGNER_IDENTIFIER: not self.identified,
            Deviation.ATTRIBUTE_ORDER: not self.ordered,
        }
        return self.info.deviations | {item for item, there in shown.items() if there}


def parse_signed_data(
    der: bytes, max_certificates: int = MAX_CERTIFICATES, *, bare: bool = False
) -> SignedData:
    """Parse a ContentInfo with SignedData.

    Args:
        der: the object.
        max_certificates: more are refused.
        bare: signers without signed attributes are taken too. They vouch for the content and
            for no type of it, so only a reader that knows what it must be may ask for them.

    Raises:
        SodError: it does not parse, or a mandatory part is missing.
        AlgorithmUnknown: hash or signature algorithm outside Doc 9303-12.
    """
    with parsing("SignedData", SodError):
        info = _ContentInfo.load(der)
        if info["content_type"].dotted != ID_SIGNED_DATA:
            raise SodError("content is not SignedData")
        signed = info["content"]
        encapsulated = signed["content"]
        signers = signed["signer_infos"]
        if not 1 <= len(signers) <= MAX_SIGNERS:
            raise SodError(f"{len(signers)} signers")
        listed = [choice.chosen for choice in signed["certificates"] or ()]
        if len(listed) > max_certificates:
            raise SodError(f"{len(listed)} certificates")
        certificates = [_certificate(item) for item in listed]
        content, digested, octets = _content(encapsulated["content"])
        used = {item["algorithm"].dotted for item in signed["digest_algorithms"]}
        deviations = {
            Deviation.CONTENT_NOT_OCTETS: not octets,
            Deviation.SIGNED_DATA_VERSION: int(signed["version"]) != VERSION,
            Deviation.DIGEST_ALGORITHMS: any(
                info["digest_algorithm"]["algorithm"].dotted not in used for info in signers
            ),
            Deviation.INDEFINITE_LENGTH: der[1] == INDEFINITE,
            Deviation.TRAILING_BYTES: der[1] != INDEFINITE and tlv.read_head(der).total < len(der),
        }
        return SignedData(
            content_type=encapsulated["content_type"].dotted,
            content=content,
            certificates=tuple(item for item in certificates if item is not None),
            signers=_signers(signers, bare=bare),
            unreadable=certificates.count(None),
            digested=digested,
            deviations=frozenset(item for item, there in deviations.items() if there),
        )


def _content(field: Any) -> tuple[bytes, tuple[bytes, ...], bool]:
    """The content, what of it may have been digested, and whether it is an OCTET STRING."""
    if isinstance(field, core.Void):
        raise SodError("no content is signed")
    explicit = parser.parse(field.dump())
    _, _, tag, header, value, trailer = parser.parse(explicit[CONTENTS])
    encoded: bytes = header + value + trailer
    if tag == OCTET_STRING:
        content = bytes(core.OctetString.load(encoded))
        return content, (content,), True
    return encoded, (value, encoded), False


def verify_signed_data(signed: SignedData, known: Iterable[Certificate] = ()) -> Signer:
    """Verify content and signature by a certificate that comes with it.

    Of several signers one is enough: each of them vouches for the whole content. A certificate
    that was left out may be among those `known`. Where a signer identifier names none at all,
    each that came with it is tried, and the answer says so ("wrong signer identifier", a defect
    known in the field).

    Raises:
        SignatureInvalid: content or signature was altered.
        SodError: no certificate to verify by.
        AlgorithmUnknown, CertificateError: the key cannot be used.
    """
    failure: DocumentError | None = None
    for info in signed.signers:
        try:
            return _verify_signer(signed, info, known)
        except (AlgorithmUnknown, CertificateError, SignatureInvalid, SodError) as error:
            failure = failure or error
    raise failure or SodError("no signer")


def _verify_signer(signed: SignedData, signer: SignerInfo, known: Iterable[Certificate]) -> Signer:
    if signer.signed_attributes:
        _check_attributes(signed, signer)
    named = [item for item in signed.certificates if signer.names(item)]
    named = named or [item for item in known if signer.names(item)]
    failure: AlgorithmUnknown | CertificateError | SignatureInvalid | SodError
    failure = SodError("no document signer certificate")
    for certificate in named or signed.certificates:
        for number, covered in enumerate(signer.signed_attributes or signed.digested):
            try:
                key = parse_public_key(certificate.public_key_info)
                verify(key, signer.scheme, signer.signature, covered)
            except (AlgorithmUnknown, CertificateError, SignatureInvalid) as error:
                failure = error
            else:
                in_order = not number or not signer.signed_attributes
                return Signer(certificate, bool(named), signer, ordered=in_order)
    raise failure


def _check_attributes(signed: SignedData, signer: SignerInfo) -> None:
    """Hold the content against the type and the digest that were signed (RFC 5652, 5.6)."""
    if signer.content_type != signed.content_type:
        raise SignatureInvalid("signed content type differs")
    digests = [digest(signer.digest_name, form) for form in signed.digested]
    if not any(hmac.compare_digest(found, signer.message_digest) for found in digests):
        raise SignatureInvalid("message digest differs from the content's")


def _signers(infos: Any, *, bare: bool) -> tuple[SignerInfo, ...]:
    """Those signers of whose algorithms we know enough; the content has one at least."""
    found = []
    unknown: AlgorithmUnknown | None = None
    for info in infos:
        try:
            found.append(_signer(info, bare=bare))
        except AlgorithmUnknown as error:
            unknown = error
    if unknown is not None and not found:
        raise unknown
    return tuple(found)


def _certificate(item: Any) -> Certificate | None:
    try:
        with parsing("certificate", CertificateError):
            return from_asn1(item)
    except (CertificateError, AlgorithmUnknown):
        return None


def _signer(info: Any, *, bare: bool) -> SignerInfo:
    identifier = info["sid"].chosen
    by_key = info["sid"].name == "subject_key_identifier"
    digest_name = hash_name(info["digest_algorithm"])
    attributes = info["signed_attrs"] or ()
    if not attributes and not bare:
        raise SodError("no signed attributes")
    values = _attribute_values(attributes)
    deviations = {
        Deviation.SIGNER_INFO_VERSION: int(info["version"]) != (3 if by_key else 1),
        Deviation.NO_SIGNED_ATTRIBUTES: not attributes,
    }
    return SignerInfo(
        issuer=None if by_key else name_of(identifier["issuer"]),
        serial=None if by_key else identifier["serial_number"].native,
        subject_key_id=identifier.native if by_key else None,
        digest_name=digest_name,
        scheme=parse_scheme(info["signature_algorithm"], digest_name),
        signature=bytes(info["signature"]),
        signed_attributes=_signed_forms(attributes) if attributes else (),
        content_type=values[ID_CONTENT_TYPE].dotted if attributes else "",
        message_digest=values[ID_MESSAGE_DIGEST].native if attributes else b"",
        signed_on=_day(values.get(ID_SIGNING_TIME)),
        deviations=frozenset(item for item, there in deviations.items() if there),
    )


def _attribute_values(attributes: Any) -> dict[str, Any]:
    """The signed attributes that are read, each of one value; the first two are mandatory."""
    values: dict[str, Any] = {}
    for attribute in attributes:
        oid = attribute["type"].dotted
        if oid not in (ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNING_TIME):
            continue  # a state's own: signed, and no more (Doc 9303-10, 4.6.2.2)
        if oid in values or len(attribute["values"]) != 1:
            raise SodError("signed attribute with several values")
        values[oid] = attribute["values"][0]
    if attributes and (ID_CONTENT_TYPE not in values or ID_MESSAGE_DIGEST not in values):
        raise SodError("signed attributes without content type or message digest")
    return values


def _day(time: Any) -> date | None:
    """Of a time of signing: informational only; malformed is treated as absent."""
    try:
        return None if time is None else utc_day(time)
    except PARSER_FAULTS:
        return None


def _signed_forms(attributes: Any) -> tuple[bytes, ...]:
    """Signed is the SET OF (RFC 5652, 5.4), carried with an implicit tag."""
    stored = [attribute.dump() for attribute in attributes]
    forms = dict.fromkeys((b"".join(sorted(stored)), b"".join(stored)))
    return tuple(tlv.encode(0x31, form) for form in forms)
