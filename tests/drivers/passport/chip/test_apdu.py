"""Command and response APDUs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.chip.apdu import (
    Command,
    parse_response,
    transmit,
)
from drivers.passport.errors import (
    ApduError,
)


def test_command_encodings():
    assert Command(0, 0xA4, 4, 12, b"\xa0").encode().hex() == "00a4040c01a0"
    assert Command(0, 0xB0, 0, 0, le=256).encode().hex() == "00b0000000"
    assert Command(0, 0xB0, 0, 0, le=257).encode().hex() == "00b00000000101"
    assert Command(0, 0xB0, 0, 0, le=65_536).encode().hex() == "00b00000000000"
    assert Command(0, 0x88, 0, 0, bytes(8), le=257).encode()[4:7] == b"\x00\x00\x08"
    with pytest.raises(ApduError):
        Command(0, 0xB0, 0, 0, le=65_537).encode()


def test_wrong_le_and_further_data_are_followed():
    steps = transmit(Command(0, 0xB0, 0, 0, le=256))
    next(steps)
    assert steps.send(b"\x6c\x10").apdu[-1] == 0x10
    assert steps.send(b"ab\x61\x02").apdu[1] == 0xC0
    with pytest.raises(StopIteration) as end:
        steps.send(b"cd\x90\x00")
    assert end.value.value == (b"abcd", 0x9000)


@given(st.binary(max_size=64))
def test_any_response_parses_or_raises_our_error(raw):
    try:
        assert parse_response(raw).data == raw[:-2]
    except ApduError:
        assert len(raw) < 2
