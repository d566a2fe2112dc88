"""Basic Access Control from the chip's side (ICAO Doc 9303-11, 4.3 and 9.7.1)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from sim.chip.secure_messaging import Session3Des, decrypt_3des, encrypt_3des, retail_mac

CHALLENGE_SIZE = 8
KEY_SIZE = 16
_TOKEN_SIZE = 40


@dataclass(frozen=True)
class AccessKeys:
    """Document basic access keys."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def access_keys(access_key_text: str) -> AccessKeys:
    """Derive the access keys from the MRZ information (Doc 9303-11, 9.7.1.1)."""
    seed = hashlib.sha1(access_key_text.encode("ascii"), usedforsecurity=False).digest()[:16]
    return AccessKeys(*derive_keys(seed))


def derive_keys(seed: bytes) -> tuple[bytes, bytes]:
    """KDF for two-key 3DES, counters 1 and 2, DES parity adjusted (Doc 9303-11, 9.7.1)."""
    enc, mac = (
        _with_parity(hashlib.sha1(seed + counter, usedforsecurity=False).digest()[:16])
        for counter in (b"\x00\x00\x00\x01", b"\x00\x00\x00\x02")
    )
    return enc, mac


def _with_parity(key: bytes) -> bytes:
    return bytes(b & 0xFE | (b.bit_count() - (b & 1) + 1) % 2 for b in key)


def mutual_authenticate(
    keys: AccessKeys, token: bytes, challenge: bytes, chip_key: bytes
) -> tuple[bytes, Session3Des] | None:
    """Answer EXTERNAL AUTHENTICATE: the chip's token and the session; None when refused.

    `challenge` is RND.IC as sent last, `chip_key` the chip's fresh key half K.IC.
    """
    if len(token) != _TOKEN_SIZE:
        return None
    cryptogram, checksum = token[:-8], token[-8:]
    if not hmac.compare_digest(retail_mac(keys.mac, cryptogram), checksum):
        return None
    plain = decrypt_3des(keys.enc, cryptogram)
    reader_challenge, echoed, reader_key = plain[:8], plain[8:16], plain[16:]
    if not hmac.compare_digest(echoed, challenge):
        return None
    answer = encrypt_3des(keys.enc, challenge + reader_challenge + chip_key)
    seed = bytes(a ^ b for a, b in zip(reader_key, chip_key, strict=True))
    counter = int.from_bytes(challenge[4:] + reader_challenge[4:], "big")
    return answer + retail_mac(keys.mac, answer), Session3Des(*derive_keys(seed), counter)
