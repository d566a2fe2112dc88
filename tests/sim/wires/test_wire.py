from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.wires.wire import PIECE_MAX_BYTES, Wire, WireFaults

MS = 1_000_000
LATER = 10_000 * MS


def wire(faults: WireFaults | None = None, seed: int = 1, baud: int = 9600) -> Wire:
    return Wire(baud, random.Random(seed), faults or WireFaults())


def test_a_wire_is_paced_by_its_speed() -> None:
    line = wire()
    line.send(bytes(96), 5 * MS)
    assert line.due_ns == 5 * MS + 96 * (10 * 1_000_000_000 // 9600)
    assert line.take(line.due_ns - 1) == b""
    assert line.take(line.due_ns) == bytes(96)
    assert line.due_ns is None


def test_what_follows_waits_its_turn() -> None:
    line = wire()
    line.send(b"a" * 96, 0)
    line.send(b"b" * 96, 0)
    assert line.take(150 * MS) == b"a" * 96
    assert line.take(200 * MS) == b"b" * 96


def test_latency_and_speed_change() -> None:
    line = Wire(9600, random.Random(1), latency_us=2_000)
    line.set_baud(115_200)
    line.send(b"x", 0)
    assert line.due_ns == 2 * MS + 10 * 1_000_000_000 // 115_200


@given(st.lists(st.binary(max_size=50)), st.integers(0, 2**32))
def test_without_faults_everything_arrives_in_order(pieces: list[bytes], seed: int) -> None:
    line = wire(seed=seed)
    for number, piece in enumerate(pieces):
        line.send(piece, number * MS)
    assert line.take(LATER) == b"".join(pieces)
    assert not line.occurred


ALWAYS = {
    "flip": lambda sent, got: (
        len(got) == len(sent)
        and sum((a ^ b).bit_count() for a, b in zip(sent, got, strict=True)) == 1
    ),
    "drop": lambda sent, got: len(got) in (0, len(sent) - 1),
    "duplicate": lambda sent, got: got == sent + sent,
    "slice": lambda sent, got: got == sent,
    "delay": lambda sent, got: got == sent,
    "babble": lambda sent, got: got.endswith(sent) and 1 <= len(got) - len(sent) <= 40,
    "echo": lambda sent, got: got == sent,
}


@pytest.mark.parametrize("fault", ALWAYS)
@given(seed=st.integers(0, 2**32), sent=st.binary(min_size=2, max_size=40))
def test_each_fault_does_what_it_says(fault: str, seed: int, sent: bytes) -> None:
    line = wire(WireFaults(**{fault: 1.0}), seed)
    line.send(sent, 0)
    assert line.occurred == {fault: 1}
    assert line.take_echo() == (sent if fault == "echo" else b"")
    plain_ns = len(sent) * (10 * 1_000_000_000 // 9600)
    if fault == "delay":
        assert line.due_ns is not None
        assert plain_ns + MS <= line.due_ns <= plain_ns + 400 * MS
    if fault == "slice":
        assert 0 < len(line.take(plain_ns)) < len(sent)
        line = wire(WireFaults(**{fault: 1.0}), seed)
        line.send(sent, 0)
    assert ALWAYS[fault](sent, line.take(LATER))


def test_something_stale_comes_again() -> None:
    line = wire(WireFaults(stale=1.0, stale_ms=100))
    line.send(b"one", 0)
    assert line.take(LATER) == b"one"
    line.send(b"two", LATER)
    assert line.due_ns is not None
    assert line.due_ns <= LATER + 100 * MS
    arrived = line.take(2 * LATER)
    assert arrived in (b"twoone", b"onetwo")


def test_unplugged_loses_what_was_under_way() -> None:
    line = wire()
    line.send(b"gone", 0)
    line.unplug()
    line.send(b"gone too", 0)
    assert (line.due_ns, line.take(LATER)) == (None, b"")
    line.replug(LATER)
    line.send(b"back", LATER)
    assert line.take(2 * LATER) == b"back"


def test_one_seed_is_one_story() -> None:
    def story(seed: int) -> list[bytes]:
        faults = WireFaults(flip=0.3, drop=0.3, duplicate=0.3, slice=0.3, babble=0.3, stale=0.3)
        line = wire(faults, seed)
        heard = []
        for number in range(200):
            line.send(bytes((number,)) * 5, number * 10 * MS)
            heard.append(line.take(number * 10 * MS + 3 * MS))
        return [*heard, line.take(LATER)]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_too_much_at_once_is_a_bug() -> None:
    with pytest.raises(ValueError, match="at once"):
        wire().send(bytes(PIECE_MAX_BYTES + 1), 0)
