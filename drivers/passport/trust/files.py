"""Files a trust store is made of: certificates, CSCA master lists, CRLs, defect lists.

A list counts where its signature is good and its signer is, or was certified by, a
certificate that was given by itself; otherwise its certificates are there but unproven.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache

from asn1crypto import cms, core, x509

from drivers.passport import tlv
from drivers.passport.errors import (
    AlgorithmUnknown,
    CertificateError,
    DocumentError,
    SodError,
    TlvError,
)
from drivers.passport.trust import ldif
from drivers.passport.trust.asn1 import parsing
from drivers.passport.trust.certificates import Certificate, parse_certificate, split_pem
from drivers.passport.trust.cms import SignedData, parse_signed_data, verify_signed_data
from drivers.passport.trust.revocation import (
    DEFECT_LIST,
    Defect,
    RevocationList,
    parse_defect_list,
    parse_revocation_list,
)
from drivers.passport.trust.store import MAX_CERTIFICATES, TrustStore

CSCA_MASTER_LIST = "2.23.136.1.1.2"
LIST_SIGNING = frozenset({"2.23.136.1.1.3", "0.4.0.127.0.7.3.1.5.3.1"})
"""Extended key usage of a list signer; without it a document signer could sign lists."""
MAX_FILE = 32 * 1024 * 1024
MAX_OBJECTS = 4096


class Kind(StrEnum):
    """What a file holds."""

    CERTIFICATE = "certificate"
    MASTER_LIST = "master_list"
    CRL = "crl"
    DEFECT_LIST = "defect_list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One object of a trust store's files.

    Attributes:
        unreadable: how many certificates of the list, or objects of its file, do not parse.
        signed: of a list, what was signed.
    """

    kind: Kind
    der: bytes = field(repr=False)
    certificates: tuple[Certificate, ...] = field(default=(), repr=False)
    unreadable: int = 0
    version: int | None = None
    crl: RevocationList | None = None
    defects: tuple[Defect, ...] = field(default=(), repr=False)
    signed: SignedData | None = field(default=None, repr=False)

    @property
    def sha256(self) -> str:
        """Fingerprint."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def issued(self) -> date | None:
        """The day it was made, None where it does not name one."""
        if self.crl is not None:
            return self.crl.issued
        if self.signed is not None:
            return self.signed.signer.signed_on
        return self.certificates[0].not_before if self.certificates else None


@dataclass(frozen=True, slots=True)
class SignerTrust:
    """Whether a list may be trusted, who signed it, and why not."""

    trusted: bool
    signer: Certificate | None
    detail: str


def parse_file(data: bytes) -> list[Source]:
    """What a file holds: one DER object, or those of a PEM file, LDIF or PKCS #7 bundle.

    One object of several that is none of the kinds is counted as unreadable beside the first.

    Raises:
        DocumentError: nothing in it is one of the kinds, or it is beyond a limit.
    """
    if len(data) > MAX_FILE:
        raise CertificateError(f"file of {len(data)} bytes")
    objects = ldif.objects(data) if ldif.is_ldif(data) else split_pem(data)
    bundled = [part for der in objects for part in _unbundled(der)]
    if len(bundled) > MAX_OBJECTS:
        raise CertificateError(f"file of {len(bundled)} objects")
    found: list[Source] = []
    failure: DocumentError | None = None
    for der in bundled:
        try:
            found.append(_source(der))
        except DocumentError as error:
            failure = failure or error
    if not found:
        raise failure or CertificateError("no certificate, list or CRL in it")
    unreadable = found[0].unreadable + len(bundled) - len(found)
    return [replace(found[0], unreadable=unreadable), *found[1:]]


def signer_trust(source: Source, given: TrustStore) -> SignerTrust:
    """Whether a list is signed by, or under, a certificate that was given by itself."""
    if source.signed is None:
        return SignerTrust(trusted=True, signer=None, detail="given by itself")
    try:
        signer = verify_signed_data(source.signed).certificate
    except DocumentError as error:
        return SignerTrust(trusted=False, signer=None, detail=str(error))
    if any(anchor.der == signer.der for anchor in given):
        return SignerTrust(trusted=True, signer=signer, detail="signed by a given certificate")
    if not signer.purposes & LIST_SIGNING:
        return SignerTrust(trusted=False, signer=signer, detail="not a list signer's certificate")
    beside = TrustStore(given, unproven=source.signed.certificates, accept_demo=given.accept_demo)
    try:
        issuer = beside.find(signer)
    except DocumentError as error:
        return SignerTrust(trusted=False, signer=signer, detail=f"signer: {error}")
    if issuer is None or not issuer.trusted:
        return SignerTrust(trusted=False, signer=signer, detail="no given certificate certifies it")
    if issuer.certificate.country != signer.country:
        return SignerTrust(trusted=False, signer=signer, detail="certified by another state")
    return SignerTrust(trusted=True, signer=signer, detail="certified by a given certificate")


def assemble(sources: Sequence[Source], *, accept_demo: bool = False) -> TrustStore:
    """The trust store that these files make together.

    Raises:
        DemoMaterialRefused: a certificate carries the demo mark and that is not accepted.
        CertificateError: more certificates than a store holds.
    """
    given = TrustStore(_given(sources), accept_demo=accept_demo)
    proven: list[Certificate] = list(given)
    unproven: list[Certificate] = []
    defects: list[Defect] | None = None
    for source in sources:
        if source.signed is None:
            continue
        trusted = signer_trust(source, given).trusted
        (proven if trusted else unproven).extend(source.certificates)
        if source.kind is Kind.DEFECT_LIST and trusted:
            defects = [*(defects or ()), *source.defects]
    return TrustStore(
        proven,
        accept_demo=accept_demo,
        unproven=unproven,
        revocation_lists=[source.crl for source in sources if source.crl is not None],
        defects=defects,
        newest=newest_list(sources),
    )


def newest_list(sources: Iterable[Source]) -> date | None:
    """The day of the newest list, of whatever kind; None without any that names its day."""
    lists = (source for source in sources if source.kind is not Kind.CERTIFICATE)
    return max((source.issued for source in lists if source.issued), default=None)


def given_store(sources: Iterable[Source], *, accept_demo: bool = False) -> TrustStore:
    """The store of the certificates that were given by themselves."""
    return TrustStore(_given(sources), accept_demo=accept_demo)


class _MasterList(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("certificates", core.SetOf, {"spec": x509.Certificate})]  # noqa: RUF012


def _given(sources: Iterable[Source]) -> Iterable[Certificate]:
    return (
        certificate
        for source in sources
        if source.kind is Kind.CERTIFICATE
        for certificate in source.certificates
    )


def _source(der: bytes) -> Source:
    kind = _kind(der)
    if kind is Kind.CERTIFICATE:
        return Source(kind=kind, der=der, certificates=(parse_certificate(der),))
    if kind is Kind.CRL:
        return Source(kind=kind, der=der, crl=parse_revocation_list(der))
    signed = parse_signed_data(der)
    if signed.content_type == DEFECT_LIST:
        signed, defects = parse_defect_list(der)
        return Source(kind=Kind.DEFECT_LIST, der=der, signed=signed, defects=defects)
    if signed.content_type != CSCA_MASTER_LIST:
        raise SodError(f"content {signed.content_type} is no list of ours")
    version, certificates, unreadable = _listed(signed)
    return Source(
        kind=Kind.MASTER_LIST,
        der=der,
        signed=signed,
        certificates=certificates,
        unreadable=unreadable,
        version=version,
    )


def _unbundled(der: bytes) -> list[bytes]:
    """Certificates and CRLs of SignedData without a signer, a bundle; else what was given."""
    try:
        if _kind(der) is not Kind.MASTER_LIST:
            return [der]
        with parsing("PKCS #7", SodError):
            signed = cms.ContentInfo.load(der)["content"]
            if not isinstance(signed, cms.SignedData) or len(signed["signer_infos"]):
                return [der]
            listed = (*(signed["certificates"] or ()), *(signed["crls"] or ()))
            return [item.chosen.dump() for item in listed]
    except (CertificateError, SodError):
        return [der]


def _kind(der: bytes) -> Kind:
    """By the first elements: an object identifier, a version in [0], or neither."""
    if der.startswith(b"\x30\x80\x06"):  # SignedData of indefinite length, as streams are
        return Kind.MASTER_LIST
    try:
        outer, _ = tlv.read(der)
        inner = tlv.read_head(outer.value)
        if outer.tag != 0x30:
            raise CertificateError("neither certificate, list nor CRL")
        if inner.tag == 0x06:
            return Kind.MASTER_LIST
        first = tlv.read_head(outer.value, inner.size).tag
    except TlvError as error:
        raise CertificateError(f"neither certificate, list nor CRL: {error}") from None
    return Kind.CERTIFICATE if first == 0xA0 else Kind.CRL


@lru_cache(maxsize=4096)
def _listed_certificate(der: bytes) -> Certificate:
    """As `parse_certificate`: the lists of many states hold the same certificates."""
    return parse_certificate(der)


def _listed(signed: SignedData) -> tuple[int, tuple[Certificate, ...], int]:
    """Version, certificates, and how many do not parse."""
    found: list[Certificate] = []
    unreadable = 0
    with parsing("master list", SodError):
        content = _MasterList.load(signed.content)
        listed = content["certificates"]
        if len(listed) > MAX_CERTIFICATES:
            raise SodError(f"{len(listed)} certificates")
        for item in listed:
            try:
                found.append(_listed_certificate(item.dump()))
            except (CertificateError, AlgorithmUnknown):
                unreadable += 1
        return int(content["version"].native), tuple(found), unreadable
