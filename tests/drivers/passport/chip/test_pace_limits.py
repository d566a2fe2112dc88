"""PACE at its limits: nonces of every size, keys that come back, attempts that are left."""

from __future__ import annotations

import pytest
from test_pace import EXCHANGE, MRZ_INFORMATION, info, run, scalars

from drivers.passport import tlv
from drivers.passport.chip import pace
from drivers.passport.chip.access_choice import strongest
from drivers.passport.chip.security_infos import pace_infos, parse_security_infos
from drivers.passport.errors import CardRefused, SessionDead
from sim.chip import der
from sim.chip.curves import Group, explicit_parameters
from sim.chip.prime_fields import x942_parameters

OTHER_GENERATOR = Group(13, Group(13).generator * 2)
ANSWERS = [answer for _, answer in EXCHANGE]


def nonce(size: int) -> str:
    return (tlv.encode(0x7C, tlv.encode(0x80, bytes(size))) + b"\x90\x00").hex()


@pytest.mark.parametrize("size", [0, 8, 15, 17, 80])
def test_a_nonce_of_another_size_is_refused(size):
    with pytest.raises(SessionDead, match=f"nonce of {size} bytes"):
        run([ANSWERS[0], nonce(size)])


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_nonce_of_whole_blocks_is_taken(size):
    steps = pace.authenticate(info(), pace.mrz_password(MRZ_INFORMATION), scalars())
    next(steps)
    steps.send(bytes.fromhex(ANSWERS[0]))
    assert steps.send(bytes.fromhex(nonce(size))).apdu[:4] == bytes.fromhex("10860000")


@pytest.mark.parametrize("step", [2, 3])
def test_our_own_key_given_back_is_refused_at_either_step(step):
    ours = EXCHANGE[step][0][18:-2]
    tag = {2: "82", 3: "84"}[step]
    with pytest.raises(SessionDead, match="our own key"):
        run([*ANSWERS[:step], f"7C43{tag}41{ours}9000"])


@pytest.mark.parametrize("status", ["63C2", "63C0", "63CF"])
def test_a_count_of_attempts_left_is_no_refusal(status):
    sent, session = run([status, *ANSWERS[1:]])
    assert sent == [command for command, _ in EXCHANGE]
    assert session is not None


@pytest.mark.parametrize("status", ["6300", "63D0", "6A80", "6988", "62C0"])
def test_any_other_status_is_a_refusal(status):
    with pytest.raises(CardRefused):
        run([status, *ANSWERS[1:]])


# --- domain parameters that are spelled out ------------------------------------------------


def offered(algorithm, number=40, named=40):
    """What EF.CardAccess offers with parameters of its own number."""
    oid = bytes.fromhex("04007F000702020402")
    spelled_out = der.sequence(tlv.encode(6, oid), algorithm, der.integer(named))
    entry = der.sequence(tlv.encode(6, oid + b"\x02"), der.integer(2), der.integer(number))
    return pace_infos(parse_security_infos(der.set_of(entry, spelled_out)))


EXPLICIT = der.sequence(der.oid("1.2.840.10045.2.1"), explicit_parameters(Group(13)))
NAMED = der.sequence(der.oid("0.4.0.127.0.7.1.2"), der.integer(13))


WITHOUT_COFACTOR = der.sequence(
    der.oid("1.2.840.10045.2.1"),
    der.sequence(tlv.unwrap(explicit_parameters(Group(13)), 0x30)[:-3]),
)


@pytest.mark.parametrize("algorithm", [EXPLICIT, NAMED, WITHOUT_COFACTOR])
def test_parameters_that_are_spelled_out_are_found_among_the_standardised(algorithm):
    (one,) = offered(algorithm)
    assert (one.parameter_id, one.group) == (40, 13)
    steps = pace.authenticate(one, pace.mrz_password(MRZ_INFORMATION), scalars())
    sent = [next(steps).apdu.hex().upper()]
    sent += [steps.send(bytes.fromhex(answer)).apdu.hex().upper() for answer in ANSWERS[:-1]]
    assert sent[0].endswith("840128")
    assert sent[1:] == [command for command, _ in EXCHANGE[1:]]


def test_a_prime_field_that_is_spelled_out_is_found():
    algorithm = der.sequence(der.oid("1.2.840.10046.2.1"), x942_parameters(1))
    assert offered(algorithm)[0].group == 1


@pytest.mark.parametrize(
    "algorithm",
    [
        EXPLICIT.replace(der.integer(Group(13).order), der.integer(Group(13).order - 2)),
        der.sequence(der.oid("1.2.840.10045.2.1"), explicit_parameters(OTHER_GENERATOR)),
        der.sequence(der.oid("0.4.0.127.0.7.1.2"), der.integer(7)),
        der.sequence(der.oid("1.2.3"), der.integer(13)),
        der.sequence(),
        der.sequence(der.oid("1.2.840.10045.2.1"), b"\x30\x03\x02\x01"),
    ],
)
def test_other_parameters_are_not_taken(algorithm):
    (one,) = offered(algorithm)
    assert one.group is None
    assert strongest([one]) is None


def test_a_reserved_number_means_the_standardised_parameters_alone():
    (one,) = offered(EXPLICIT, number=12, named=12)
    assert one.group == 12
    assert offered(EXPLICIT, number=40, named=41)[0].group is None
