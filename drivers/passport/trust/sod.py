"""EF.SOD: the document security object (ICAO Doc 9303-10, 4.6.2; LDS 1.7 and 1.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from asn1crypto import core
from asn1crypto.algos import DigestAlgorithm

from drivers.passport import tlv
from drivers.passport.errors import SodError, TlvError
from drivers.passport.file_ids import DG_TAGS, FILE_TAGS
from drivers.passport.trust.asn1 import parsing
from drivers.passport.trust.cms import SignedData, parse_signed_data
from drivers.passport.trust.conformance import Deviation
from drivers.passport.trust.signatures import HASHES, hash_name

ID_DATA = "1.2.840.113549.1.7.1"
LDS_SECURITY_OBJECT = frozenset({"2.23.136.1.1.1", "1.3.27.1.1.1"})
"""id-icao-mrtd-security-ldsSecurityObject, and the identifier of its first drafts."""


class _DataGroupHash(core.Sequence):  # type: ignore[misc]
    _fields = [("number", core.Integer), ("hash", core.OctetString)]  # noqa: RUF012


class _DataGroupHashes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _DataGroupHash


class _LdsVersion(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("lds_version", core.PrintableString),
        ("unicode_version", core.PrintableString),
    ]


class _LdsSecurityObject(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("hash_algorithm", DigestAlgorithm),
        ("hashes", _DataGroupHashes),
        ("lds_version_info", _LdsVersion, {"optional": True}),
    ]


@dataclass(frozen=True, slots=True)
class SecurityObject:
    """What the issuer signed: the hash of every data group.

    Attributes:
        hashes: data group number to its hash.
        lds_version, unicode_version: as in EF.COM ("0108"), or None before LDS 1.8.
        deviations: what is odd about it, except for its signers.
    """

    signed: SignedData = field(repr=False)
    hash_name: str
    hashes: dict[int, bytes] = field(repr=False)
    lds_version: str | None
    unicode_version: str | None
    deviations: frozenset[Deviation] = frozenset()


def parse_sod(data: bytes) -> SecurityObject:
    """Parse EF.SOD.

    Raises:
        SodError: it does not parse, or lists no data group or an unknown one.
        AlgorithmUnknown: a hash or signature algorithm outside Doc 9303-12.
    """
    try:
        signed = parse_signed_data(tlv.unwrap(data, FILE_TAGS["SOD"]), bare=True)
    except TlvError as error:
        raise SodError(f"EF.SOD: {error}") from None
    with parsing("LDSSecurityObject", SodError):
        parsed = _LdsSecurityObject.load(signed.content)
        name = hash_name(parsed["hash_algorithm"])
        hashes: dict[int, bytes] = {}
        for item in parsed["hashes"]:
            group, value = int(item["number"].native), item["hash"].native
            if group not in DG_TAGS or group in hashes:
                raise SodError(f"data group {group} is unknown or listed twice")
            if len(value) != HASHES[name].digest_size:
                raise SodError(f"hash of data group {group} has {len(value)} bytes")
            hashes[group] = value
        version = parsed["lds_version_info"].native
        number = int(parsed["version"])
    if not hashes:
        raise SodError("no data group is listed")
    return SecurityObject(
        signed=signed,
        hash_name=name,
        hashes=hashes,
        lds_version=version["lds_version"] if version else None,
        unicode_version=version["unicode_version"] if version else None,
        deviations=signed.deviations
        | _content_type(signed.content_type)
        | ({Deviation.LDS_VERSION} if number != bool(version) else set()),
    )


def _content_type(kind: str) -> set[Deviation]:
    if kind in LDS_SECURITY_OBJECT:
        return set()
    return {Deviation.CONTENT_TYPE_DATA if kind == ID_DATA else Deviation.CONTENT_TYPE_OTHER}
