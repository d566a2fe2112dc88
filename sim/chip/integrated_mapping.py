"""The pseudo-random function of integrated mapping, for the chip (Doc 9303-11, 4.4.3.3.2)."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sim.chip.key_derivation import KEY_SIZES, CipherSuite
from sim.chip.secure_messaging import encrypt_3des

_C0 = {
    16: 0xA668892A7C41E3CA739F40B057D85904,
    32: 0xD463D65234124EF7897054986DCA0A174E28DF758CBAA03F240616414D5A1676,
}
_C1 = {
    16: 0xA4E136AC725F738B01C1F60217C188AD,
    32: 0x54BD7255F0AAF831BEC3423FCF39D69B6CBF066677D0FAAE5AADD99DF8E53517,
}


def nonce_size(suite: CipherSuite) -> int:
    """Bytes of the chip's nonce: whole blocks, as many as a key needs."""
    return 16 if KEY_SIZES[suite] == 16 else 32


def field_element(suite: CipherSuite, nonce: bytes, additional: bytes, prime: int) -> int:
    """Rp(s, t): n outputs of `nonce_size`, n the least with 64 bits more than the prime."""
    size = nonce_size(suite)
    c0, c1 = (constant[size].to_bytes(size, "big") for constant in (_C0, _C1))
    number = -(-(prime.bit_length() + 64) // (8 * size))
    key = _cbc(suite, additional, nonce)
    value = 0
    for _ in range(number):
        value = value << 8 * size | int.from_bytes(_cbc(suite, key, c1), "big")
        key = _cbc(suite, key, c0)
    return value % prime


def _cbc(suite: CipherSuite, key: bytes, data: bytes) -> bytes:
    key = key[: KEY_SIZES[suite]]
    if suite is CipherSuite.TRIPLE_DES:
        return encrypt_3des(key, data)
    run = Cipher(AES(key), modes.CBC(bytes(16))).encryptor()
    return run.update(data) + run.finalize()
