"""Passive authentication (ICAO Doc 9303-11, 5.1; BSI TR-03135-1, 4.5.2).

Bytes in, checks out: nothing here talks to a chip, so that a verdict can be made again
from stored files, on another day or with another trust store.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date

from drivers.passport import tlv
from drivers.passport.errors import (
    AlgorithmUnknown,
    CertificateError,
    DemoMaterialRefused,
    DocumentError,
    SignatureInvalid,
    SodError,
    TlvError,
)
from drivers.passport.file_ids import DG_TAGS, FILE_TAGS
from drivers.passport.trust.certificates import Certificate
from drivers.passport.trust.cms import Signer, verify_signed_data
from drivers.passport.trust.conformance import CHECK_ID as CONFORMANCE
from drivers.passport.trust.conformance import conformance_check
from drivers.passport.trust.revocation import AUTHENTICITY_DEFECTS, DEFECT_LIST, Revocation
from drivers.passport.trust.signatures import digest, parse_public_key, verify
from drivers.passport.trust.sod import SecurityObject, parse_sod
from drivers.passport.trust.states import same_state
from drivers.passport.trust.store import TrustStore
from drivers.types import Check, Result

LDS_VERSION_TAG = 0x5F01
UNICODE_VERSION_TAG = 0x5F36
TAG_LIST_TAG = 0x5C
DS_REVOKED = f"{DEFECT_LIST}.1.1"
TLS_PURPOSES = frozenset({"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"})
SIGNER_PURPOSES = ("2.23.136.1.1.", "0.4.0.127.0.7.3.1.")
"""Arcs of the key purposes of list and seal signers, by ICAO and BSI. A CSCA certifies them and
TLS keys as well (Doc 9303-12, table 6); a document signer's certificate names none of these."""


@dataclass(frozen=True, slots=True)
class PassiveAuthentication:
    """What EF.SOD proved.

    Attributes:
        security_object: None where EF.SOD does not parse.
        signer: the document signer, where its signature is good.
        anchor: the CSCA that signed it, where it is trusted.
        checks: sod_signature, sod_conformance, ds_chain, ds_validity, csca_validity,
            ds_revocation, defects.
    """

    security_object: SecurityObject | None
    signer: Signer | None
    anchor: Certificate | None
    checks: tuple[Check, ...]

    @property
    def trusted(self) -> bool:
        """Whether hashes in this EF.SOD are the issuer's: signature and chain are successful."""
        good = {check.id for check in self.checks if check.result is Result.SUCCESSFUL}
        return {"sod_signature", "ds_chain"} <= good

    def hash_check(self, number: int, content: bytes | bytearray) -> Check:
        """Check a data group against its hash in EF.SOD, as read from the chip."""
        name = f"dg_hash.DG{number}"
        listed = self.security_object
        if listed is None or number not in listed.hashes:
            return Check(id=name, result=Result.FAILED, detail="not listed in EF.SOD")
        good = hmac.compare_digest(digest(listed.hash_name, content), listed.hashes[number])
        if not good:
            return Check(id=name, result=Result.FAILED, detail=f"{listed.hash_name} differs")
        return Check(id=name, result=Result.SUCCESSFUL, detail=listed.hash_name)


def authenticate_sod(sod: bytes, trust: TrustStore, at: date | None) -> PassiveAuthentication:
    """Verify EF.SOD's signature, the document signer's chain, and their validity.

    Args:
        sod: the whole file.
        trust: the anchors; whether demo material counts is its own matter.
        at: the day the certificates must be valid on; None when the clock is not trusted.
    """
    try:
        parsed = parse_sod(sod)
    except (SodError, AlgorithmUnknown) as error:
        return PassiveAuthentication(None, None, None, _no_signer(error))
    try:
        signer = verify_signed_data(parsed.signed, trust)
    except (SodError, SignatureInvalid, AlgorithmUnknown, CertificateError) as error:
        return PassiveAuthentication(parsed, None, None, _no_signer(error))
    detail = str(signer.info.scheme)
    if not signer.identified:
        detail += ", wrong signer identifier"
    signature = Check(id="sod_signature", result=Result.SUCCESSFUL, detail=detail)
    anchor, chain = _chain(signer.certificate, trust, at)
    return PassiveAuthentication(
        parsed,
        signer,
        anchor,
        (
            signature,
            conformance_check(parsed.deviations | signer.deviations),
            chain,
            _validity("ds_validity", signer.certificate, at),
            _validity("csca_validity", anchor, at),
            _revocation(signer.certificate, anchor, trust, at),
            _defects(signer, trust),
        ),
    )


def com_sod_check(com: bytes, listed: SecurityObject | None) -> Check:
    """Check that EF.COM announces what EF.SOD lists, and the same versions (LDS 1.8)."""
    if listed is None:
        return Check(id="com_sod", result=Result.UNDETERMINED, detail="no EF.SOD to compare with")
    try:
        objects = tlv.read_all(tlv.unwrap(com, FILE_TAGS["COM"]))
    except TlvError as error:
        return Check(id="com_sod", result=Result.FAILED, detail=f"EF.COM: {error}")
    announced = tlv.find(objects, TAG_LIST_TAG)
    if announced is None:
        return Check(id="com_sod", result=Result.FAILED, detail="EF.COM lists no data groups")
    if set(announced) != {DG_TAGS[number] for number in listed.hashes}:
        return Check(id="com_sod", result=Result.FAILED, detail="data groups differ")
    for tag, signed in (
        (LDS_VERSION_TAG, listed.lds_version),
        (UNICODE_VERSION_TAG, listed.unicode_version),
    ):
        if signed is not None and tlv.find(objects, tag) != signed.encode():
            return Check(id="com_sod", result=Result.FAILED, detail="versions differ")
    return Check(id="com_sod", result=Result.SUCCESSFUL)


def issuing_state_check(state: str, found: PassiveAuthentication) -> Check:
    """Check that DG1's issuing state is the document signer's and its CSCA's."""
    if found.signer is None:
        return Check(
            id="issuing_state", result=Result.UNDETERMINED, detail="no document signer to compare"
        )
    unknown = ""
    for certificate in (found.signer.certificate, found.anchor):
        if certificate is None:
            continue
        same = same_state(state, certificate.country)
        detail = f"{state} and {certificate.country or 'no country'}"
        if same is False:
            return Check(id="issuing_state", result=Result.FAILED, detail=detail)
        unknown = unknown or ("" if same else detail)
    if unknown:
        return Check(id="issuing_state", result=Result.UNDETERMINED, detail=unknown)
    return Check(id="issuing_state", result=Result.SUCCESSFUL, detail=state)


def _no_signer(error: DocumentError) -> tuple[Check, ...]:
    unknown = isinstance(error, AlgorithmUnknown)
    signature = Result.UNDETERMINED if unknown else Result.FAILED
    rest = (CONFORMANCE, "ds_chain", "ds_validity", "csca_validity", "ds_revocation", "defects")
    return (
        Check(id="sod_signature", result=signature, detail=str(error)),
        *(
            Check(id=name, result=Result.UNDETERMINED, detail="no verified document signer")
            for name in rest
        ),
    )


def _chain(
    signer: Certificate, trust: TrustStore, at: date | None
) -> tuple[Certificate | None, Check]:
    if signer.demo and not trust.accept_demo:
        return None, Check(
            id="ds_chain",
            result=Result.FAILED,
            detail=str(DemoMaterialRefused("document signer is marked demo")),
        )
    if _for_other_purposes(signer):
        return None, Check(
            id="ds_chain",
            result=Result.FAILED,
            detail="the certificate is for other purposes than signing documents",
        )
    try:
        issuer = trust.find(signer, at)
    except (AlgorithmUnknown, CertificateError) as error:
        return None, Check(id="ds_chain", result=Result.UNDETERMINED, detail=str(error))
    except SignatureInvalid as error:
        return None, Check(id="ds_chain", result=Result.FAILED, detail=str(error))
    if issuer is None and _signed_itself(signer):
        detail = "document signer signed itself"
        return None, Check(id="ds_chain", result=Result.FAILED, detail=detail)
    if issuer is None or not issuer.trusted:
        detail = f"no trusted CSCA of {signer.country or 'this issuer'} signed it"
        if issuer is not None:
            detail = f"CSCA {issuer.certificate.sha256[:16]} is of a list that is not proven"
        return None, Check(id="ds_chain", result=Result.UNDETERMINED, detail=detail)
    anchor = issuer.certificate
    if signer.country and anchor.country != signer.country:
        detail = f"CSCA of {anchor.country} signed for {signer.country}"
        return None, Check(id="ds_chain", result=Result.FAILED, detail=detail)
    return anchor, Check(
        id="ds_chain", result=Result.SUCCESSFUL, detail=f"CSCA {anchor.sha256[:16]}"
    )


def _for_other_purposes(signer: Certificate) -> bool:
    others = any(kind.startswith(SIGNER_PURPOSES) for kind in signer.purposes)
    return signer.ca or others or bool(signer.purposes & TLS_PURPOSES)


def _signed_itself(signer: Certificate) -> bool:
    try:
        key = parse_public_key(signer.public_key_info)
        verify(key, signer.scheme, signer.signature, signer.tbs)
    except DocumentError:
        return False
    return True


def _revocation(
    signer: Certificate, anchor: Certificate | None, trust: TrustStore, at: date | None
) -> Check:
    """Whether a CRL of the signer's CSCA revokes it, or the CSCA itself."""
    if any(kind == DS_REVOKED for kind in _kinds(signer, trust)):
        detail = "revoked by a defect list"
        return Check(id="ds_revocation", result=Result.FAILED, detail=detail)
    if anchor is None:
        detail = "no trusted CSCA to ask"
        return Check(id="ds_revocation", result=Result.UNDETERMINED, detail=detail)
    states = set()
    for crl in trust.revocation_lists:
        if crl.issuer not in (anchor.subject, signer.issuer):
            continue
        # Its present key signs for all that the CSCA ever issued (Doc 9303-12, 7.1.4).
        keys = (anchor, *trust.named(crl.issuer))
        if not any(crl.signed_by(by) for by in keys if by.country == anchor.country):
            continue
        if crl.status(anchor, at) is Revocation.REVOKED and crl.issuer == anchor.issuer:
            detail = "CSCA is revoked"
            return Check(id="ds_revocation", result=Result.FAILED, detail=detail)
        states.add(crl.status(signer, at))
    if Revocation.REVOKED in states:
        detail = "document signer is revoked"
        return Check(id="ds_revocation", result=Result.FAILED, detail=detail)
    if Revocation.GOOD in states:
        return Check(id="ds_revocation", result=Result.SUCCESSFUL, detail="by CRL")
    detail = "CRL is not of this time" if states else "no CRL of this CSCA"
    return Check(id="ds_revocation", result=Result.UNDETERMINED, detail=detail)


def _defects(signer: Signer, trust: TrustStore) -> Check:
    """Known defects of the signer's documents, and the one that this document shows."""
    kinds = _kinds(signer.certificate, trust)
    grave = [AUTHENTICITY_DEFECTS[kind] for kind in kinds if kind in AUTHENTICITY_DEFECTS]
    if grave:
        return Check(id="defects", result=Result.FAILED, detail=", ".join(grave))
    shown = kinds if signer.identified else [*kinds, "accepted: wrong signer identifier"]
    if shown:
        return Check(id="defects", result=Result.UNDETERMINED, detail=", ".join(shown))
    if trust.defects is None:
        return Check(id="defects", result=Result.UNDETERMINED, detail="no defect list")
    return Check(id="defects", result=Result.SUCCESSFUL, detail="none known")


def _kinds(signer: Certificate, trust: TrustStore) -> list[str]:
    return [kind for item in trust.defects or () if item.concerns(signer) for kind in item.kinds]


def _validity(name: str, certificate: Certificate | None, at: date | None) -> Check:
    if certificate is None:
        return Check(id=name, result=Result.UNDETERMINED, detail="no such certificate")
    if at is None:
        return Check(id=name, result=Result.UNDETERMINED, detail="the clock is not trusted")
    detail = f"{certificate.not_before} to {certificate.not_after}"
    valid = certificate.not_before <= at <= certificate.not_after
    return Check(id=name, result=Result.SUCCESSFUL if valid else Result.FAILED, detail=detail)
