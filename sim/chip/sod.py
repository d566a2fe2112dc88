"""EF.SOD: the document security object (ICAO Doc 9303-10, 4.6.2; CMS of RFC 5652)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sim.chip import der
from sim.chip.keys import HASH_OIDS
from sim.chip.pki import Certificate, Signer

_SIGNED_DATA = "1.2.840.113549.1.7.2"
LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
SECURITY_OBJECT = "0.4.0.127.0.7.3.2.1"
"""id-SecurityObject: what EF.CardSecurity contains (BSI TR-03110-3, A.1.2.5)."""
DATA = "1.2.840.113549.1.7.1"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"


def lds_security_object(
    group_hashes: Mapping[int, bytes], hash_name: str, lds_version: str = "0107"
) -> bytes:
    """LDSSecurityObject: the hash of each data group by its number (Doc 9303-10, 4.6.2.2).

    Version 0, or from LDS 1.8 on version 1, which names the versions of LDS and Unicode.
    """
    listed = (
        der.sequence(der.integer(number), der.octets(group_hashes[number]))
        for number in sorted(group_hashes)
    )
    signed_version = lds_version >= "0108"
    info = der.sequence(der.printable(lds_version), der.printable("040000"))
    return der.sequence(
        der.integer(1 if signed_version else 0),
        _hash_identifier(hash_name),
        der.sequence(*listed),
        info if signed_version else b"",
    )


def document_security_object(
    content: bytes, signer: Signer, at: datetime, *others: Certificate
) -> bytes:
    """EF.SOD: `content` signed with its signed attributes, the signer's certificate inside.

    `others` are certificates that no state puts there.
    """
    return der.tlv(0x77, signed_object(LDS_SECURITY_OBJECT, content, signer, at, *others))


def signed_object(
    kind: str, content: bytes, signer: Signer, at: datetime, *others: Certificate
) -> bytes:
    """A CMS SignedData over content of this type: a security object, a master or defect list."""
    key = signer.key
    attributes = der.set_of(
        _attribute(_CONTENT_TYPE, der.oid(kind)),
        _attribute(_MESSAGE_DIGEST, der.octets(der.digest(key.hash_name, content))),
        _attribute(_SIGNING_TIME, der.instant(at)),
    )
    certificate = signer.certificate
    signer_info = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer, der.integer(certificate.serial)),
        _hash_identifier(key.hash_name),
        b"\xa0" + attributes[1:],  # signed as SET OF, carried as [0] (RFC 5652, 5.4)
        key.signature_identifier,
        der.octets(key.sign(attributes)),
    )
    signed_data = der.sequence(
        der.integer(3),
        der.set_of(_hash_identifier(key.hash_name)),
        der.sequence(der.oid(kind), der.explicit(0, der.octets(content))),
        der.explicit(0, certificate.der, *(other.der for other in others)),
        der.set_of(signer_info),
    )
    return der.sequence(der.oid(_SIGNED_DATA), der.explicit(0, signed_data))


def _hash_identifier(hash_name: str) -> bytes:
    return der.sequence(der.oid(HASH_OIDS[hash_name]))


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))
