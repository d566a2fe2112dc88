"""READ BINARY with every Le at every offset: what fits, 6282 at the end, 6B00 beyond it."""

import pytest
from chip_samples import Terminal
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_chip import DOCUMENT, chip

from sim.chip.apdu import Command
from sim.chip.card import Chip
from sim.chip.catalogue import prepare
from sim.chip.der import tlv
from sim.chip.keys import seeded_random
from sim.chip.personalise import EF_COM, EF_DG2
from sim.chip.secure_messaging import wrapped_size

CONTENT = DOCUMENT.files[EF_DG2]
SIZE = len(CONTENT)


def opened():
    held = chip()
    reader = Terminal(lambda raw: held.transmit(raw)[0], DOCUMENT.access_key_text)
    assert reader.authenticate() == "9000"
    reader.protected(Command(0, 0xA4, 2, 0x0C, b"\x01\x02", 0))
    return reader


READER = opened()
"""One session for all reads: none of them may end it."""


def room_of(extended):
    """Bytes of a file that a protected answer holds."""
    most = 65_536 if extended else 256
    return max(n for n in range(min(SIZE, most) + 1) if wrapped_size(n) <= most)


ROOM = {extended: room_of(extended) for extended in (False, True)}


def expected(offset, le, extended):
    """Status words that are right, and the data."""
    if offset >= SIZE:
        return ("6b00",), b""
    whatever = le in (256, 65_536)
    left = CONTENT[offset : offset + le]
    given = left[: ROOM[extended]]
    ended = len(left) < le and given == left and not whatever
    return ("6282",) if ended else ("9000",), given


offsets = st.one_of(st.integers(0, SIZE + 300), st.sampled_from([0, SIZE - 1, SIZE, SIZE + 1]))


@given(offset=offsets, le=st.integers(1, 256))
@settings(max_examples=200, deadline=None)
@example(offset=0, le=0xDF)
@example(offset=0, le=0xE7)
@example(offset=0, le=0xE8)
@example(offset=0, le=0xFF)
@example(offset=0, le=0x100)
@example(offset=SIZE - 240, le=0xFF)
def test_every_short_length_under_secure_messaging(offset, le):
    command = Command(0, 0xB0, offset >> 8 & 0x7F, offset & 0xFF, b"", le)
    status, data = READER.protected(command)
    right, content = expected(offset, le, False)
    assert (status.hex() in right, data) == (True, content)


@given(offset=offsets, le=st.one_of(st.integers(1, 65_536), st.sampled_from([256, 257, 65_535])))
@settings(max_examples=60, deadline=None)
def test_every_extended_length_under_secure_messaging(offset, le):
    command = Command(0, 0xB0, offset >> 8 & 0x7F, offset & 0xFF, b"", le)
    status, data = READER.protected(command, extended=True)
    right, content = expected(offset, le, True)
    assert (status.hex() in right, data) == (True, content)


@given(offset=offsets, le=st.integers(1, 300), size=st.integers(2, 4))
@settings(max_examples=150, deadline=None)
def test_every_length_of_a_read_with_a_data_object(offset, le, size):
    le = min(le, 256)
    at = tlv(0x54, offset.to_bytes(size, "big"))
    status, data = READER.protected(Command(0, 0xB1, 0, 0, at, le))
    if offset >= SIZE:
        assert (status.hex(), data) == ("6b00", b"")
    elif le < 3:
        assert (status.hex(), data) == ("6c03", b"")
    else:
        assert status.hex() in ("9000", "6282")
        assert len(data) <= le
        head = 2 if data[1] < 0x80 else 3
        assert data[0] == 0x53
        assert data[head:] == CONTENT[offset : offset + len(data) - head] != b""


@pytest.mark.parametrize("ending", ["", "00", "0000", "000000"])
@pytest.mark.parametrize("le", [1, 5, 223, 255, 256, 257, 4_096, 65_535, 65_536])
def test_every_length_in_plain(le, ending):
    """EF.CardAccess is open to all."""
    card = prepare("pace_only", None, [])
    content = card.master_files[0x011C]
    held = Chip(card, seeded_random(b"plain"))
    held.transmit(bytes.fromhex("00A4020C02011C"))
    offset = len(bytes.fromhex(ending))
    coded = bytes([le & 0xFF]) if le <= 256 else b"\x00" + (le & 0xFFFF).to_bytes(2, "big")
    answer, _ = held.transmit(bytes([0, 0xB0, 0, offset]) + coded)
    whole = content[offset:]
    given = whole[:le]
    ended = len(given) < le and le not in (256, 65_536)
    assert answer == given + bytes.fromhex("6282" if ended else "9000")


def test_a_file_shorter_than_any_length_ends_where_it_ends():
    reader = opened()
    reader.protected(Command(0, 0xA4, 2, 0x0C, b"\x01\x1e", 0))
    com = DOCUMENT.files[EF_COM]
    assert reader.protected(Command(0, 0xB0, 0, 0, b"", 255)) == (b"\x62\x82", com)
