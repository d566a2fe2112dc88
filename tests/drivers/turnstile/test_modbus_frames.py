from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.turnstile.modbus_requests import (
    Identity,
    Mismatch,
    Read,
    ReadIdentity,
    Refusal,
    Registers,
    WriteWords,
    Written,
    answer_length,
    parse_answer,
)
from drivers.turnstile.rtu import crc16, seal, sealed, silence_ns

REQUESTS = [Read(0x40, 9), Read(0x3000, 1), WriteWords(0x40, (1,)), ReadIdentity()]


@pytest.mark.parametrize(
    ("body", "frame"),
    [
        ("0207", "02074112"),  # Serial Line V1.02, 6.2.2: CRC 0x1241, sent 41 12
        ("010300000001", "010300000001840a"),
        ("110300 6b0003", "1103006b00037687"),
        ("1110 0001 0002 04 000a 0102", "11100001000204000a0102c6f0"),
    ],
)
def test_crc_as_in_the_standard(body: str, frame: str) -> None:
    assert seal(bytes.fromhex(body)) == bytes.fromhex(frame)
    assert sealed(bytes.fromhex(frame))


def test_crc_check_word() -> None:
    assert crc16(b"123456789") == 0x4B37


@pytest.mark.parametrize(
    ("request_", "frame"),
    [  # bodies as in the Application Protocol V1.1b3: 6.3, 6.12, 6.21
        (Read(0x006B, 3), seal(bytes.fromhex("11 03 006B 0003"))),
        (WriteWords(0x0001, (0x000A, 0x0102)), seal(bytes.fromhex("11 10 0001 0002 04 000A 0102"))),
        (ReadIdentity(), seal(bytes.fromhex("11 2B 0E 01 00"))),
    ],
)
def test_requests_as_in_the_standard(request_, frame: bytes) -> None:
    assert request_.encode(0x11) == frame


IDENTITY_ANSWER = (
    bytes.fromhex("11 2B 0E 01 01 00 00 03 00 16")
    + b"Company identification"
    + bytes.fromhex("01 0F")
    + b"Product code XX"
    + bytes.fromhex("02 05")
    + b"V2.11"
)


@pytest.mark.parametrize(
    ("request_", "body", "answer"),
    [
        (
            Read(0x006B, 3),
            bytes.fromhex("11 03 06 022B 0000 0064"),
            Registers(0x6B, (0x022B, 0, 0x64)),
        ),
        (WriteWords(1, (0x0A, 0x0102)), bytes.fromhex("11 10 0001 0002"), Written()),
        (
            ReadIdentity(),
            IDENTITY_ANSWER,
            Identity("Company identification", "Product code XX", "V2.11"),
        ),
        (Read(0x006B, 3), bytes.fromhex("11 83 02"), Refusal(2)),
        (ReadIdentity(), bytes.fromhex("11 AB 01"), Refusal(1)),
    ],
)
def test_answers_as_in_the_standard(request_, body: bytes, answer) -> None:
    frame = seal(body)
    for length in range(1, len(frame)):
        found = answer_length(request_, 0x11, frame[:length])
        assert found is None or found == len(frame)
    assert answer_length(request_, 0x11, frame) == len(frame)
    assert parse_answer(request_, frame) == answer


@pytest.mark.parametrize(
    "body",
    [
        "12 03 06 022B 0000 0064",  # another unit
        "11 04 06 022B 0000 0064",  # another function
        "11 03 04 022B 0000",  # another length
        "11 90 02",  # a refusal of another function
    ],
)
def test_foreign_answers_are_no_answers(body: str) -> None:
    with pytest.raises(Mismatch):
        answer_length(Read(0x006B, 3), 0x11, seal(bytes.fromhex(body)))


@pytest.mark.parametrize("body", ["11 10 0002 0002", "11 10 0001 0001"])
def test_a_foreign_echo_is_no_answer(body: str) -> None:
    with pytest.raises(Mismatch):
        answer_length(WriteWords(1, (1, 2)), 0x11, seal(bytes.fromhex(body)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Read(0, 0),
        lambda: Read(0, 126),
        lambda: Read(0xFFFF, 2),
        lambda: WriteWords(0, ()),
        lambda: WriteWords(0, (0x10000,)),
        lambda: WriteWords(0xFFFF, (1, 2)),
    ],
)
def test_requests_outside_the_standard_cannot_be_made(make) -> None:
    with pytest.raises(ValueError, match="register"):
        make()


@given(
    request_=st.sampled_from(REQUESTS),
    data=st.binary(min_size=1, max_size=300) | st.binary(max_size=260).map(lambda d: b"\x01" + d),
)
def test_any_bytes_are_judged(request_, data: bytes) -> None:
    try:
        length = answer_length(request_, 1, data)
        if length is not None and length <= len(data):
            assert 5 <= length <= 256
            parse_answer(request_, data[:length])
    except Mismatch:
        pass


@given(st.binary(min_size=2, max_size=60), st.data())
def test_up_to_three_flipped_bits_never_pass(body: bytes, data: st.DataObject) -> None:
    frame = bytearray(seal(body))
    bits = data.draw(
        st.sets(st.integers(0, 8 * len(frame) - 1), min_size=1, max_size=3), label="bits"
    )
    for bit in bits:
        frame[bit // 8] ^= 1 << (bit % 8)
    assert not sealed(frame)


def test_the_silence_between_frames() -> None:
    assert silence_ns(115_200) == silence_ns(38_400) == 1_750_000
    assert 4_010_000 < silence_ns(9600) < 4_011_000  # 3.5 characters of 11 bits
