"""Judging the certificates of a trust store: signed by itself, linked, or by an unknown issuer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from drivers.passport.errors import DocumentError
from drivers.passport.trust.certificates import Certificate
from drivers.passport.trust.signatures import parse_public_key, verify
from drivers.passport.trust.store import TrustStore


class SignatureState(StrEnum):
    """What a certificate's signature proved to be.

    `ORPHAN` names an issuer that is not here, so nothing is known of its signature;
    `BAD` claims its own key or one that is here, and neither made the signature.
    """

    SELF_SIGNED = "self_signed"
    LINK = "link"
    ORPHAN = "orphan"
    UNUSABLE = "unusable"
    BAD = "bad"


def audit(certificates: Iterable[Certificate]) -> list[tuple[Certificate, SignatureState]]:
    """Judge every signature; explicit curve parameters included."""
    listed = list(certificates)
    every = TrustStore(listed, accept_demo=True)
    return [(certificate, _judge(certificate, every)) for certificate in listed]


def _judge(certificate: Certificate, every: TrustStore) -> SignatureState:
    try:
        own = parse_public_key(certificate.public_key_info)
    except DocumentError:
        return SignatureState.UNUSABLE
    try:
        verify(own, certificate.scheme, certificate.signature, certificate.tbs)
    except DocumentError:
        pass
    else:
        return SignatureState.SELF_SIGNED
    try:
        issuer = every.issuer(certificate)
    except DocumentError:
        issuer = None
    if issuer is not None:
        return SignatureState.LINK
    claims_own_key = certificate.self_issued and certificate.authority_key_id in (
        None,
        certificate.subject_key_id,
    )
    return SignatureState.BAD if claims_own_key else SignatureState.ORPHAN
