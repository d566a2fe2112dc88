"""PACE with Generic Mapping: the standard's worked example, and the chip's refusals."""

import hashlib

import pytest
from chip_samples import HOLDER, SELECT_APPLICATION, PaceTerminal, country
from hypothesis import given
from hypothesis import strategies as st

from sim.chip.apdu import Command
from sim.chip.bac import access_keys
from sim.chip.card import Card, CardState, Chip, card_of, transact
from sim.chip.curves import CURVES, Group
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import seeded_random
from sim.chip.model import Behaviour, Features
from sim.chip.pace import CAN, MRZ, PaceProfile
from sim.chip.personalise import EF_COM, EF_DG1, personalise
from sim.chip.portrait import placeholder_portrait

CAN_TEXT = "483917"
COUNTRY = country()


def document(*profiles, bac=True):
    features = Features(bac=bac, pace=profiles, can=CAN_TEXT)
    return personalise(HOLDER, placeholder_portrait(2_000), COUNTRY, features=features)


def chip(*profiles, behaviour=None, bac=True):
    return Chip(card_of(document(*profiles, bac=bac), behaviour), seeded_random(b"chip"))


def terminal(one, profile, password=MRZ):
    made = document(profile)
    secret = made.access_key_text if password == MRZ else CAN_TEXT
    return PaceTerminal(lambda raw: one.transmit(raw)[0], secret, profile, password)


AES_P256 = PaceProfile(CipherSuite.AES_128, 13)

# --- ICAO Doc 9303-11, appendix G.1 ---------------------------------------------------

NONCE = bytes.fromhex("3F00C4D39D153F2B2A214A078D899B22")
MAP_KEY = "498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560"
AGREE_KEY = "107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A"
KEY_1 = (
    "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
    "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D"
)
CHIP_KEY_1 = (
    "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F57"
    "30D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54"
)
KEY_2 = (
    "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
    "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462"
)
CHIP_KEY_2 = (
    "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
    "7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094"
)
EXCHANGES = (
    ("0022C1A40F800A04007F00070202040202830101", "9000"),
    ("10860000027C0000", "7C12801095A3A016522EE98D01E76CB6B98B42C39000"),
    (f"10860000457C438141{KEY_1}00", f"7C438241{CHIP_KEY_1}9000"),
    (f"10860000457C438341{KEY_2}00", f"7C438441{CHIP_KEY_2}9000"),
    ("008600000C7C0A8508C2B0BD78D94BA86600", "7C0A86083ABB9674BCE93C089000"),
)


def as_drawn(scalar):
    """What randomness must give for this private key to come of it."""
    return (int(scalar, 16) - 1).to_bytes(40, "big")


def test_every_byte_of_the_worked_example():
    drawn = iter((NONCE, as_drawn(MAP_KEY), as_drawn(AGREE_KEY)))

    def random(size):
        value = next(drawn)
        assert len(value) == size
        return value

    text = "T22000129364081251010318"
    features = Features(pace=(AES_P256,))
    card = Card({}, access_keys(text), features=features, access_key_text=text)
    state = CardState()
    for command, response in EXCHANGES:
        state, answer = transact(card, state, bytes.fromhex(command), random)
        assert answer is not None
        assert answer.hex().upper() == response
    assert state.session is not None
    assert state.session.enc.hex().upper() == "F5F0E35C0D7161EE6724EE513A0D9A7F"
    assert state.session.mac.hex().upper() == "FE251C7858B356B24514B3BD5F4297D1"
    assert state.session.ssc == 0


def test_pace_info_of_the_worked_example():
    assert AES_P256.info.hex().upper() == "3012060A04007F0007020204020202010202010D"


# --- every combination ------------------------------------------------------------------


@pytest.mark.parametrize("parameter_id", list(CURVES))
@pytest.mark.parametrize("suite", [CipherSuite.TRIPLE_DES, CipherSuite.AES_256])
def test_every_parameter_gives_a_session_that_reads(suite, parameter_id):
    profile = PaceProfile(suite, parameter_id)
    one = chip(profile)
    reader = terminal(one, profile)
    assert reader.authenticate() == "9000"
    assert reader.protected(Command(0, 0xA4, 4, 12, SELECT_APPLICATION[5:], 0))[0] == b"\x90\x00"
    assert reader.read_file(EF_COM) == document(profile).files[EF_COM]


@pytest.mark.parametrize("suite", list(CipherSuite))
@pytest.mark.parametrize("password", [MRZ, CAN])
def test_every_suite_with_either_password(suite, password):
    profile = PaceProfile(suite, 12)
    reader = terminal(chip(profile), profile, password)
    assert reader.authenticate() == "9000"
    reader.protected(Command(0, 0xA4, 4, 12, SELECT_APPLICATION[5:], 0))
    assert reader.read_file(EF_DG1) == document(profile).files[EF_DG1]


def test_a_wrong_password_fails_at_the_token():
    one = chip(AES_P256)
    reader = PaceTerminal(lambda raw: one.transmit(raw)[0], "000000", AES_P256, CAN)
    assert reader.authenticate() == "6300"
    assert reader.steps == 4


def test_card_access_alone_is_always_open():
    one = chip(AES_P256)
    whole = one.transmit(bytes.fromhex("00A4020C02011C"))[0]
    assert whole == b"\x90\x00"
    content, _ = one.transmit(bytes.fromhex("00B0000000"))
    assert content[:-2] == bytes.fromhex("3114") + AES_P256.info
    assert one.transmit(bytes.fromhex("00B09C0006"))[0][:-2] == content[:6]
    assert one.transmit(bytes.fromhex("00A4020C022F00"))[0].hex() == "6982"
    assert one.transmit(bytes.fromhex("00A4020C022F01"))[0].hex() == "6a82"  # and is not there
    assert one.transmit(SELECT_APPLICATION)[0] == b"\x90\x00"
    assert one.transmit(bytes.fromhex("00A4020C02011E"))[0].hex() == "6982"
    assert one.transmit(bytes.fromhex("00B0000001"))[0].hex() == "6982"


def test_ambiguous_parameters_must_be_named():
    profiles = (PaceProfile(CipherSuite.AES_128, 12), PaceProfile(CipherSuite.AES_128, 13))
    one = chip(*profiles)
    unnamed = bytes.fromhex("0022C1A40F800A04007F00070202040202830101")
    assert one.transmit(unnamed)[0].hex() == "6a88"
    named = bytes.fromhex("0022C1A412800A04007F0007020204020283010184010D")
    assert one.transmit(named)[0].hex() == "9000"
    other = bytes.fromhex("0022C1A412800A04007F0007020204020283010184010E")
    assert one.transmit(other)[0].hex() == "6a88"
    suite = bytes.fromhex("0022C1A40F800A04007F00070202040204830101")
    assert one.transmit(suite)[0].hex() == "6a80"


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_chip_may_break_off_at_any_step_and_still_do_bac(step):
    one = chip(AES_P256, behaviour=Behaviour(pace_refused_at=step))
    reader = terminal(one, AES_P256)
    assert reader.authenticate() == "6300"
    assert reader.steps == step
    assert one.transmit(SELECT_APPLICATION)[0] == b"\x90\x00"
    assert len(one.transmit(bytes.fromhex("0084000008"))[0]) == 10


def test_a_chip_without_bac_gives_no_challenge():
    one = chip(AES_P256, bac=False)
    one.transmit(SELECT_APPLICATION)
    assert one.transmit(bytes.fromhex("0084000008"))[0].hex() == "6985"


def test_chaining_is_required():
    one = chip(AES_P256)
    one.transmit(bytes.fromhex(EXCHANGES[0][0]))
    assert one.transmit(bytes.fromhex("00860000027C0000"))[0].hex() == "6a80"
    assert one.transmit(bytes.fromhex("10860000027C0000"))[0].hex() == "6985"


def test_points_off_the_curve_are_refused():
    one = chip(AES_P256)
    one.transmit(bytes.fromhex(EXCHANGES[0][0]))
    one.transmit(bytes.fromhex(EXCHANGES[1][0]))
    command = bytearray.fromhex(EXCHANGES[2][0])
    command[-2] ^= 1
    assert one.transmit(bytes(command))[0].hex() == "6a80"


def test_the_mrz_may_be_refused_as_password():
    one = chip(AES_P256, behaviour=Behaviour(pace_by_can_only=True))
    assert terminal(one, AES_P256).authenticate() == "6a88"
    assert terminal(one, AES_P256, CAN).authenticate() == "9000"


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_steps_are_answered(bodies):
    card = card_of(document(AES_P256))
    random = seeded_random(b"any")
    state, _ = transact(card, CardState(), bytes.fromhex(EXCHANGES[0][0]), random)
    for body in bodies:
        raw = bytes((0x10, 0x86, 0, 0, len(body))) + body if body else b"\x10\x86\x00\x00"
        state, answer = transact(card, state, raw, random)
        assert answer is not None
        assert len(answer) >= 2
    assert state.session is None


@pytest.mark.parametrize("parameter_id", list(CURVES))
def test_group_encodings_come_back(parameter_id):
    group = Group(parameter_id)
    point = group.generator * group.scalar(seeded_random(b"group"))
    encoded = group.encode(point)
    assert group.decode(encoded) == point
    assert group.decode(encoded[:-1]) is None
    assert group.decode(b"\x02" + encoded[1:]) is None
    assert group.decode(b"") is None


def test_the_passwords_are_those_of_the_example():
    from sim.chip.pace import encoded_password

    text = "T22000129364081251010318"
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    assert encoded_password(MRZ, text, "") == digest
    assert digest.hex().upper() == "7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD"
    assert encoded_password(CAN, text, "") is None
    assert encoded_password(3, text, "123456") is None
