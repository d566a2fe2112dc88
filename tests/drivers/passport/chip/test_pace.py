"""PACE against ICAO Doc 9303-11, Appendix G.1, and against a chip that misbehaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport import tlv
from drivers.passport.chip import pace
from drivers.passport.chip.access_choice import strongest
from drivers.passport.chip.agreement import CurveGroup, derive_key, new_session, token
from drivers.passport.chip.apdu import Send
from drivers.passport.chip.domain_parameters import CURVE_NAMES
from drivers.passport.chip.security_infos import pace_infos, parse_security_infos
from drivers.passport.curves import by_name
from drivers.passport.errors import AccessDenied, CardRefused, DocumentError, SessionDead

CARD_ACCESS = bytes.fromhex("31143012060A04007F0007020204020202010202010D")
MRZ_INFORMATION = "T22000129364081251010318"
SCALARS = [
    "7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99",
    "A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595",
]
EXCHANGE = [
    ("0022C1A412800A04007F0007020204020283010184010D", "9000"),
    ("10860000027C0000", "7C12801095A3A016522EE98D01E76CB6B98B42C39000"),
    (
        (
            "10860000457C438141047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
            "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D00"
        ),
        (
            "7C43824104824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AA"
            "A9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C549000"
        ),
    ),
    (
        (
            "10860000457C438341042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
            "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB3646200"
        ),
        (
            "7C438441049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277"
            "A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F0949000"
        ),
    ),
    ("008600000C7C0A8508C2B0BD78D94BA86600", "7C0A86083ABB9674BCE93C089000"),
]


def scalars():
    """The example's private keys, as the random source gives them: reduced, plus one."""
    waiting = list(SCALARS)
    return lambda size: (int(waiting.pop(0), 16) - 1).to_bytes(size, "big")


def info():
    return strongest(pace_infos(parse_security_infos(CARD_ACCESS)))


def run(answers):
    steps = pace.authenticate(info(), pace.mrz_password(MRZ_INFORMATION), scalars())
    sent = []
    try:
        op = next(steps)
        for answer in answers:
            assert isinstance(op, Send)
            sent.append(op.apdu.hex().upper())
            op = steps.send(bytes.fromhex(answer))
    except StopIteration as end:
        return sent, end.value
    raise AssertionError("not at its end")


def test_worked_example():
    sent, session = run([answer for _, answer in EXCHANGE])
    assert sent == [command for command, _ in EXCHANGE]
    assert session is not None


def test_session_keys_of_the_worked_example():
    shared = "28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925"
    secret = bytes.fromhex(shared)
    assert derive_key("AES-128", secret, 1).hex().upper() == "F5F0E35C0D7161EE6724EE513A0D9A7F"
    assert derive_key("AES-128", secret, 2).hex().upper() == "FE251C7858B356B24514B3BD5F4297D1"


def test_a_wrong_password_is_denied():
    answers = [answer for _, answer in EXCHANGE]
    with pytest.raises(AccessDenied):
        run([*answers[:4], "6300"])


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_refusal_before_the_tokens_is_a_refusal(step):
    answers = [answer for _, answer in EXCHANGE]
    with pytest.raises(CardRefused):
        run([*answers[:step], "6A80"])


def test_a_chip_that_reflects_our_key_is_refused():
    answers = [answer for _, answer in EXCHANGE]
    ours = EXCHANGE[3][0][18:-2]
    with pytest.raises(SessionDead):
        run([*answers[:3], f"7C438441{ours}9000"])


@given(st.integers(1, 4), st.integers(0, 70), st.integers(1, 255))
def test_any_altered_answer_opens_nothing(step, at, flip):
    answers = [bytearray.fromhex(answer) for _, answer in EXCHANGE]
    altered = answers[step]
    altered[at % (len(altered) - 2)] ^= flip
    with pytest.raises(DocumentError):
        run([answer.hex() for answer in answers])


def point_answer(tag, point):
    return (tlv.encode(0x7C, tlv.encode(tag, point)) + b"\x90\x00").hex()


@pytest.mark.parametrize("cipher", [1, 2, 3, 4])
@pytest.mark.parametrize("parameter", sorted(CURVE_NAMES))
def test_every_parameter_and_cipher_meets_a_chip_of_this_file(parameter, cipher):
    entry = bytes.fromhex("0012060A04007F00070202040202020102020100")[2:-4]
    oid = entry[2:11] + bytes([cipher])
    access = tlv.encode(0x06, oid) + b"\x02\x01\x02" + b"\x02\x01" + bytes([parameter])
    chosen = strongest(pace_infos(parse_security_infos(tlv.encode(0x31, tlv.encode(0x30, access)))))
    group = CurveGroup(by_name(CURVE_NAMES[parameter]))
    password = pace.can_password("123456")
    counter = iter(range(1, 100))
    steps = pace.authenticate(chosen, password, lambda size: bytes([next(counter)]) * size)
    next(steps)
    steps.send(b"\x90\x00")
    nonce = bytes(range(16))
    key = derive_key(chosen.cipher, password.secret, 3)
    encrypted = encrypt(chosen.cipher, key, nonce)
    op = steps.send(bytes.fromhex(point_answer(0x80, encrypted)))
    scalar, point = group.key_pair(lambda size: b"\x55" * size)
    theirs = sent_point(op)
    op = steps.send(bytes.fromhex(point_answer(0x82, point)))
    mapped = group.mapped(nonce, group.multiple(scalar, theirs))
    scalar, point = mapped.key_pair(lambda size: b"\x77" * size)
    ephemeral = sent_point(op)
    shared = mapped.agree(scalar, ephemeral)
    op = steps.send(bytes.fromhex(point_answer(0x84, point)))
    wrapped = tlv.encode(0x7F49, tlv.encode(6, oid) + tlv.encode(0x86, ephemeral))
    proof = token(chosen.cipher, shared, wrapped)
    with pytest.raises(StopIteration) as end:
        steps.send(bytes.fromhex(point_answer(0x86, proof)))
    ours, chips = end.value.value.session, new_session(chosen.cipher, shared)
    from drivers.passport.chip.apdu import Command

    command = Command(0, 0xA4, 2, 0x0C, b"\x01\x1e")
    assert ours.protect(command) == chips.protect(command)


def sent_point(op):
    return tlv.read_all(tlv.unwrap(op.apdu[5:-1], 0x7C))[0].value


def encrypt(cipher, key, data):
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    from drivers.passport.chip.secure_messaging import TripleDes

    if cipher == "3DES":
        return TripleDes(key, key).encrypt(data, b"")
    return Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(data)


@given(st.binary(max_size=200))
def test_arbitrary_security_infos_raise_only_ours(data):
    for given_bytes in (data, tlv.encode(0x31, data), tlv.encode(0x31, tlv.encode(0x30, data))):
        try:
            pace_infos(parse_security_infos(given_bytes))
        except DocumentError:
            continue
