"""PACE's other mappings and prime fields, by the worked examples of Doc 9303-11."""

from __future__ import annotations

import pytest
from pace_examples import CHIP_MAPPING, DH_GENERIC, DH_INTEGRATED, ECDH_INTEGRATED

from drivers.passport import tlv
from drivers.passport.chip import integrated_mapping, pace
from drivers.passport.chip.access_choice import strongest
from drivers.passport.chip.agreement import KEY_PASSWORD, derive_key, encrypt_blocks
from drivers.passport.chip.domain_parameters import group_of
from drivers.passport.chip.modp import MODP_GROUPS
from drivers.passport.chip.point_encoding import encodes, point_of
from drivers.passport.chip.security_infos import pace_infos, parse_security_infos
from drivers.passport.curves import by_name
from drivers.passport.errors import ChipProofWrong, DocumentError, SessionDead, SignatureInvalid

PASSWORD = pace.can_password("123456")
KEY = derive_key("AES-128", PASSWORD.secret, KEY_PASSWORD)
ALL = {
    "G.2": DH_GENERIC,
    "H.1": ECDH_INTEGRATED,
    "H.2": DH_INTEGRATED,
    "I.1": CHIP_MAPPING,
}
OK = b"\x90\x00"


def info_of(example):
    oid = tlv.encode(0x06, bytes.fromhex(example["oid"]))
    entry = tlv.encode(0x30, oid + b"\x02\x01\x02\x02\x01" + bytes([example["parameter_id"]]))
    return strongest(pace_infos(parse_security_infos(tlv.encode(0x31, entry))))


def order_of(example):
    if example["parameter_id"] in MODP_GROUPS:
        return MODP_GROUPS[example["parameter_id"]].q
    return int(by_name("brainpoolP256r1").foreign.order)


def drawn(example):
    """The terminal's nonce and private keys, as the random source gives them."""
    waiting = [example.get("terminal_map"), example["terminal"]]

    def draw(size):
        if "additional" in example and size == 16:
            return bytes.fromhex(example["additional"])
        scalar = int(next(s for s in waiting if s), 16) % order_of(example)
        waiting.remove(next(s for s in waiting if s))
        return (scalar - 1).to_bytes(size, "big")

    if "additional" in example:
        waiting.pop(0)
    return draw


def answers_of(example, **changes):
    """What the example's chip answers; its nonce under the key of this file's password."""
    values = example | changes
    nonce = encrypt_blocks("AES-128", KEY, bytes.fromhex(values["nonce"]))
    token = tlv.encode(0x86, bytes.fromhex(values["chip_token"]))
    if values.get("chip_data"):
        token += tlv.encode(0x8A, bytes.fromhex(values["chip_data"]))
    inner = (
        tlv.encode(0x80, nonce),
        tlv.encode(0x82, bytes.fromhex(values.get("chip_map_key", ""))),
        tlv.encode(0x84, bytes.fromhex(values["chip_key"])),
        token,
    )
    return [OK, *(tlv.encode(0x7C, content) + OK for content in inner)]


def run(example, answers):
    steps = pace.authenticate(info_of(example), PASSWORD, drawn(example))
    sent = []
    op = next(steps)
    try:
        for answer in answers:
            sent.append(op.apdu)
            op = steps.send(answer)
    except StopIteration as end:
        return sent, end.value
    raise AssertionError("not at its end")


def value_sent(apdu):
    size = apdu[4]
    ((_tag, value),) = tlv.read_all(tlv.unwrap(apdu[5 : 5 + size], 0x7C))
    return value.hex().upper()


@pytest.mark.parametrize("name", ALL)
def test_worked_example(name):
    example = ALL[name]
    sent, opened = run(example, answers_of(example))
    mapping = example.get("terminal_map_key") or example["additional"]
    assert [value_sent(apdu) for apdu in sent[2:]] == [
        mapping,
        example["terminal_key"],
        example["terminal_token"],
    ]
    protocol = bytes.fromhex(example["oid"])
    assert sent[0][5:-6] == b"\x80\x0a" + protocol
    assert sent[0][-3:] == b"\x84\x01" + bytes([example["parameter_id"]])
    assert (opened.proof is None) is (name != "I.1")


@pytest.mark.parametrize("name", ["H.1", "H.2"])
def test_octets_element_and_generator_of_integrated_mapping(name):
    example = ALL[name]
    group = group_of(example["parameter_id"])
    nonce, additional = bytes.fromhex(example["nonce"]), bytes.fromhex(example["additional"])
    made = integrated_mapping.octets("AES-128", nonce, additional, group.prime)
    assert made.hex().upper() == example["octets"]
    element = integrated_mapping.pseudo_random("AES-128", nonce, additional, group.prime)
    assert element == int(example["element"], 16)
    generator = group.integrated(element).generator
    if isinstance(generator, int):
        assert generator == int(example["generator"], 16)
    else:
        assert generator.hex().upper() == example["generator"]


def test_the_encrypted_nonces_of_appendix_h():
    key = bytes.fromhex("591468CDA83D65219CCCB8560233600F")
    for example in (ECDH_INTEGRATED, DH_INTEGRATED):
        made = encrypt_blocks("AES-128", key, bytes.fromhex(example["nonce"]))
        assert made.hex().upper() == example["encrypted"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("at", ["chip_token", "chip_key"])
def test_a_chip_with_another_key_or_token_opens_nothing(name, at):
    example = ALL[name]
    wrong = bytes.fromhex(example[at])
    wrong = wrong[:-1] + bytes([wrong[-1] ^ 1])
    with pytest.raises(DocumentError):
        run(example, answers_of(example, **{at: wrong.hex()}))


@pytest.mark.parametrize("name", ALL)
def test_a_chip_that_mapped_another_nonce_opens_nothing(name):
    example = ALL[name]
    other = bytes(16).hex()
    with pytest.raises(ChipProofWrong):
        run(example, answers_of(example, nonce=other))


@pytest.mark.parametrize("name", ["G.2", "I.1"])
def test_our_own_mapping_key_given_back_is_refused(name):
    example = ALL[name]
    with pytest.raises(ChipProofWrong, match="our own key"):
        run(example, answers_of(example, chip_map_key=example["terminal_map_key"]))


@pytest.mark.parametrize("value", ["", "00", "01", "02"])
def test_a_public_value_of_no_subgroup_of_order_q_is_refused(value):
    p = MODP_GROUPS[0].p
    for encoded in (bytes.fromhex(value), (p - 1).to_bytes(128, "big"), p.to_bytes(128, "big")):
        with pytest.raises(SessionDead):
            run(DH_GENERIC, answers_of(DH_GENERIC, chip_map_key=encoded.hex()))
        with pytest.raises(SessionDead):
            run(DH_GENERIC, answers_of(DH_GENERIC, chip_key=encoded.hex()))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_values_outside_the_subgroup_are_refused(number):
    group, p = MODP_GROUPS[number], MODP_GROUPS[number].p
    assert group_of(number).multiple(5, group.generator.to_bytes(group.size, "big"))
    for value in (2, 3, group.generator * (p - 1) % p):
        outside = pow(value, group.q, p) != 1
        assert outside
        with pytest.raises(SessionDead, match="no subgroup of order q"):
            group_of(number).multiple(5, value.to_bytes(group.size, "big"))
    for value in (0, 1, p - 1, p, p + group.generator):
        with pytest.raises(SessionDead, match="not a public value"):
            group_of(number).multiple(5, value.to_bytes(group.size + 1, "big").lstrip(b"\x00"))


@pytest.mark.parametrize("size", [32, 48, 64])
def test_integrated_mapping_takes_a_nonce_of_its_own_size_alone(size):
    with pytest.raises(SessionDead, match=f"nonce of {size} bytes"):
        run(ECDH_INTEGRATED, answers_of(ECDH_INTEGRATED, nonce=bytes(size).hex()))


def test_an_empty_answer_to_our_nonce_may_be_empty_altogether():
    answers = answers_of(ECDH_INTEGRATED)
    answers[2] = b"\x7c\x00" + OK
    assert run(ECDH_INTEGRATED, answers)[1].session is not None


# --- chip authentication mapping --------------------------------------------------------

STATIC_KEY = bytes.fromhex(CHIP_MAPPING["static_key"])


def proof(**changes):
    return run(CHIP_MAPPING, answers_of(CHIP_MAPPING, **changes))[1].proof


def test_the_chips_data_lead_from_its_static_key_to_its_mapping_key():
    found = proof()
    assert found.factor == int(CHIP_MAPPING["factor"], 16)
    found.verify(STATIC_KEY)


def test_another_static_key_is_not_proven():
    curve = by_name("brainpoolP256r1").foreign
    other = (curve.generator * 7).to_bytes("uncompressed")
    with pytest.raises(SignatureInvalid, match="do not fit its key"):
        proof().verify(other)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "no chip authentication data"),
        (CHIP_MAPPING["chip_data"][:-2], "not whole blocks"),
        (CHIP_MAPPING["chip_data"][:-2] + "00", "not padded"),
        ("00" * 48, "not padded"),
        (CHIP_MAPPING["chip_data"][32:], "do not fit its key|no scalar"),
        (CHIP_MAPPING["chip_data"][:32] * 2 + CHIP_MAPPING["chip_data"][64:], "fit|no scalar|pad"),
    ],
)
def test_data_that_prove_nothing_leave_the_session_good(data, why):
    sent, opened = run(CHIP_MAPPING, answers_of(CHIP_MAPPING, chip_data=data))
    assert len(sent) == 5
    with pytest.raises(SignatureInvalid, match=why):
        opened.proof.verify(STATIC_KEY)


def test_data_of_zero_or_of_the_order_prove_nothing():
    order = int(by_name("brainpoolP256r1").foreign.order)
    found = proof()
    for factor in (0, order):
        with pytest.raises(SignatureInvalid):
            found._replace(factor=factor).verify(STATIC_KEY)


@pytest.mark.parametrize("key", [b"", STATIC_KEY[:-1], b"\x04" + bytes(64)])
def test_a_static_key_that_is_no_point_is_not_proven(key):
    with pytest.raises(SignatureInvalid):
        proof().verify(key)


# --- point encoding ---------------------------------------------------------------------

CURVES = [by_name(name).foreign.curve for name in ("secp192r1", "brainpoolP320r1", "secp521r1")]


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_every_field_element_but_three_belongs_to_a_point(curve):
    p, a, b = (int(v()) for v in (curve.p, curve.a, curve.b))
    for element in (2, 3, 5, p - 2, p // 2, p // 3):
        x, y = point_of(p, a % p, b, element)
        assert curve.contains_point(x, y)
    for element in (0, 1, p - 1):
        with pytest.raises(SessionDead):
            point_of(p, a % p, b, element)


def test_integrated_mapping_is_not_defined_on_secp224r1():
    curve = by_name("secp224r1").foreign.curve
    assert not encodes(int(curve.p()))
    with pytest.raises(ValueError, match="3 modulo 4"):
        point_of(int(curve.p()), int(curve.a()), int(curve.b()), 2)


def test_an_element_without_generator_ends_integrated_mapping_over_a_field():
    group = group_of(0)
    for element in (0, 1, pow(3, MODP_GROUPS[0].q, MODP_GROUPS[0].p)):
        with pytest.raises(SessionDead):
            group.integrated(element)
