"""SecurityInfos: what a chip says of the protocols it knows (ICAO Doc 9303-11, 9.2).

EF.CardAccess announces PACE before access control; DG14 repeats it signed, beside chip and
active authentication.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.chip import der
from sim.chip.curves import Group, explicit_parameters
from sim.chip.key_derivation import CipherSuite

CHIP_AUTHENTICATION = "0.4.0.127.0.7.2.2.3.2"
"""id-CA-ECDH; the cipher suite is the next arc (table 6)."""

_PUBLIC_KEY_ECDH = "0.4.0.127.0.7.2.2.1.2"
_ACTIVE_AUTHENTICATION = "2.23.136.1.1.5"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_STANDARDISED = "0.4.0.127.0.7.1.2"
_PLAIN_SIGNATURES = "0.4.0.127.0.7.1.1.4.1"
_PLAIN_HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")


def security_infos(infos: Iterable[bytes]) -> bytes:
    """SecurityInfos: EF.CardAccess as it is, DG14 inside its tag."""
    return der.set_of(*infos)


def chip_authentication_info(suite: CipherSuite, key_id: int | None) -> bytes:
    """ChipAuthenticationInfo, version 1 (9.2.7)."""
    identifier = b"" if key_id is None else der.integer(key_id)
    return der.sequence(der.oid(f"{CHIP_AUTHENTICATION}.{suite.arc}"), der.integer(1), identifier)


def chip_public_key_info(parameter_id: int, point: bytes, key_id: int | None) -> bytes:
    """ChipAuthenticationPublicKeyInfo with explicit parameters (9.2.6), as most states issue it."""
    algorithm = der.sequence(der.oid(_EC_PUBLIC_KEY), explicit_parameters(Group(parameter_id)))
    return _public_key_info(algorithm, point, key_id)


def standardised_public_key_info(parameter_id: int, point: bytes, key_id: int | None) -> bytes:
    """The same by the number of the standardised parameters alone (9.5.1)."""
    algorithm = der.sequence(der.oid(_STANDARDISED), der.integer(parameter_id))
    return _public_key_info(algorithm, point, key_id)


def _public_key_info(algorithm: bytes, point: bytes, key_id: int | None) -> bytes:
    identifier = b"" if key_id is None else der.integer(key_id)
    return der.sequence(
        der.oid(_PUBLIC_KEY_ECDH), der.sequence(algorithm, der.bits(point)), identifier
    )


def active_authentication_info(hash_name: str) -> bytes:
    """ActiveAuthenticationInfo for ECDSA with plain signatures (9.2.5)."""
    scheme = f"{_PLAIN_SIGNATURES}.{_PLAIN_HASHES.index(hash_name) + 1}"
    return der.sequence(der.oid(_ACTIVE_AUTHENTICATION), der.integer(1), der.oid(scheme))
