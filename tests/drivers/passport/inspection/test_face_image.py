"""DG2 down to its image, odd and malformed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport import tlv
from drivers.passport.errors import (
    DocumentError,
    FormatUnknown,
    TlvError,
)
from drivers.passport.inspection.face_image import parse_dg2


@given(st.binary(max_size=300), st.booleans())
def test_any_dg2_parses_or_raises_our_error(data, wrap):
    record = tlv.encode(0x7F61, b"\x02\x01\x01" + tlv.encode(0x7F60, tlv.encode(0x5F2E, data)))
    with pytest.raises(DocumentError):
        parse_dg2(tlv.encode(0x75, record) if wrap else data)


@pytest.mark.parametrize(
    "block",
    [b"\xff\xd8\xff\xe0" + bytes(60), b"BMP", b"\x30\x03\x02\x01\x01"],
    ids=["a picture alone", "no object", "another object"],
)
def test_a_block_that_is_no_face_record_is_of_an_unknown_format(block):
    template = tlv.encode(0x7F60, tlv.encode(0xA1, b"") + tlv.encode(0x5F2E, block))
    group = tlv.encode(0x7F61, b"\x02\x01\x01" + template)
    with pytest.raises(FormatUnknown):
        parse_dg2(tlv.encode(0x75, group))


@pytest.mark.parametrize("off", [-8, -1, 0, 1, 8])
@pytest.mark.parametrize("faces", [1, 2])
def test_a_face_record_whose_lengths_a_state_miscounted_is_read_where_there_is_one_face(off, faces):
    image = b"\xff\xd8\xff" + bytes(100)
    face = (32 + len(image) + off).to_bytes(4, "big") + bytes(16) + bytes(12) + image
    head = b"FAC\x00010\x00" + (46 + len(image) + off).to_bytes(4, "big") + bytes([0, faces])
    if faces == 1 or off == 0:
        assert parse_dg2(head + face).data == image
    elif off > 0:
        with pytest.raises(TlvError, match="contradict"):
            parse_dg2(head + face)
    else:
        assert parse_dg2(head + face).data == image[:off]
