"""PACE at its limits: nonces of every size, keys that come back, attempts that are left."""

from __future__ import annotations

import pytest
from test_pace import EXCHANGE, MRZ_INFORMATION, info, run, scalars

from drivers.passport import tlv
from drivers.passport.chip import pace
from drivers.passport.errors import CardRefused, SessionDead

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
