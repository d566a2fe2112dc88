"""SecurityInfos: what a chip says of the protocols it knows (ICAO Doc 9303-11, 9.2).

EF.CardAccess announces PACE before access control; DG14 repeats it signed, beside chip and
active authentication.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.chip import der
from sim.chip.curves import Group, explicit_parameters
from sim.chip.key_derivation import CipherSuite
from sim.chip.prime_fields import FIELDS, x942_parameters

CHIP_AUTHENTICATION = "0.4.0.127.0.7.2.2.3.2"
"""id-CA-ECDH; the cipher suite is the next arc (table 6)."""
CHIP_AUTHENTICATION_DH = "0.4.0.127.0.7.2.2.3.1"
"""id-CA-DH."""

_PUBLIC_KEY_DH = "0.4.0.127.0.7.2.2.1.1"
_PUBLIC_KEY_ECDH = "0.4.0.127.0.7.2.2.1.2"
_X942_PUBLIC_NUMBER = "1.2.840.10046.2.1"
_ACTIVE_AUTHENTICATION = "2.23.136.1.1.5"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_STANDARDISED = "0.4.0.127.0.7.1.2"
_PLAIN_SIGNATURES = "0.4.0.127.0.7.1.1.4.1"
_PLAIN_HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")


def security_infos(infos: Iterable[bytes]) -> bytes:
    """SecurityInfos: EF.CardAccess as it is, DG14 inside its tag."""
    return der.set_of(*infos)


def chip_authentication_info(
    suite: CipherSuite, key_id: int | None, *, over_field: bool = False
) -> bytes:
    """ChipAuthenticationInfo, version 1 (9.2.7), of a key on a curve or over a prime field."""
    identifier = b"" if key_id is None else der.integer(key_id)
    protocol = CHIP_AUTHENTICATION_DH if over_field else CHIP_AUTHENTICATION
    return der.sequence(der.oid(f"{protocol}.{suite.arc}"), der.integer(1), identifier)


def chip_public_key_info(parameter_id: int, point: bytes, key_id: int | None) -> bytes:
    """ChipAuthenticationPublicKeyInfo with explicit parameters (9.2.6), as most states issue it."""
    algorithm = der.sequence(der.oid(_EC_PUBLIC_KEY), explicit_parameters(Group(parameter_id)))
    return _public_key_info(_PUBLIC_KEY_ECDH, algorithm, point, key_id)


def modp_public_key_info(parameter_id: int, public: bytes, key_id: int | None) -> bytes:
    """The same of a key over a prime field: dhpublicnumber (9.5.2; RFC 3279, 2.3.3)."""
    algorithm = der.sequence(der.oid(_X942_PUBLIC_NUMBER), x942_parameters(parameter_id))
    return _public_key_info(_PUBLIC_KEY_DH, algorithm, _number(public), key_id)


def standardised_public_key_info(parameter_id: int, public: bytes, key_id: int | None) -> bytes:
    """The same by the number of the standardised parameters alone (9.5.1)."""
    algorithm = der.sequence(der.oid(_STANDARDISED), der.integer(parameter_id))
    if parameter_id in FIELDS:
        return _public_key_info(_PUBLIC_KEY_DH, algorithm, _number(public), key_id)
    return _public_key_info(_PUBLIC_KEY_ECDH, algorithm, public, key_id)


def _number(public: bytes) -> bytes:
    return der.integer(int.from_bytes(public, "big"))


def _public_key_info(kind: str, algorithm: bytes, public: bytes, key_id: int | None) -> bytes:
    identifier = b"" if key_id is None else der.integer(key_id)
    return der.sequence(der.oid(kind), der.sequence(algorithm, der.bits(public)), identifier)


def active_authentication_info(hash_name: str) -> bytes:
    """ActiveAuthenticationInfo for ECDSA with plain signatures (9.2.5)."""
    scheme = f"{_PLAIN_SIGNATURES}.{_PLAIN_HASHES.index(hash_name) + 1}"
    return der.sequence(der.oid(_ACTIVE_AUTHENTICATION), der.integer(1), der.oid(scheme))
