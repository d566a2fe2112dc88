"""Key agreement on elliptic curves, and session keys from any (Doc 9303-11, 9.5 to 9.7).

Scalars come from the caller's random source. Points of the chip are checked to lie on the
curve; all curves here have cofactor 1, so that suffices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from drivers.passport.chip.point_encoding import point_of
from drivers.passport.chip.secure_messaging import (
    MAC_BYTES,
    Aes,
    SecureMessaging,
    SessionCipher,
    TripleDes,
    derive_key_3des,
    derive_key_aes,
)
from drivers.passport.curves import NamedCurve, by_name
from drivers.passport.errors import SessionDead

KEY_BYTES = {"3DES": 16, "AES-128": 16, "AES-192": 24, "AES-256": 32}
KEY_ENC = 1
KEY_MAC = 2
KEY_PASSWORD = 3

Multiply = Callable[[str, bytes, int], bytes]
"""As `multiply` does: the name of a curve, an encoded point, a scalar."""


def derive_key(cipher: str, secret: bytes, counter: int) -> bytes:
    """KDF of Doc 9303-11, 9.7.1, for a cipher of `KEY_BYTES`."""
    if cipher == "3DES":
        return derive_key_3des(secret, counter)
    return derive_key_aes(secret, counter, KEY_BYTES[cipher])


def block_cipher(cipher: str, k_enc: bytes, k_mac: bytes) -> SessionCipher:
    """The cipher of a session by its name."""
    return TripleDes(k_enc, k_mac) if cipher == "3DES" else Aes(k_enc, k_mac)


def encrypt_blocks(cipher: str, key: bytes, data: bytes) -> bytes:
    """CBC encryption of whole blocks with an initialisation vector of zeros."""
    if cipher == "3DES":
        return TripleDes(key, key).encrypt(data, b"")
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(data)


def decrypt_blocks(cipher: str, key: bytes, data: bytes) -> bytes:
    """CBC decryption of whole blocks with an initialisation vector of zeros."""
    if cipher == "3DES":
        return TripleDes(key, key).decrypt(data, b"")
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor().update(data)


def new_session(cipher: str, secret: bytes) -> SecureMessaging:
    """Secure messaging under keys from a shared secret, its counter at zero."""
    made = block_cipher(
        cipher, derive_key(cipher, secret, KEY_ENC), derive_key(cipher, secret, KEY_MAC)
    )
    return SecureMessaging(made, bytes(made.block))


def token(cipher: str, secret: bytes, data: bytes) -> bytes:
    """Authentication token (Doc 9303-11, 4.4.3.4): 8 bytes under the session's MAC key."""
    key = derive_key(cipher, secret, KEY_MAC)
    if cipher == "3DES":
        return TripleDes(key, key).mac(data)
    # CMAC pads by itself; only secure messaging pads before it.
    cmac = CMAC(algorithms.AES(key))
    cmac.update(data)
    return cmac.finalize()[:MAC_BYTES]


def multiply(curve_name: str, point: bytes, scalar: int) -> bytes:
    """A multiple of a point, encoded without compression; an empty point is the generator.

    Raises:
        SessionDead: not an uncompressed point of this curve, or the result is at infinity.
    """
    curve = by_name(curve_name)
    base = _decode(curve, point) if point else curve.foreign.generator
    return _encode(curve, base * scalar)


@dataclass(frozen=True, slots=True)
class CurveGroup:
    """A curve with a generator, which PACE replaces; empty is the curve's own.

    Attributes:
        times: multiplies points, as `multiply` does.
    """

    curve: NamedCurve
    generator: bytes = b""
    times: Multiply = multiply

    @property
    def kind(self) -> str:
        """The key agreement."""
        return "ECDH"

    @property
    def name(self) -> str:
        """Name of the curve."""
        return self.curve.name

    @property
    def prime(self) -> int:
        """The prime of the field."""
        return int(self.curve.foreign.curve.p())

    @property
    def public_tag(self) -> int:
        """Tag of a public point in a public key data object."""
        return 0x86

    @property
    def public_bytes(self) -> int:
        """The length of an encoded public point."""
        return 1 + 2 * self.curve.size

    def key_pair(self, random: Callable[[int], bytes]) -> tuple[int, bytes]:
        """A private scalar and the encoded public point."""
        order = int(self.curve.foreign.order)
        # 8 bytes more than the order has: the bias of the reduction is below 2^-64.
        scalar = 1 + int.from_bytes(random(self.curve.size + 8), "big") % (order - 1)
        return scalar, self.times(self.curve.name, self.generator, scalar)

    def multiple(self, scalar: int, theirs: bytes) -> bytes:
        """Of a point of the chip.

        Raises:
            SessionDead: not an uncompressed point of this curve, or the end is infinity.
        """
        if not theirs:
            raise SessionDead(f"{self.curve.name}: not an uncompressed point")
        return self.times(self.curve.name, theirs, scalar)

    def agree(self, scalar: int, theirs: bytes) -> bytes:
        """The shared secret with a point of the chip: the x coordinate, as long as the field.

        Raises:
            SessionDead: as `multiple`.
        """
        return self.multiple(scalar, theirs)[1 : 1 + self.curve.size]

    def mapped(self, nonce: bytes, shared: bytes) -> CurveGroup:
        """Generic mapping: the generator s * G + H (Doc 9303-11, 4.4.3.3.1).

        Raises:
            SessionDead: it is the point at infinity.
        """
        curve = self.curve
        scalar = int.from_bytes(nonce, "big") % int(curve.foreign.order)
        point = _decode(curve, shared)
        if scalar:
            point += _decode(curve, self.times(curve.name, self.generator, scalar))
        return CurveGroup(curve, _encode(curve, point), self.times)

    def integrated(self, element: int) -> CurveGroup:
        """Integrated mapping: the point that belongs to a field element (4.4.3.3.2).

        Raises:
            SessionDead: there is none.
        """
        field, size = self.curve.foreign.curve, self.curve.size
        p = self.prime
        x, y = point_of(p, int(field.a()) % p, int(field.b()), element)
        encoded = b"\x04" + x.to_bytes(size, "big") + y.to_bytes(size, "big")
        return CurveGroup(self.curve, encoded, self.times)


def _encode(curve: NamedCurve, point: Any) -> bytes:
    from ecdsa.ellipticcurve import INFINITY

    if point == INFINITY:
        raise SessionDead("key agreement ends at infinity")
    affine = point.to_affine()
    size = curve.size
    return b"\x04" + int(affine.x()).to_bytes(size, "big") + int(affine.y()).to_bytes(size, "big")


def _decode(curve: NamedCurve, data: bytes) -> Any:
    from ecdsa.ellipticcurve import PointJacobi

    size, foreign = curve.size, curve.foreign.curve
    if len(data) != 1 + 2 * size or data[0] != 4:
        raise SessionDead(f"{curve.name}: not an uncompressed point")
    x = int.from_bytes(data[1 : 1 + size], "big")
    y = int.from_bytes(data[1 + size :], "big")
    if max(x, y) >= int(foreign.p()) or not foreign.contains_point(x, y):
        raise SessionDead(f"{curve.name}: the chip's point is not on the curve")
    return PointJacobi(foreign, x, y, 1, curve.foreign.order)
