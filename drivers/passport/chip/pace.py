"""PACE: generic, integrated and chip authentication mapping, over curves and prime fields.

ICAO Doc 9303-11, 4.4; examples in its appendices G, H and I.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import NamedTuple

from drivers.passport import tlv
from drivers.passport.chip import integrated_mapping
from drivers.passport.chip.agreement import (
    KEY_ENC,
    KEY_PASSWORD,
    Multiply,
    block_cipher,
    decrypt_blocks,
    derive_key,
    multiply,
    new_session,
    token,
)
from drivers.passport.chip.apdu import Command, Steps, transmit
from drivers.passport.chip.chip_mapping import MappingProof, read_proof
from drivers.passport.chip.domain_parameters import AgreementGroup, group_of
from drivers.passport.chip.secure_messaging import SecureMessaging
from drivers.passport.chip.security_infos import CHIP_MAPPING, PaceInfo
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
CHIP_DATA = 0x8A
PUBLIC_KEY = 0x7F49
MAX_NONCE = 64

SHORT_ANSWER = 240
"""Public values up to this length have commands and answers of short length."""


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


class PaceOpened(NamedTuple):
    """What PACE ends with.

    Attributes:
        session: secure messaging under its keys.
        proof: what chip authentication mapping gave to prove the chip's key; None for the others.
    """

    session: SecureMessaging
    proof: MappingProof | None


def authenticate(
    info: PaceInfo,
    password: Password,
    random: Callable[[int], bytes],
    times: Multiply = multiply,
) -> Steps[PaceOpened]:
    """Authenticate mutually.

    Args:
        info: the chosen offer of the chip (`drivers.passport.chip.access_choice`).
        password: opens the chip.
        random: source of scalars and nonces.
        times: multiplies points.

    Raises:
        AccessDenied: the chip does not know this password.
        CardRefused: the chip does not do it.
        ChipProofWrong: the chip's proof is wrong.
        SessionDead: its answer is malformed.
    """
    group = group_of(info.group or 0, times)
    yield from _choose_protocol(info, password)
    secret = yield from _nonce(info, password)
    if info.integrated:
        mapped, mapping_key = (yield from _integrated(info, group, secret, random)), b""
    else:
        mapped, mapping_key = yield from _generic(group, secret, random)
    scalar, ours = mapped.key_pair(random)
    theirs = yield from _step(KEY_OURS, ours, KEY_CHIP, answer_bytes=group.public_bytes)
    _not_ours(theirs, ours)
    shared = mapped.agree(scalar, theirs)
    proof = token(info.cipher, shared, _token_data(info, group, theirs))
    found = yield from _answer(TOKEN_OURS, proof, last=True)
    wanted = token(info.cipher, shared, _token_data(info, group, ours))
    if not hmac.compare_digest(_object(found, TOKEN_CHIP), wanted):
        raise ChipProofWrong("PACE: wrong token of the chip")
    session = new_session(info.cipher, shared)
    if info.mapping != CHIP_MAPPING:
        return PaceOpened(session, None)
    key = derive_key(info.cipher, shared, KEY_ENC)
    data = tlv.find(found, CHIP_DATA)
    return PaceOpened(session, read_proof(info, mapping_key, key, data))


def _generic(
    group: AgreementGroup, secret: bytes, random: Callable[[int], bytes]
) -> Steps[tuple[AgreementGroup, bytes]]:
    """Generic mapping: the group that it gives, and the chip's public value in the old one."""
    scalar, ours = group.key_pair(random)
    theirs = yield from _step(MAP_OURS, ours, MAP_CHIP, answer_bytes=group.public_bytes)
    _not_ours(theirs, ours)
    return group.mapped(secret, group.multiple(scalar, theirs)), theirs


def _integrated(
    info: PaceInfo, group: AgreementGroup, secret: bytes, random: Callable[[int], bytes]
) -> Steps[AgreementGroup]:
    """Integrated mapping: our own nonce in clear; the chip's answer to it is empty."""
    ours = random(integrated_mapping.additional_bytes(info.cipher))
    yield from _answer(MAP_OURS, ours)
    element = integrated_mapping.pseudo_random(info.cipher, secret, ours, group.prime)
    return group.integrated(element)


def _choose_protocol(info: PaceInfo, password: Password) -> Steps[None]:
    data = tlv.encode(0x80, info.oid) + tlv.encode(0x83, bytes([password.kind]))
    if info.parameter_id is not None:
        # Needed where the chip offers several parameters, taken by all of them.
        data += tlv.encode(0x84, bytes([info.parameter_id]))
    response = yield from transmit(Command(0x00, 0x22, 0xC1, 0xA4, data))
    # 63Cx is the number of attempts left, and is no refusal.
    if not response.ok and response.sw & 0xFFF0 != 0x63C0:
        raise CardRefused("PACE: MSE:Set AT", response.sw)


def _nonce(info: PaceInfo, password: Password) -> Steps[bytes]:
    secret = yield from _step(None, b"", NONCE)
    key = derive_key(info.cipher, password.secret, KEY_PASSWORD)
    block = block_cipher(info.cipher, key, key).block
    fits = bool(secret) and not len(secret) % block and len(secret) <= MAX_NONCE
    if info.integrated:
        fits = len(secret) == integrated_mapping.nonce_bytes(info.cipher)
    if not fits:
        raise SessionDead(f"PACE: nonce of {len(secret)} bytes")
    return decrypt_blocks(info.cipher, key, secret)


def _step(tag: int | None, value: bytes, wanted: int, *, answer_bytes: int = 0) -> Steps[bytes]:
    """One GENERAL AUTHENTICATE; the chip's data object, of up to `answer_bytes` if it is long."""
    return _object((yield from _answer(tag, value, answer_bytes=answer_bytes)), wanted)


def _answer(
    tag: int | None, value: bytes, *, answer_bytes: int = 0, last: bool = False
) -> Steps[list[tlv.Tlv]]:
    """One GENERAL AUTHENTICATE; the chip's data objects."""
    inner = b"" if tag is None else tlv.encode(tag, value)
    le = 256 if answer_bytes <= SHORT_ANSWER else 65_536
    command = Command(0x00 if last else 0x10, 0x86, 0, 0, tlv.encode(DYNAMIC_DATA, inner), le=le)
    response = yield from transmit(command)
    if not response.ok:
        if last:
            raise AccessDenied("PACE: GENERAL AUTHENTICATE", response.sw)
        raise CardRefused("PACE: GENERAL AUTHENTICATE", response.sw)
    try:
        return tlv.read_all(tlv.unwrap(response.data, DYNAMIC_DATA))
    except TlvError as error:
        raise SessionDead(f"PACE: answer is malformed: {error}") from None


def _object(found: list[tlv.Tlv], wanted: int) -> bytes:
    value = tlv.find(found, wanted)
    if value is None:
        raise SessionDead(f"PACE: answer without {wanted:02X}")
    return value


def _not_ours(answer: bytes, point: bytes) -> None:
    if hmac.compare_digest(answer, point):
        raise ChipProofWrong("PACE: the chip gives our own key back")


def _token_data(info: PaceInfo, group: AgreementGroup, public: bytes) -> bytes:
    """The public key data object that a token is computed over (9.4.5), as it was received."""
    return tlv.encode(PUBLIC_KEY, tlv.encode(0x06, info.oid) + tlv.encode(group.public_tag, public))
