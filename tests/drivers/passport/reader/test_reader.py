"""The passport reader as a device: tickets, budgets, faults, noise on the wire, wiping."""

import gc
from datetime import date
from random import Random

import pytest
from reader_bench import MS, Bench, country, passport, trust_of, verified

from drivers.errors import NoAnswer, PortLost, ProtocolViolation
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.pn532_commands import exchange, find_again
from drivers.passport.reader.zone_reader import MAX_BAD_LINES
from drivers.types import (
    CancelRead,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    MrzRead,
    PortraitRead,
    ReadDocument,
    Result,
)
from sim.chip.card import Behaviour

AT = date(2026, 11, 22)
TRUST = trust_of(country())
GENUINE = passport()
LINES = [GENUINE.printed.text[:44], GENUINE.printed.text[44:]]


def bench(**changes):
    made = Bench(TRUST, AT, **changes)
    made.start()
    return made


def test_question_before_the_document():
    made = bench()
    made.present([], ticket=7)
    assert made.named(MrzRead) == []
    made.present(LINES[:0], ticket=7, personalisation=GENUINE)
    for line in LINES:
        made.call(made.reader.receive, "mrz", line.encode() + b"\r")
    made.run(10_000, until=PortraitRead)
    assert {event.ticket for event in made.named(MrzRead)} == {7}


def test_no_document_within_the_budget_is_answered():
    made = bench()
    made.present([], ticket=3)
    made.run(5_001)
    found = verified(made)
    assert found["mrz_consistency"] is Result.UNDETERMINED
    assert found["access_control"] is Result.ABORTED
    assert Result.SUCCESSFUL not in found.values()


def test_no_chip_is_answered():
    made = bench()
    made.present(LINES)
    made.run(7_000, until=DocumentVerified)
    found = verified(made)
    assert found["mrz_consistency"] is Result.SUCCESSFUL
    assert found["access_control"] is Result.ABORTED
    assert made.faults == []


def test_zone_that_no_command_asked_for_is_forgotten():
    made = bench()
    for line in LINES:
        made.call(made.reader.receive, "mrz", line.encode() + b"\r")
    assert made.named(DocumentPresented) == [DocumentPresented()]
    made.run(5_001)
    made.present([], ticket=9)
    assert made.named(MrzRead) == []


def test_zone_put_down_again_while_it_is_read_is_no_new_document():
    made = bench()
    made.present(LINES, personalisation=GENUINE)
    made.run(500)
    for line in LINES:
        made.call(made.reader.receive, "mrz", line.encode() + b"\r")
    made.run(7_000, until=DocumentVerified)
    assert len(made.named(DocumentPresented)) == 1
    made.present([], ticket=2)
    assert {event.ticket for event in made.named(MrzRead)} == {1}


def test_wrong_zone_is_refused_by_the_chip():
    made = bench()
    other = "X" + LINES[1][1:]
    made.present([LINES[0], other], personalisation=GENUINE)
    made.run(7_000, until=DocumentVerified)
    found = verified(made)
    assert found["access_control"] is Result.FAILED
    assert found["sod_signature"] is Result.ABORTED


def test_cancelled_read_ends_at_once_and_the_next_works():
    made = bench()
    made.present(LINES, personalisation=GENUINE, ticket=1)
    made.run(500)
    made.call(made.reader.command, CancelRead(ticket=1))
    assert verified(made)["face_image"] is Result.ABORTED
    made.events.clear()
    made.present(LINES, personalisation=GENUINE, ticket=2)
    made.run(9_000, until=DocumentVerified)
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL
    assert {event.ticket for event in made.named(DocumentVerified)} == {2}


def test_silent_pn532_is_a_fault_and_comes_back():
    made = bench()
    made.events.clear()
    made.peer_silent = True
    made.present(LINES, personalisation=GENUINE)
    made.run(1_000)
    assert {type(fault) for fault in made.faults} == {NoAnswer}
    assert verified(made)["access_control"] is Result.ABORTED
    made.run(5_000)
    assert made.named(DeviceReady) == []
    made.peer_silent = False
    made.run(2_500)
    assert len(made.named(DeviceReady)) == 1
    made.events.clear()
    made.present(LINES, personalisation=GENUINE, ticket=2)
    made.run(9_000, until=DocumentVerified)
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL


def test_silence_is_noticed_between_commands():
    made = bench()
    made.peer_silent = True
    made.run(7_000)
    assert made.faults
    assert {type(fault) for fault in made.faults} == {NoAnswer}


def test_document_while_the_chip_reader_is_down_is_answered():
    made = bench()
    made.peer_silent = True
    made.run(7_000)
    made.present(LINES)
    found = verified(made)
    assert found["mrz_consistency"] is Result.SUCCESSFUL
    assert found["access_control"] is Result.ABORTED


@pytest.mark.parametrize("port", ["chip", "mrz"])
def test_lost_port_ends_the_read_and_opening_it_starts_again(port):
    made = bench()
    made.present(LINES, personalisation=GENUINE)
    made.run(500)
    made.call(made.reader.lost, port)
    assert [type(fault) for fault in made.faults] == [PortLost]
    made.run(7_500)
    assert len(made.named(DocumentVerified)) == 1
    made.events.clear()
    made.call(made.reader.opened, port)
    made.run(1_500)
    assert len(made.named(DeviceReady)) == 1


def test_garbage_on_the_mrz_line_is_a_fault_and_the_reader_comes_back():
    made = bench()
    made.events.clear()
    made.call(made.reader.receive, "mrz", b"\x80garbage\r" * MAX_BAD_LINES)
    assert [type(fault) for fault in made.faults] == [ProtocolViolation]
    made.run(2_000)
    assert len(made.named(DeviceReady)) == 1


def test_wipe_overwrites_what_was_read():
    made = bench()
    made.present(LINES, personalisation=GENUINE)
    made.run(9_000, until=DocumentVerified)
    held = made.reader._documents._by_ticket[1]
    buffers = [held.mrz, *held.files.values()]
    assert len(buffers) == 5
    assert all(any(buffer) for buffer in buffers)
    made.reader.wipe(1)
    assert not any(any(buffer) for buffer in buffers)
    assert made.reader._documents._by_ticket == {}


@pytest.mark.parametrize("ended", ["left on", "taken away", "wrong zone", "mute", "cancelled"])
def test_nothing_refers_to_a_document_after_its_wipe(ended):
    """Without a collection: a circle of references would keep the zone until one comes."""
    behaviour = Behaviour(mute=True) if ended == "mute" else None
    lines = [LINES[0], "X" + LINES[1][1:]] if ended == "wrong zone" else LINES
    made = bench()
    gc.collect()
    before = {id(thing) for thing in gc.get_objects() if isinstance(thing, Inspection | Mrz)}
    gc.disable()
    try:
        made.present(lines, behaviour, personalisation=GENUINE)
        if ended == "taken away":
            made.remove_at_ns = made.now_ns + 700 * MS
        made.run(300 if ended == "cancelled" else 9_000)
        made.reader.wipe(1)
        made.events.clear()
        made.payloads.clear()
        left = [thing for thing in gc.get_objects() if isinstance(thing, Inspection | Mrz)]
        assert [thing for thing in left if id(thing) not in before] == []
    finally:
        gc.enable()


def test_at_most_two_crossings_are_held():
    made = bench()
    for ticket in (1, 2, 3):
        made.present(LINES, ticket=ticket)
        made.run(7_000)
    assert list(made.reader._documents._by_ticket) == [2, 3]


def test_handles_are_unguessable_and_differ():
    made = bench()
    for ticket in (1, 2):
        made.present(LINES, ticket=ticket)
        made.run(7_000)
    handles = [event.holder for event in made.named(MrzRead)]
    assert len(set(handles)) == 2
    assert all(len(handle) == 32 for handle in handles)


def noisy(seed, every_bytes):
    """Damages about one byte in so many."""
    random = Random(seed)

    def carry(data):
        return bytes(b ^ 0x10 if random.random() < 1 / every_bytes else b for b in data)

    return carry


@pytest.mark.parametrize("seed", range(6))
def test_noise_on_the_wire_is_repaired(seed):
    """A damaged answer is asked for by NACK; a damaged command is sent again."""
    made = Bench(TRUST, AT, from_reader=noisy(seed, 3_000), from_peer=noisy(seed + 100, 3_000))
    made.start()
    made.present(LINES, personalisation=GENUINE, chip_ms=60_000)
    made.run(60_000, until=DocumentVerified)
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL
    assert made.faults == []
    link = made.reader._chip._runner._link
    assert link.nacks + link.resent > 0


@pytest.mark.parametrize("seed", range(6))
def test_heavy_noise_never_ends_in_silence_or_another_error(seed):
    made = Bench(TRUST, AT, from_reader=noisy(seed, 40), from_peer=noisy(seed + 100, 40))
    made.start()
    made.present(LINES, personalisation=GENUINE)
    made.run(12_000)
    assert len(made.named(DocumentVerified)) == 1


def test_lost_answer_bytes_do_not_stall_the_reader():
    random = Random(5)

    def lossy(data):
        return bytes(byte for byte in data if random.random() > 1 / 800)

    made = Bench(TRUST, AT, from_peer=lossy)
    made.start()
    made.present(LINES, personalisation=GENUINE)
    made.run(12_000)
    assert len(made.named(DocumentVerified)) == 1


def test_passport_put_back_in_time_is_read_on():
    made = bench()
    made.present(LINES, personalisation=GENUINE)
    made.run(1_500)
    chip = made.peer._firmware._field._chip
    made.peer.remove_chip(made.now_ns)
    made.run(300)
    made.peer.put_chip(chip, made.now_ns)
    made.run(9_000, until=DocumentVerified)
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL
    assert len(made.named(PortraitRead)) == 1


def test_commands_of_other_devices_are_a_bug():
    made = bench()
    with pytest.raises(TypeError):
        made.reader.command("open", made.now_ns)


def test_second_question_ends_the_first():
    made = bench()
    made.present(LINES, personalisation=GENUINE, ticket=1)
    made.run(300)
    command = ReadDocument(ticket=2, mrz_budget_ms=1_000, chip_budget_ms=7_000)
    made.call(made.reader.command, command)
    made.run(1_001)
    assert [event.ticket for event in made.named(DocumentVerified)] == [1, 2]
    assert made.now_ns > 1_000 * MS


def test_long_commands_and_answers_go_in_pieces_over_the_wire():
    """More than 262 bytes each way, by the MI bit, through the simulated PN532's firmware."""
    made = bench()
    received, answers = [], []

    class Echo:
        silent = False

        def power_up(self):
            pass

        def transmit(self, raw):
            received.append(raw)
            return raw[::-1] * 2, 0

    made.peer.put_chip(Echo(), made.now_ns)
    apdu = bytes(range(256)) * 3

    def job():
        target = yield from find_again(1_000)
        answers.append((yield from exchange(target.number, apdu, 1_000)))

    made.reader._chip._runner.start(job(), made.now_ns)
    made.call(lambda _now_ns: None)
    made.run(3_000)
    assert received == [apdu]
    assert answers == [apdu[::-1] * 2]
