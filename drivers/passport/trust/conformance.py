"""Known deviations of EF.SOD from Doc 9303-10, 4.6.2, and RFC 5652: what each is, and its weight.

A deviation stands beside the verdict on the signature: what an issuer signed is verified as it
was signed, in whatever shape. Those that say something of what was signed are `judged`: the
profile decides whether a document with them may be admitted (`policy.deviations_allowed`). The
others touch only how it was written, and are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from drivers.types import Check, Result

CHECK_ID = "sod_conformance"


class Deviation(StrEnum):
    """Codes of the table; never renamed, never reused."""

    CONTENT_TYPE_DATA = "content_type_data"
    CONTENT_TYPE_OTHER = "content_type_other"
    CONTENT_NOT_OCTETS = "content_not_octets"
    SIGNED_DATA_VERSION = "signed_data_version"
    SIGNER_INFO_VERSION = "signer_info_version"
    DIGEST_ALGORITHMS = "digest_algorithms"
    ATTRIBUTE_ORDER = "attribute_order"
    SIGNER_IDENTIFIER = "signer_identifier"
    LDS_VERSION = "lds_version"
    INDEFINITE_LENGTH = "indefinite_length"
    TRAILING_BYTES = "trailing_bytes"
    NO_SIGNED_ATTRIBUTES = "no_signed_attributes"


MEANINGS = {
    Deviation.CONTENT_TYPE_DATA: "eContentType is id-data",
    Deviation.CONTENT_TYPE_OTHER: "eContentType is neither ldsSecurityObject nor id-data",
    Deviation.CONTENT_NOT_OCTETS: "eContent is no OCTET STRING, as in PKCS #7 1.5",
    Deviation.SIGNED_DATA_VERSION: "version of SignedData is not 3",
    Deviation.SIGNER_INFO_VERSION: "version of SignerInfo is not that of its signer identifier",
    Deviation.DIGEST_ALGORITHMS: "digestAlgorithms lacks the one that was used",
    Deviation.ATTRIBUTE_ORDER: "signed attributes are not in the order of DER",
    Deviation.SIGNER_IDENTIFIER: "the signer identifier names another certificate",
    Deviation.LDS_VERSION: "version of LDSSecurityObject and ldsVersionInfo do not agree",
    Deviation.INDEFINITE_LENGTH: "lengths are indefinite",
    Deviation.TRAILING_BYTES: "bytes follow SignedData",
    Deviation.NO_SIGNED_ATTRIBUTES: "there are no signed attributes; the content itself is signed",
}
"""Every deviation in words."""

JUDGED = frozenset(
    {
        Deviation.CONTENT_TYPE_DATA,
        Deviation.CONTENT_TYPE_OTHER,
        Deviation.CONTENT_NOT_OCTETS,
        Deviation.SIGNED_DATA_VERSION,
        Deviation.NO_SIGNED_ATTRIBUTES,
    }
)
"""Deviations that refer unless the profile allows them; the others are accepted everywhere."""


def conformance_check(deviations: Iterable[Deviation]) -> Check:
    """The finding on an EF.SOD whose signature is good."""
    found = sorted(set(deviations), key=list(Deviation).index)
    judged = tuple(deviation.value for deviation in found if deviation in JUDGED)
    words = [MEANINGS[deviation] for deviation in found if deviation in JUDGED]
    words += [f"accepted: {MEANINGS[item]}" for item in found if item not in JUDGED]
    return Check(
        id=CHECK_ID,
        result=Result.UNDETERMINED if judged else Result.SUCCESSFUL,
        detail=", ".join(words),
        codes=judged,
    )
