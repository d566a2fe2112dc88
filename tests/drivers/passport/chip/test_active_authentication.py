"""INTERNAL AUTHENTICATE with a signature that short length cannot hold (Doc 9303-11, 6.1.4)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from drivers.passport.chip.active_authentication import internal_authenticate
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import ApduError, CardRefused

CHALLENGE = bytes(range(8))
LONG = rsa.RSAPublicNumbers(65_537, (1 << 2048) - 1).public_key()
SHORT = rsa.RSAPublicNumbers(65_537, (1 << 1024) - 1).public_key()
SIGNATURE = bytes(range(256))

HEADER = "00880000"
EXTENDED = f"{HEADER}000008{CHALLENGE.hex()}0000"
PLAIN = f"{HEADER}08{CHALLENGE.hex()}00"
REFUSED = "6700"


def signed(key, *answers, extended=True):
    """What the chip's answers to the commands it expects come to."""
    reader = FileReader()
    reader.extended = extended
    steps = internal_authenticate(reader, key, CHALLENGE)
    op = next(steps)
    for command, answer in answers:
        assert op.apdu.hex() == command
        try:
            op = steps.send(bytes.fromhex(answer))
        except StopIteration as end:
            assert (command, answer) == answers[-1]
            return end.value
    raise AssertionError(f"{op.apdu.hex()} is not expected")


def test_extended_length_where_the_chip_has_it():
    assert signed(LONG, (EXTENDED, SIGNATURE.hex() + "9000")) == SIGNATURE
    assert signed(SHORT, (PLAIN, SIGNATURE[:128].hex() + "9000")) == SIGNATURE[:128]


def test_a_chip_that_refuses_it_may_answer_in_parts():
    parts = (PLAIN, SIGNATURE[:200].hex() + "6138"), ("00c0000038", SIGNATURE[200:].hex() + "9000")
    assert signed(LONG, (EXTENDED, REFUSED), *parts) == SIGNATURE
    assert signed(LONG, *parts, extended=False) == SIGNATURE


@pytest.mark.parametrize("answer", [REFUSED, "9000", "6281", SIGNATURE[:231].hex() + "9000"])
def test_less_than_a_signature_says_nothing_of_the_key(answer):
    with pytest.raises(ApduError, match="256 bytes needs extended length"):
        signed(LONG, (EXTENDED, REFUSED), (PLAIN, answer))


@pytest.mark.parametrize("answer", ["6d00", "6985", "6f00"])
def test_a_chip_without_the_key_refuses(answer):
    for refused in (((EXTENDED, answer),), ((EXTENDED, REFUSED), (PLAIN, answer))):
        with pytest.raises(CardRefused):
            signed(LONG, *refused)
    with pytest.raises(CardRefused):
        signed(SHORT, (PLAIN, REFUSED))
