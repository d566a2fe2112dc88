"""MRZ lines from a noisy serial line."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.reader.line_reader import FramingError, Line, LineFramer, MrzAssembler

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
