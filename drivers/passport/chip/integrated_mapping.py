"""The pseudo-random function of PACE's integrated mapping (Doc 9303-11, 4.4.3.3.2, figure 2)."""

from __future__ import annotations

from drivers.passport.chip.agreement import KEY_BYTES, encrypt_blocks

_SHORT = (
    bytes.fromhex("a668892a7c41e3ca739f40b057d85904"),
    bytes.fromhex("a4e136ac725f738b01c1f60217c188ad"),
)
_LONG = (
    bytes.fromhex("d463d65234124ef7897054986dca0a174e28df758cbaa03f240616414d5a1676"),
    bytes.fromhex("54bd7255f0aaf831bec3423fcf39d69b6cbf066677d0faae5aadd99df8e53517"),
)
CONSTANTS = {"3DES": _SHORT, "AES-128": _SHORT, "AES-192": _LONG, "AES-256": _LONG}
"""c0 and c1 by cipher; they are as long as the chip's nonce must be."""
SURPLUS_BITS = 64
"""Bits beyond those of the field: the bias of the reduction is below 2^-64."""


def nonce_bytes(cipher: str) -> int:
    """Length of the chip's nonce s: the least number of blocks that holds a key."""
    return len(CONSTANTS[cipher][0])


def additional_bytes(cipher: str) -> int:
    """Length of the terminal's nonce t: that of a key."""
    return KEY_BYTES[cipher]


def pseudo_random(cipher: str, nonce: bytes, additional: bytes, prime: int) -> int:
    """Rp(s, t): an element of the field of `prime`.

    Args:
        cipher: of `KEY_BYTES`.
        nonce: the chip's, of `nonce_bytes`.
        additional: the terminal's, of `additional_bytes`.
        prime: of the field.
    """
    return int.from_bytes(octets(cipher, nonce, additional, prime), "big") % prime


def octets(cipher: str, nonce: bytes, additional: bytes, prime: int) -> bytes:
    """R(s, t): octets enough for an element of the field of `prime`."""
    next_key, output = CONSTANTS[cipher]
    size = KEY_BYTES[cipher]
    needed = prime.bit_length() + SURPLUS_BITS
    key = encrypt_blocks(cipher, additional, nonce)[:size]
    made = b""
    while 8 * len(made) < needed:
        made += encrypt_blocks(cipher, key, output)
        key = encrypt_blocks(cipher, key, next_key)[:size]
    return made
