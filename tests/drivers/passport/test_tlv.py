"""BER-TLV: round trips, and arbitrary bytes."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.passport import tlv
from drivers.passport.errors import (
    TlvError,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_tlv_or_raise_our_error(data):
    try:
        objects = tlv.read_all(data)
    except TlvError:
        return
    assert sum(len(item.value) for item in objects) <= len(data)


TAGS = st.sampled_from([0x04, 0x30, 0x61, 0x75, 0x5F1F, 0x5F2E, 0x7F61, 0xDF8201])


@given(TAGS, st.one_of(st.binary(max_size=600), st.integers(0, 70_000).map(bytes)))
def test_tlv_round_trip(tag, value):
    encoded = tlv.encode(tag, value)
    assert tlv.read(encoded) == ((tag, value), len(encoded))
    assert tlv.read_head(encoded).total == len(encoded)
