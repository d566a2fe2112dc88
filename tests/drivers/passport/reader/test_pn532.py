"""PN532 link: frames, acknowledgement, repairs; target and exchange procedures."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DeviceRefused, DriverFault, NoAnswer, ProtocolViolation
from drivers.passport.errors import TagLost
from drivers.passport.reader.pn532 import ACK, MAX_NACKS, NACK, Pn532Link, frame
from drivers.passport.reader.pn532_commands import (
    Call,
    ChangeBaud,
    Pause,
    Started,
    Target,
    exchange,
    find_again,
    set_speed,
    start_up,
)

GET_VERSION = bytes.fromhex("0000FF02FED4022A00")
VERSION = bytes.fromhex("0000FF06FAD50332010607E800")
ERROR = bytes.fromhex("0000FF01FF7F8100")
MS = 1_000_000


def asked(timeout_ms=500):
    link = Pn532Link("chip")
    link.request(b"\x02", timeout_ms, 0)
    assert [op.data for op in link.output()] == [GET_VERSION]
    return link


def test_frames_of_the_manual():
    assert frame(bytes.fromhex("D402")) == GET_VERSION
    assert frame(bytes.fromhex("D503320106") + b"\x07") == VERSION


def test_extended_frame_above_255_bytes():
    packet = b"\xd4\x40" + bytes(254)
    encoded = frame(packet)
    assert encoded[:8] == bytes.fromhex("0000FFFFFF0100FF")
    assert encoded[8:-2] == packet
    assert (sum(packet) + encoded[-2]) & 0xFF == 0


def test_answer_after_ack_in_single_bytes():
    link = asked()
    answers = [link.receive(bytes([byte]), 0) for byte in ACK + VERSION[:-2]]
    assert answers == [None] * len(answers)
    assert link.receive(VERSION[-2:-1], 0) == bytes.fromhex("32010607")
    assert link.receive(VERSION[-1:], 0) is None  # the postamble
    assert link.due_ns is None


def test_extended_answer():
    link = Pn532Link("chip")
    link.request(b"\x40\x01", 500, 0)
    assert link.receive(ACK + frame(b"\xd5\x41\x00" + bytes(262)), 0) == b"\x00" + bytes(262)


def test_damaged_answer_is_asked_for_again():
    link = asked()
    damaged = VERSION[:8] + bytes([VERSION[8] ^ 1]) + VERSION[9:]
    assert link.receive(ACK + damaged, 0) is None
    assert [op.data for op in link.output()] == [NACK]
    assert link.receive(VERSION, 1) == bytes.fromhex("32010607")


def test_answers_that_stay_damaged_are_a_protocol_violation():
    link = asked()
    damaged = VERSION[:8] + bytes([VERSION[8] ^ 1]) + VERSION[9:]
    link.receive(ACK, 0)
    for _ in range(MAX_NACKS):
        link.receive(damaged, 0)
    with pytest.raises(ProtocolViolation):
        link.receive(damaged, 0)
    assert not link.busy


def test_lost_command_is_sent_again_and_then_given_up():
    link = asked()
    for _ in range(2):
        link.expire(link.due_ns)
        assert [op.data for op in link.output()] == [GET_VERSION]
    with pytest.raises(NoAnswer):
        link.expire(link.due_ns)
    assert [op.data for op in link.output()] == [ACK]  # the PN532 drops it too
    assert link.due_ns is None


def test_expire_before_its_time_does_nothing():
    link = asked()
    link.expire(link.due_ns - 1)
    assert link.output() == []


def test_answer_without_its_ack_counts():
    assert asked().receive(VERSION, 0) == bytes.fromhex("32010607")


def test_answer_to_another_command_is_passed_over():
    link = asked()
    other = frame(bytes.fromhex("D515"))
    assert link.receive(ACK + other + VERSION, 0) == bytes.fromhex("32010607")


def test_nack_of_the_peer_sends_the_frame_again():
    link = asked()
    link.receive(NACK, 0)
    assert [op.data for op in link.output()] == [GET_VERSION]


def test_error_frame_is_a_refusal():
    with pytest.raises(DeviceRefused):
        asked().receive(ACK + ERROR, 0)


def test_endless_noise_is_a_protocol_violation():
    link = asked()
    for _ in range(40):
        link.receive(b"\x55" * 100, 0)
    with pytest.raises(ProtocolViolation):
        link.receive(b"\x55" * 100, 0)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_arbitrary_bytes_raise_only_driver_faults(pieces):
    link = asked()
    for piece in pieces:
        try:
            link.receive(piece, 0)
        except DriverFault:
            assert not link.busy
            link.request(b"\x02", 500, 0)
    link.request(b"\x02", 500, 0)
    assert link.receive(ACK + VERSION, 0) == bytes.fromhex("32010607")


def play(procedure, *answers):
    """Answer the calls of a procedure; the calls' data and the result."""
    calls, rest, answer = [], list(answers), None
    try:
        while True:
            op = procedure.send(answer)
            answer = None
            if isinstance(op, Call):
                calls.append(op.data)
                answer = rest.pop(0)
            else:
                assert isinstance(op, Pause | ChangeBaud)
    except StopIteration as end:
        return calls, end.value


VERSION_DATA = bytes.fromhex("32010607")
TARGET = bytes.fromhex("01010008200408112233067877950280")


def test_start_up_names_the_firmware():
    calls, started = play(start_up(115_200, 115_200), b"", VERSION_DATA, b"", b"", b"")
    assert started == Started("PN532 firmware 1.6, 115200 baud", 115_200)
    assert calls[1] == b"\x02"
    assert calls[0][:2] == b"\x14\x01"


def test_speed_is_changed_after_the_answer_and_its_acknowledgement():
    steps = set_speed(115_200, 921_600)
    assert next(steps) == Call(b"\x10\x07", 500)
    assert steps.send(b"") == ChangeBaud(921_600, confirm=True)
    assert isinstance(steps.send(None), Pause)
    assert steps.send(None).data == b"\x02"
    with pytest.raises(StopIteration) as end:
        steps.send(VERSION_DATA)
    assert end.value.value == 921_600


@pytest.mark.parametrize("fault", [DeviceRefused("no"), NoAnswer("no"), ProtocolViolation("no")])
def test_refused_speed_leaves_the_line_as_it_is(fault):
    steps = set_speed(115_200, 921_600)
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.throw(fault)
    assert end.value.value == 115_200


def test_unheard_at_the_new_speed_goes_back():
    steps = set_speed(115_200, 921_600)
    for answer in (None, b"", None, None):
        op = steps.send(answer)
    assert op.data == b"\x02"
    assert steps.throw(NoAnswer("no")) == ChangeBaud(115_200)
    assert steps.send(None).wake
    with pytest.raises(StopIteration) as end:
        steps.send(b"")
    assert end.value.value == 115_200


def test_unheard_at_any_speed_is_no_answer():
    steps = start_up(115_200, 921_600)
    assert next(steps) == ChangeBaud(115_200)
    steps.send(None)
    assert steps.throw(NoAnswer("no")) == ChangeBaud(921_600)
    steps.send(None)
    with pytest.raises(NoAnswer, match="115200"):
        steps.throw(NoAnswer("no"))


@pytest.mark.parametrize(
    ("version", "fault"), [(b"\x33\x01\x06\x07", DeviceRefused), (b"\x32", ProtocolViolation)]
)
def test_start_up_of_something_else(version, fault):
    with pytest.raises(fault):
        play(start_up(115_200, 921_600), b"", version, b"", b"", b"")


TYPE_A, TYPE_B = b"\x4a\x01\x00", b"\x4a\x01\x03\x00"
CYCLE = (b"\x00", b"", b"")  # release, field off, field on


def test_polls_both_types_until_a_chip_that_speaks_iso_dep():
    mifare = TARGET[:4] + b"\x08" + TARGET[5:]
    answers = (b"\x00", b"\x00", mifare, b"\x00", b"\x00", TARGET, b"\x00")
    calls, target = play(find_again(1_000), *CYCLE, *answers)
    assert target == Target(1, iso_dep=True, fast=True, uid=bytes.fromhex("08112233"))
    assert calls.count(TYPE_A) == 3
    assert calls[-1] == bytes.fromhex("4E010202")


def test_chip_of_type_b():
    answer = b"\x01\x01\x50" + bytes(11) + b"\x01\x00"
    calls, target = play(find_again(1_000), *CYCLE, b"\x00", answer)
    assert target == Target(1, iso_dep=True, fast=False, uid=bytes(4))
    assert calls[-2:] == [TYPE_A, TYPE_B]


@pytest.mark.parametrize("ats", ["0578808002", "067811950280", "067820950280", "01", ""])
def test_slow_chips_stay_slow(ats):
    calls, target = play(find_again(1_000), *CYCLE, TARGET[:10] + bytes.fromhex(ats))
    assert not target.fast
    assert calls[-1] == TYPE_A


def test_refused_speed_starts_the_chip_again():
    calls, target = play(find_again(1_000), *CYCLE, TARGET, b"\x01", b"\x00", TARGET)
    assert target.number == 1
    assert calls[-3:] == [bytes.fromhex("4E010202"), b"\x52\x00", TYPE_A]


def test_no_chip_is_none():
    calls, target = play(find_again(240), *CYCLE, *[b"\x00"] * 6)
    assert target is None
    assert calls.count(TYPE_A) == 3


def test_long_apdus_are_chained_both_ways():
    apdu = bytes(range(256)) * 3
    calls, response = play(
        exchange(1, apdu, 500), b"\x00", b"\x00", b"\x40" + b"a" * 262, b"\x00" + b"b"
    )
    assert [call[1] for call in calls] == [0x41, 0x41, 0x01, 0x01]
    assert b"".join(call[2:] for call in calls) == apdu
    assert all(len(call) <= 264 for call in calls)
    assert response == b"a" * 262 + b"b"


@pytest.mark.parametrize("status", [0x01, 0x29, 0x2B, 0x13])
def test_status_errors_are_a_lost_tag(status):
    with pytest.raises(TagLost):
        play(exchange(1, b"\x00", 500), bytes([status]))


def test_response_without_end_is_a_lost_tag():
    with pytest.raises(TagLost):
        play(exchange(1, b"\x00", 500), *([b"\x40" + bytes(262)] * 300))


@given(st.lists(st.binary(max_size=40), min_size=8, max_size=8))
def test_arbitrary_answers_raise_only_typed_errors(answers):
    for procedure in (start_up(115_200, 921_600), find_again(40), exchange(1, bytes(600), 500)):
        with suppress(DriverFault, TagLost):
            play(procedure, *answers, *[b""] * 20)
