"""MRZ readers that wrap what they read: messages as their manuals have them, and bad wires."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_bench import Bench, passport, trust_of

from drivers.passport.reader.framers import DeskoFramer, ElyctisFramer, RteFramer
from drivers.passport.reader.line_reader import FramingError, Line
from drivers.types import DocumentPresented, MrzRead

ONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
TWO = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
CARD = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")


def desko(*lines):
    return b"\x1c\x02" + b"".join(line.encode() + b"\r" for line in lines) + b"\x03\x1d"


def rte(*lines, length=None):
    rows = [""] * (3 - len(lines)) + [
        line.ljust(30 if len(lines) == 3 else 44, "_") for line in lines
    ]
    text = b"OU\x02 " + b"".join(row.encode() + b"\r" for row in rows) + b"\x03"
    size = len(text) + 1 if length is None else length
    body = bytes([size & 0x7F, size >> 7]) + text
    return b"\x01" + body + bytes([reduce(xor, body)])


def elyctis(*lines):
    text = "\r".join(lines).encode()
    return b"I" + len(text).to_bytes(2, "big") + text


KINDS = [(DeskoFramer, desko), (RteFramer, rte), (ElyctisFramer, elyctis)]
kinds = pytest.mark.parametrize(("framer", "wire"), KINDS, ids=["desko", "rte", "elyctis"])


def test_messages_of_the_manuals():
    """The bytes themselves, once, so that a framer and its tests cannot err together."""
    short = "A" * 30
    row = short.encode().hex()
    assert (
        DeskoFramer().receive(bytes.fromhex(f"1c02{row}0d{row}0d{row}0d031d")) == [Line(short)] * 3
    )
    head = f"01{0x62:02x}004f550220{row}0d{row}0d{row}0d03"
    check = reduce(xor, bytes.fromhex(head)[1:])
    assert RteFramer().receive(bytes.fromhex(f"{head}{check:02x}")) == [Line(short)] * 3
    assert ElyctisFramer().receive(bytes.fromhex(f"49005c{row}0d{row}0d{row}")) == [Line(short)] * 3
    assert ElyctisFramer().ask().hex() == "490000" + "43000101"
    assert ElyctisFramer().go_on().hex() == "43000101"


@kinds
@pytest.mark.parametrize("lines", [(ONE, TWO), CARD, TD2])
def test_zone_in_single_bytes(framer, wire, lines):
    made = framer()
    out = [item for byte in wire(*lines) for item in made.receive(bytes([byte]))]
    assert out == [Line(line) for line in lines]
    assert set(made.errors.values()) == {0}


@kinds
def test_one_line_alone_and_one_after_another(framer, wire):
    made = framer()
    assert made.receive(wire(ONE) + wire(ONE, TWO)) == [Line(ONE), Line(ONE), Line(TWO)]


@kinds
def test_characters_that_were_not_read_are_reported(framer, wire):
    made = framer()
    damaged = wire(ONE.replace("MARIA", "M?RIA"), TWO)
    assert FramingError.BAD_CHARACTER in made.receive(damaged)
    assert made.errors[FramingError.BAD_CHARACTER] >= 1
    assert made.receive(wire(ONE, TWO))[-2:] == [Line(ONE), Line(TWO)]


@kinds
@given(cut=st.integers(1, 90), noise=st.binary(max_size=20))
def test_lost_byte_spoils_at_most_its_own_message(framer, wire, cut, noise):
    made = framer()
    whole = wire(ONE, TWO)
    at = cut % len(whole)
    made.receive(noise + whole[:at] + whole[at + 1 :])
    # At worst the end of the damaged message is found inside the next one.
    made.receive(wire(ONE, TWO))
    assert made.receive(wire(ONE, TWO))[-2:] == [Line(ONE), Line(TWO)]


@kinds
def test_lost_byte_does_not_take_the_next_message_with_it(framer, wire):
    whole = wire(ONE, TWO)
    for at in range(len(whole)):
        out = framer().receive(whole[:at] + whole[at + 1 :] + whole)
        assert out[-2:] == [Line(ONE), Line(TWO)], at


@kinds
@given(pieces=st.lists(st.binary(max_size=300), max_size=10))
def test_any_bytes_are_held_within_limits(framer, wire, pieces):
    made = framer()
    for piece in pieces:
        made.receive(piece)
        assert len(made._buffer) <= 620
    made.reset()
    assert made.receive(wire(ONE, TWO)) == [Line(ONE), Line(TWO)]


@kinds
def test_endless_message_is_given_up(framer, wire):
    made = framer()
    start = wire(ONE, TWO)[:10]
    made.receive(start + b"A" * 5_000)
    assert len(made._buffer) <= 200
    made.receive(wire(ONE, TWO))
    assert made.receive(wire(ONE, TWO))[-2:] == [Line(ONE), Line(TWO)]


def test_rte_check_byte():
    made = RteFramer()
    message = bytearray(rte(ONE, TWO))
    message[20] ^= 0x01
    assert made.receive(bytes(message)) == [FramingError.BAD_CHECKSUM]
    assert made.receive(rte(ONE, TWO, length=7)) == [Line(ONE), Line(TWO)]


def test_elyctis_answers_without_a_document_are_nothing():
    made = ElyctisFramer()
    assert made.receive(b"C\x00\x01\x01" + b"I\x00\x00" + elyctis(ONE, TWO)) == [
        Line(ONE),
        Line(TWO),
    ]


@pytest.mark.parametrize(
    ("framing", "wire"), [("desko", desko), ("rte", rte), ("elyctis", elyctis)]
)
def test_reader_takes_the_framing_of_its_profile(framing, wire):
    made = Bench(trust_of(), None, framing=framing)
    made.start()
    lines = passport().printed.text[:44], passport().printed.text[44:]
    made.present([], ticket=4)
    made.mrz_sent = b""
    made.call(made.reader.receive, "mrz", wire(*lines))
    assert made.named(DocumentPresented) == [DocumentPresented()]
    assert [event.ticket for event in made.named(MrzRead)] == [4]
    assert made.mrz_sent == (ElyctisFramer.CONTINUE if framing == "elyctis" else b"")


def test_elyctis_is_commanded_to_read_when_its_port_opens_and_when_a_document_is_wanted():
    made = Bench(trust_of(), None, framing="elyctis")
    made.start()
    assert made.mrz_sent == ElyctisFramer().ask()
    made.present([])
    assert made.mrz_sent == ElyctisFramer().ask() * 2
