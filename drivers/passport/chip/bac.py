"""Basic Access Control (ICAO Doc 9303-11, 4.3 and Appendix D): 3DES, proof of the MRZ."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from drivers.passport.chip.apdu import Command, Steps, transmit
from drivers.passport.chip.secure_messaging import SecureMessaging, TripleDes, derive_key_3des
from drivers.passport.errors import AccessDenied, CardRefused, ChipProofWrong

KEY_ENC = 1
KEY_MAC = 2


def key_seed(mrz_information: str) -> bytes:
    """K_seed: the first 16 bytes of SHA-1 over the MRZ information (Doc 9303-11, D.2)."""
    return hashlib.sha1(mrz_information.encode("ascii"), usedforsecurity=False).digest()[:16]


def document_keys(mrz_information: str) -> tuple[bytes, bytes]:
    """K_Enc and K_MAC of the document."""
    seed = key_seed(mrz_information)
    return derive_key_3des(seed, KEY_ENC), derive_key_3des(seed, KEY_MAC)


def authenticate(mrz_information: str, random: Callable[[int], bytes]) -> Steps[SecureMessaging]:
    """Authenticate mutually; the session's secure messaging.

    Args:
        mrz_information: `Mrz.key_input`.
        random: source of the nonce and the key half, of the caller's choosing.

    Raises:
        AccessDenied: the chip does not know these keys.
        CardRefused: the chip does not do BAC.
        ChipProofWrong: the chip's proof is wrong.
    """
    k_enc, k_mac = document_keys(mrz_information)
    cipher = TripleDes(k_enc, k_mac)
    challenge = yield from transmit(Command(0x00, 0x84, 0, 0, le=8))
    if not challenge.ok or len(challenge.data) != 8:
        raise CardRefused("GET CHALLENGE", challenge.sw)
    rnd_ic = challenge.data
    rnd_ifd, k_ifd = random(8), random(16)
    e_ifd = cipher.encrypt(rnd_ifd + rnd_ic + k_ifd, b"")
    data = e_ifd + cipher.mac(e_ifd)
    answer = yield from transmit(Command(0x00, 0x82, 0, 0, data, le=40))
    if not answer.ok:
        raise AccessDenied("EXTERNAL AUTHENTICATE", answer.sw)
    k_ic = _chip_key_half(cipher, answer.data, rnd_ic, rnd_ifd)
    seed = bytes(a ^ b for a, b in zip(k_ifd, k_ic, strict=True))
    session = TripleDes(derive_key_3des(seed, KEY_ENC), derive_key_3des(seed, KEY_MAC))
    return SecureMessaging(session, rnd_ic[4:] + rnd_ifd[4:])


def _chip_key_half(cipher: TripleDes, data: bytes, rnd_ic: bytes, rnd_ifd: bytes) -> bytes:
    if len(data) != 40 or not hmac.compare_digest(cipher.mac(data[:32]), data[32:]):
        raise ChipProofWrong("EXTERNAL AUTHENTICATE: wrong MAC of the chip")
    plain = cipher.decrypt(data[:32], b"")
    if not hmac.compare_digest(plain[:16], rnd_ic + rnd_ifd):
        raise ChipProofWrong("EXTERNAL AUTHENTICATE: wrong nonces of the chip")
    return plain[16:]
