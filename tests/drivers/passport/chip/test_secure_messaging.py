"""Secure messaging against ICAO Doc 9303-11, Appendix D.4, and AES against itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.chip.apdu import WHAT_THERE_IS, Command, parse_response
from drivers.passport.chip.secure_messaging import Aes, SecureMessaging, TripleDes, derive_key_aes
from drivers.passport.errors import DocumentError, SessionDead

K_ENC = bytes.fromhex("979EC13B1CBFE9DCD01AB0FED307EAE5")
K_MAC = bytes.fromhex("F1CB1F1FB5ADF208806B89DC579DC1F8")
SSC = bytes.fromhex("887022120C06C226")

EXCHANGES = (
    (
        Command(0x00, 0xA4, 0x02, 0x0C, b"\x01\x1e"),
        "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
        "990290008E08FA855A5D4C50A8ED9000",
        "",
    ),
    (
        Command(0x00, 0xB0, 0x00, 0x00, le=4),
        "0CB000000D9701048E08ED6705417E96BA5500",
        "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
        "60145F01",
    ),
    (
        Command(0x00, 0xB0, 0x00, 0x04, le=0x12),
        "0CB000040D9701128E082EA28A70F3C7B53500",
        "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
        "04303130365F36063034303030305C026175",
    ),
)


def session():
    return SecureMessaging(TripleDes(K_ENC, K_MAC), SSC)


def test_worked_example():
    messaging = session()
    for command, protected, answer, plain in EXCHANGES:
        assert messaging.protect(command).encode().hex().upper() == protected
        response = messaging.open(parse_response(bytes.fromhex(answer)))
        assert response.ok
        assert response.data.hex().upper() == plain


@given(st.integers(0, 26), st.integers(1, 255))
def test_any_altered_byte_kills_the_session(at, flip):
    messaging = session()
    for command, _, answer, _ in EXCHANGES[:1]:
        messaging.protect(command)
        messaging.open(parse_response(bytes.fromhex(answer)))
    messaging.protect(EXCHANGES[1][0])
    altered = bytearray.fromhex(EXCHANGES[1][2])
    altered[at % (len(altered) - 2)] ^= flip
    with pytest.raises(SessionDead):
        messaging.open(parse_response(bytes(altered)))


def test_replayed_answer_kills_the_session():
    messaging = session()
    messaging.protect(EXCHANGES[0][0])
    messaging.open(parse_response(bytes.fromhex(EXCHANGES[0][2])))
    messaging.protect(EXCHANGES[0][0])
    with pytest.raises(SessionDead):
        messaging.open(parse_response(bytes.fromhex(EXCHANGES[0][2])))


@given(st.binary(max_size=300))
def test_arbitrary_answers_raise_only_our_error(raw):
    messaging = session()
    messaging.protect(EXCHANGES[0][0])
    with pytest.raises(DocumentError):
        messaging.open(parse_response(raw))


@pytest.mark.parametrize("key_bytes", [16, 24, 32])
def test_aes_protects_with_its_own_counter_and_block(key_bytes):
    seed = bytes(range(32))
    cipher = Aes(derive_key_aes(seed, 1, key_bytes), derive_key_aes(seed, 2, key_bytes))
    messaging = SecureMessaging(cipher, bytes(16))
    protected = messaging.protect(Command(0x00, 0xA4, 0x02, 0x0C, b"\x01\x1e"))
    ssc = (1).to_bytes(16, "big")
    assert protected.data[:3] == b"\x87\x11\x01"
    assert cipher.decrypt(protected.data[3:19], ssc) == b"\x01\x1e\x80" + bytes(13)


def test_what_there_is_is_asked_for_in_short_length():
    encoded = session().protect(Command(0x00, 0x88, 0, 0, bytes(8), le=WHAT_THERE_IS)).encode()
    assert encoded[4] == len(encoded) - 6
    assert bytes.fromhex("970100") in encoded
    assert encoded[-1] == 0


def test_long_read_goes_out_in_extended_length():
    encoded = session().protect(Command(0x00, 0xB0, 0, 0, le=4096)).encode()
    assert encoded[4:7] == b"\x00\x00\x0e"
    assert encoded[7:11] == bytes.fromhex("97021000")
    assert encoded[-2:] == b"\x00\x00"
