"""Static public keys of a chip in DG14 (Doc 9303-11, 9.2.6; BSI TR-03110-3, A.2)."""

from __future__ import annotations

from typing import NamedTuple

from drivers.passport import tlv
from drivers.passport.chip.agreement import CurveGroup
from drivers.passport.chip.domain_parameters import CURVE_NAMES, AgreementGroup, group_of
from drivers.passport.chip.explicit_parameters import (
    PKCS3_AGREEMENT,
    STANDARDISED,
    X942_PUBLIC_NUMBER,
    modp_number,
)
from drivers.passport.chip.modp import MODP_GROUPS, ModpGroup
from drivers.passport.chip.security_infos import PUBLIC_KEY_DH, PUBLIC_KEY_ECDH, SecurityInfo
from drivers.passport.errors import AlgorithmUnknown, CertificateError, TlvError
from drivers.passport.trust.signatures import EcKey, parse_public_key

_KINDS = {PUBLIC_KEY_DH: "DH", PUBLIC_KEY_ECDH: "ECDH"}


class StaticKey(NamedTuple):
    """A static public key of the chip.

    Attributes:
        public: the encoded public value.
        key_id: names the key where the chip has several.
    """

    group: AgreementGroup
    public: bytes
    key_id: int | None


def public_keys(
    infos: tuple[SecurityInfo, ...],
) -> tuple[tuple[StaticKey, ...], AlgorithmUnknown | None]:
    """The keys that we can compute with, in their order, and why another one is not among them.

    Raises:
        CertificateError: a key does not parse.
    """
    found: list[StaticKey] = []
    unknown: AlgorithmUnknown | None = None
    for info in infos:
        kind = _KINDS.get(info.oid)
        if kind is None or not info.values:
            continue
        try:
            group, public = _key(tlv.encode(0x30, info.values[0].value))
        except AlgorithmUnknown as error:
            unknown = error
            continue
        if group.kind != kind:
            raise CertificateError(f"chip authentication key: {group.name} in an entry for {kind}")
        found.append(StaticKey(group, public, info.number(1)))
    return tuple(found), unknown


def mapping_keys(keys: tuple[StaticKey, ...], parameter_id: int) -> tuple[StaticKey, ...]:
    """Those that PACE with chip authentication mapping over these parameters may have proven.

    The key whose identifier is the number of the parameters, as in the example of Doc 9303-11,
    I.1; where no key on the curve is named so, each of them.
    """
    name = CURVE_NAMES.get(parameter_id)
    fitting = tuple(key for key in keys if key.group.name == name)
    return tuple(key for key in fitting if key.key_id == parameter_id) or fitting


def _key(public_key_info: bytes) -> tuple[AgreementGroup, bytes]:
    """The key, by named, explicit or standardised domain parameters (TR-03110-3, A.2.1)."""
    parts = tlv.read_all(tlv.unwrap(public_key_info, 0x30))
    if len(parts) != 2 or not parts[1].value:
        raise CertificateError("chip authentication key: malformed")
    algorithm, content = tlv.read_all(parts[0].value), parts[1].value[1:]
    named = algorithm[0].value if algorithm else b""
    if named == STANDARDISED:
        number = int.from_bytes(algorithm[1].value, "big") if len(algorithm) > 1 else 0
        if number in MODP_GROUPS:
            return ModpGroup(MODP_GROUPS[number]), _unsigned(content)
        if number not in CURVE_NAMES:
            raise AlgorithmUnknown(f"standardised domain parameters {number}")
        return group_of(number), content
    if named in (X942_PUBLIC_NUMBER, PKCS3_AGREEMENT):
        known = modp_number(algorithm)
        if known is None:
            raise AlgorithmUnknown("chip authentication over a DH group outside RFC 5114")
        return ModpGroup(MODP_GROUPS[known]), _unsigned(content)
    key = parse_public_key(public_key_info)
    if not isinstance(key, EcKey):
        raise AlgorithmUnknown("chip authentication key that is neither on a curve nor of DH")
    return CurveGroup(key.curve), key.point


def _unsigned(content: bytes) -> bytes:
    """The public value of a key of DH: an INTEGER in the bit string (RFC 3279, 2.3.3)."""
    try:
        value = tlv.unwrap(content, 0x02)
    except TlvError:
        raise CertificateError("chip authentication key: no public value") from None
    return value.lstrip(b"\x00")
