"""LDIF (RFC 2849), as the ICAO PKD is downloaded: certificates, CRLs and master lists in Base64."""

from __future__ import annotations

import base64
import binascii
import re

from drivers.passport.errors import CertificateError

BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?(?:#[^\n]*\n|\s)*(?:version:\s*1\s|dn::?\s)")
FOLD = re.compile(rb"\r?\n ")
VALUE = re.compile(
    rb"^(?:userCertificate|cACertificate|certificateRevocationList|authorityRevocationList"
    rb"|pkdMasterListContent|CscaMasterListData)(?:;binary)?::[ \t]*(\S*)\s*$",
    re.IGNORECASE | re.MULTILINE,
)


def is_ldif(data: bytes) -> bool:
    """Whether it begins as LDIF does: with a version or a distinguished name."""
    return BEGIN.match(data) is not None


def objects(data: bytes) -> list[bytes]:
    """The DER objects of its entries, in their order; other attributes are passed over.

    Raises:
        CertificateError: a value is not Base64.
    """
    try:
        return [
            base64.b64decode(found, validate=True) for found in VALUE.findall(FOLD.sub(b"", data))
        ]
    except binascii.Error:
        raise CertificateError("LDIF: a value is not Base64") from None
