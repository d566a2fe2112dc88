"""MRZ lines from a noisy serial line."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.reader.line_reader import FramingError, Line, LineFramer, MrzAssembler
from drivers.passport.reader.line_roles import role_of
from drivers.passport.reader.zone_reader import ZoneReader
from sim.chip.mrz import Holder, td1, td2, td3

ONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
TWO = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"


def wire(*lines):
    return "".join(f"{line}\r\n" for line in lines).encode()


def test_lines_in_single_bytes():
    framer = LineFramer()
    out = [item for byte in wire(ONE, TWO) for item in framer.receive(bytes([byte]))]
    assert out == [Line(ONE), Line(TWO)]


def test_errors_are_counted_and_the_next_line_is_whole():
    framer = LineFramer()
    noise = b"\xff\x00" + ONE.encode() + b"\r" + b"A" * 97 + b"\r" + b"SHORT\r"
    out = framer.receive(noise + wire(ONE))
    assert out == [
        FramingError.BAD_CHARACTER,
        FramingError.OVERLONG,
        FramingError.BAD_LENGTH,
        Line(ONE),
    ]
    assert framer.errors == dict.fromkeys(out[:3], 1) | {FramingError.BAD_CHECKSUM: 0}


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_any_bytes_are_held_within_limits_and_do_not_spoil_what_follows(pieces):
    framer = LineFramer()
    for piece in pieces:
        framer.receive(piece)
    framer.receive(b"\r")
    assert framer.receive(wire(ONE)) == [Line(ONE)]


def test_zone_of_two_lines_of_one_joined_line_and_of_three():
    assembler = MrzAssembler()
    assert assembler.add(Line(ONE), 0) is None
    assert assembler.add(Line(TWO), 1) == (ONE, TWO)
    assert assembler.add(Line(ONE + TWO), 2) == (ONE, TWO)
    td1 = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "E" * 30]
    assert [assembler.add(Line(line), 3) for line in td1] == [None, None, tuple(td1)]


def test_half_a_zone_is_forgotten_after_a_while_or_by_another_width():
    assembler = MrzAssembler()
    assembler.add(Line(ONE), 0)
    assert assembler.add(Line(ONE), 2_000_000_000) is None
    assert assembler.add(Line(TWO), 2_000_000_001) == (ONE, TWO)
    assembler.add(Line(ONE), 3_000_000_000)
    assert assembler.add(Line("A" * 36), 3_000_000_001) is None


ENDS = ["\r", "\n", "\r\n", "\n\r", "\r\n\r\n"]


@pytest.mark.parametrize("one", ENDS)
@pytest.mark.parametrize("two", ENDS)
def test_any_line_end_ends_a_line(one, two):
    framer = LineFramer()
    assert framer.receive(f"{ONE}{one}{TWO}{two}".encode()) == [Line(ONE), Line(TWO)]
    assert framer.unread_bytes == 0
    assert sum(framer.errors.values()) == 0


@pytest.mark.parametrize(
    "sent",
    [ONE.lower(), ONE.replace("<", " "), ONE.rstrip("<").ljust(44), f"  {ONE} ", f"{ONE} "],
)
def test_lower_case_and_spaces_are_read_as_what_they_stand_for(sent):
    assert LineFramer().receive(f"{sent}\n".encode()) == [Line(ONE)]


def test_bytes_without_a_line_are_counted_even_where_no_line_ends():
    framer = LineFramer()
    garbage = bytes(range(0x80, 0x100)) * 3
    assert framer.receive(garbage) == [FramingError.OVERLONG] * 3
    assert framer.unread_bytes == len(garbage)
    assert framer.receive(b"\r" + wire(ONE)) == [Line(ONE)]
    assert framer.unread_bytes == 0


def take(*sent):
    """The zones of lines sent at these milliseconds."""
    assembler = MrzAssembler()
    zones = [assembler.add(Line(text), at_ms * 1_000_000) for at_ms, text in sent]
    return [zone for zone in zones if zone is not None]


TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)


@pytest.mark.parametrize(
    ("sent", "zones"),
    [
        ([(0, ONE), (900, ONE)], []),
        ([(0, ONE), (900, ONE), (950, TWO)], [(ONE, TWO)]),
        ([(0, TWO), (900, ONE), (950, TWO)], [(ONE, TWO)]),
        ([(0, TWO), (50, TWO), (100, ONE)], [(ONE, TWO)]),
        ([(0, TWO), (50, ONE)], [(ONE, TWO)]),
        ([(0, TWO), (900, ONE)], []),
        ([(0, ONE + ONE)], []),
        ([(0, TWO + ONE)], [(ONE, TWO)]),
        ([(0, TD1[0]), (50, TD1[0]), (100, TD1[1]), (150, TD1[2])], [TD1]),
        ([(0, TD1[2]), (50, TD1[1]), (100, TD1[0])], [TD1]),
        ([(0, TD1[0]), (50, TD1[2]), (100, TD1[2])], []),
        ([(0, TD1[1]), (900, TD1[0]), (950, TD1[1]), (1000, TD1[2])], [TD1]),
        ([(0, TD1[0]), (1400, TD1[1]), (2800, TD1[2])], [TD1]),
    ],
)
def test_a_zone_has_each_of_its_lines_once_and_in_order(sent, zones):
    assert take(*sent) == zones


NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ ", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(NAMES, NAMES, st.text("ABCXYZ0123456789", min_size=1, max_size=9), st.sampled_from("MFX"))
def test_every_line_of_a_zone_is_known_for_the_one_it_is(surname, given_names, number, sex):
    holder = Holder(
        surname=surname,
        given_names=given_names,
        number=number,
        birth_date=date(1984, 2, 29),
        sex=sex,
        expiry=date(2034, 1, 14),
    )
    for form in (td1, td2, td3):
        lines = form(holder).printed.split("\n")
        assert [role_of(line) for line in lines] == list(range(len(lines)))


def test_a_lower_line_whose_dates_are_open_is_a_lower_line():
    assert role_of("X000000005UTO<<<<<<0F<<<<<<0<<<<<<<<<<<<<<04") == 1
    assert role_of("<<<<<<0F<<<<<<0UTO<<<<<<<<<<<6") == 1


@pytest.mark.parametrize("wrong", [b"P<UTOERIKSSON" * 14, b"\x83\xfe\x1c" * 59])
def test_bytes_that_give_no_line_are_shown_until_one_is_read(wrong):
    reader = ZoneReader("cr")
    reader.receive(wrong[:-13], 0)
    assert not reader.unreadable
    reader.receive(wrong[-13:], 0)
    assert reader.unreadable
    assert len(reader.receive(b"\n" + wire(ONE, TWO), 0)) == 1
    assert not reader.unreadable


def test_lines_that_give_no_zone_are_shown_too():
    reader = ZoneReader("cr")
    for swipe in range(6):
        reader.receive(wire(ONE), swipe * 3_000_000_000)
    assert reader.unreadable


@pytest.mark.parametrize("framing", ["desko", "rte", "elyctis"])
def test_framed_readers_count_what_is_no_message(framing):
    reader = ZoneReader(framing)
    reader.receive(wire(ONE, TWO) * 2, 0)
    assert reader.unreadable


def test_an_empty_answer_of_a_reader_that_is_asked_is_a_message():
    reader = ZoneReader("elyctis")
    for _ in range(100):
        reader.receive(b"I\x00\x00", 0)
    assert not reader.unreadable
