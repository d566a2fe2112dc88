"""PACE with generic mapping over elliptic curves (ICAO Doc 9303-11, 4.4; example in G.1)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

from drivers.passport import curves, tlv
from drivers.passport.chip.agreement import (
    KEY_PASSWORD,
    Group,
    Multiply,
    block_cipher,
    derive_key,
    multiply,
    new_session,
    token,
)
from drivers.passport.chip.apdu import Command, Steps, transmit
from drivers.passport.chip.secure_messaging import SecureMessaging
from drivers.passport.chip.security_infos import PaceInfo
from drivers.passport.errors import (
    AccessDenied,
    CardRefused,
    ChipProofWrong,
    SessionDead,
    TlvError,
)

MRZ_PASSWORD = 1
CAN_PASSWORD = 2
DYNAMIC_DATA = 0x7C
NONCE, MAP_OURS, MAP_CHIP, KEY_OURS, KEY_CHIP, TOKEN_OURS, TOKEN_CHIP = range(0x80, 0x87)
PUBLIC_KEY = 0x7F49
MAX_NONCE = 64

PARAMETERS = {
    8: "secp192r1", 9: "brainpoolP192r1", 10: "secp224r1", 11: "brainpoolP224r1",
    12: "secp256r1", 13: "brainpoolP256r1", 14: "brainpoolP320r1", 15: "secp384r1",
    16: "brainpoolP384r1", 17: "brainpoolP512r1", 18: "secp521r1",
}  # fmt: skip
"""Standardised domain parameters over elliptic curves (Doc 9303-11, 9.5.1)."""


class Password(NamedTuple):
    """What opens the chip: its kind in MSE:Set AT, and the secret PACE derives its key from."""

    kind: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Password(kind={self.kind})"


def mrz_password(mrz_information: str) -> Password:
    """The password of a printed zone (Doc 9303-11, 9.7.2)."""
    data = mrz_information.encode("ascii")
    return Password(MRZ_PASSWORD, hashlib.sha1(data, usedforsecurity=False).digest())


def can_password(can: str) -> Password:
    """The password of a card access number."""
    return Password(CAN_PASSWORD, can.encode("ascii"))


def authenticate(
    info: PaceInfo,
    password: Password,
    random: Callable[[int], bytes],
    times: Multiply = multiply,
) -> Steps[SecureMessaging]:
    """Authenticate mutually; the session's secure messaging.

    Args:
        info: the chosen offer of the chip (`drivers.passport.chip.access_choice`).
        password: opens the chip.
        random: source of scalars.
        times: multiplies points.

    Raises:
        AccessDenied: the chip does not know this password.
        CardRefused: the chip does not do it.
        ChipProofWrong: the chip's proof is wrong.
        SessionDead: its answer is malformed.
    """
    group = Group(curves.by_name(PARAMETERS[info.parameter_id or 0]), times=times)
    yield from _choose_protocol(info, password)
    secret = yield from _nonce(info.cipher, password)
    scalar, point = group.key_pair(random)
    answer = yield from _step(MAP_OURS, point, MAP_CHIP)
    _not_ours(answer, point)
    mapped = group.mapped(secret, group.multiple(scalar, answer))
    scalar, point = mapped.key_pair(random)
    theirs = yield from _step(KEY_OURS, point, KEY_CHIP)
    _not_ours(theirs, point)
    shared = mapped.agree(scalar, theirs)
    ours = token(info.cipher, shared, _token_data(info, theirs))
    proof = yield from _step(TOKEN_OURS, ours, TOKEN_CHIP, last=True)
    if not hmac.compare_digest(proof, token(info.cipher, shared, _token_data(info, point))):
        raise ChipProofWrong("PACE: wrong token of the chip")
    return new_session(info.cipher, shared)


def _choose_protocol(info: PaceInfo, password: Password) -> Steps[None]:
    data = tlv.encode(0x80, info.oid) + tlv.encode(0x83, bytes([password.kind]))
    # Needed where the chip offers several parameters, taken by all of them.
    data += tlv.encode(0x84, bytes([info.parameter_id or 0]))
    response = yield from transmit(Command(0x00, 0x22, 0xC1, 0xA4, data))
    # 63Cx is the number of attempts left, and is no refusal.
    if not response.ok and response.sw & 0xFFF0 != 0x63C0:
        raise CardRefused("PACE: MSE:Set AT", response.sw)


def _nonce(cipher: str, password: Password) -> Steps[bytes]:
    secret = yield from _step(None, b"", NONCE)
    key = derive_key(cipher, password.secret, KEY_PASSWORD)
    made = block_cipher(cipher, key, key)
    if not secret or len(secret) % made.block or len(secret) > MAX_NONCE:
        raise SessionDead(f"PACE: nonce of {len(secret)} bytes")
    return _decrypt(cipher, key, secret)


def _decrypt(cipher: str, key: bytes, data: bytes) -> bytes:
    """CBC with an initialisation vector of zeros, unlike secure messaging with AES."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if cipher == "3DES":
        return block_cipher(cipher, key, key).decrypt(data, b"")
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor().update(data)


def _step(tag: int | None, value: bytes, wanted: int, *, last: bool = False) -> Steps[bytes]:
    """One GENERAL AUTHENTICATE; the chip's data object."""
    inner = b"" if tag is None else tlv.encode(tag, value)
    command = Command(0x00 if last else 0x10, 0x86, 0, 0, tlv.encode(DYNAMIC_DATA, inner), le=256)
    response = yield from transmit(command)
    if not response.ok:
        if last:
            raise AccessDenied("PACE: GENERAL AUTHENTICATE", response.sw)
        raise CardRefused("PACE: GENERAL AUTHENTICATE", response.sw)
    try:
        found = tlv.find(tlv.read_all(tlv.unwrap(response.data, DYNAMIC_DATA)), wanted)
    except TlvError as error:
        raise SessionDead(f"PACE: answer is malformed: {error}") from None
    if found is None:
        raise SessionDead(f"PACE: answer without {wanted:02X}")
    return found


def _not_ours(answer: bytes, point: bytes) -> None:
    if hmac.compare_digest(answer, point):
        raise ChipProofWrong("PACE: the chip gives our own key back")


def _token_data(info: PaceInfo, point: bytes) -> bytes:
    return tlv.encode(PUBLIC_KEY, tlv.encode(0x06, info.oid) + tlv.encode(0x86, point))
