"""Doc 9303-11, Appendix F: active authentication with RSA-1024 and SHA-1, byte by byte.

The example gives no key. Its message representative is judged under a key of our own: the chip
must form it of the example's M1 and challenge, and the reader must take it and nothing near it.
"""

import hashlib

import pytest

from drivers.passport.chip.active_authentication import check_signature
from drivers.passport.errors import SignatureInvalid
from drivers.passport.trust.signatures import parse_public_key
from sim.chip.active_authentication import ActiveRsa
from sim.chip.keys import seeded_random
from sim.chip.rsa import RsaNumbers, generate

RND_IFD = bytes.fromhex("F173589974BF40C6")
M1 = bytes.fromhex(
    "9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC1991"
    "B543F1696546C5524CF23A5303CD6C98599F40B79F377B5F3A1406B3B4D8F967"
    "84D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD4E"
    "7292E2DCDA3024B47DA8"
)
H = bytes.fromhex("C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127")
F = bytes.fromhex(
    "6A9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC19"
    "91B543F1696546C5524CF23A5303CD6C98599F40B79F377B5F3A1406B3B4D8F9"
    "6784D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD"
    "4E7292E2DCDA3024B47DA8C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127BC"
)
KEY = RsaNumbers.of(generate(seeded_random(b"appendix F"), 1024))
CHIP = ActiveRsa(KEY, "sha1")
PUBLIC = parse_public_key(CHIP.public_key_info)


def signed(representative):
    return KEY.private(int.from_bytes(representative, "big")).to_bytes(128, "big")


def test_the_example_is_consistent():
    assert hashlib.sha1(M1 + RND_IFD, usedforsecurity=False).digest() == H
    assert b"\x6a" + M1 + H + b"\xbc" == F


def test_the_chip_forms_the_representative_of_the_example():
    def nonce(size):
        assert size == len(M1)  # 848 bits, step 5
        return M1

    assert CHIP.sign(RND_IFD, nonce) == signed(F)


def test_the_reader_takes_the_representative_of_the_example():
    assert check_signature(PUBLIC, signed(F), RND_IFD) == "RSA sha1"


def test_a_representative_may_be_shorter_than_the_modulus():
    own = M1[:-1]
    short = b"\x6a" + own + hashlib.sha1(own + RND_IFD, usedforsecurity=False).digest() + b"\xbc"
    assert check_signature(PUBLIC, signed(short), RND_IFD) == "RSA sha1"
    with pytest.raises(SignatureInvalid):
        check_signature(PUBLIC, signed(b"\x01" + short), RND_IFD)
    for nothing in (b"\xbc", b"\x34\xcc", b"\x6a" + H[:-1] + b"\xbc"):
        with pytest.raises(SignatureInvalid):
            check_signature(PUBLIC, signed(nothing), RND_IFD)


@pytest.mark.parametrize("at", [0, 1, 60, 106, 107, 126, 127])
def test_and_nothing_near_it(at):
    near = bytearray(F)
    near[at] ^= 0x10
    with pytest.raises(SignatureInvalid):
        check_signature(PUBLIC, signed(bytes(near)), RND_IFD)
    with pytest.raises(SignatureInvalid):
        check_signature(PUBLIC, signed(F), RND_IFD[:-1] + b"\xc7")
