from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.turnstile.modbus_requests import Read, ReadIdentity, WriteWords
from drivers.turnstile.rtu import seal
from sim.devices.turnstile import SimTurnstile

MS = 1_000_000
S = 1_000 * MS


def ask(peer: SimTurnstile, frame: bytes, now_ns: int = 0) -> bytes:
    peer.receive(frame, now_ns)
    peer.expire(now_ns + 2 * MS)
    peer.expire(now_ns + 10 * MS)
    return peer.output()


def words(answer: bytes) -> list[int]:
    return [int.from_bytes(answer[i : i + 2], "big") for i in range(3, 3 + answer[2], 2)]


def released(passages: int = 1, now_ns: int = 0) -> SimTurnstile:
    peer = SimTurnstile()
    peer.barrier.authorise(peer.barrier.exit, passages, now_ns)
    return peer


# --- people ---------------------------------------------------------------------------


def test_a_passage_takes_its_time_and_is_counted_once() -> None:
    peer = released()
    peer.arrive(0)
    assert peer.try_pass(0)
    assert peer.passing
    peer.expire(900 * MS - 1)
    assert (peer.passages, peer.zone, peer.authorised) == (0, 1, 1)
    assert peer.due_ns == 900 * MS
    peer.expire(900 * MS)
    assert (peer.passages, peer.zone, peer.authorised) == (1, 0, 0)
    assert not peer.try_pass(S)


def test_no_one_passes_without_a_release_or_without_being_there() -> None:
    peer = SimTurnstile()
    peer.arrive(0)
    assert not peer.try_pass(0)
    assert not released().try_pass(0)


def test_two_on_one_release_are_counted_as_two() -> None:
    peer = released()
    peer.arrive(0, 2)
    assert peer.try_pass(0, 2)
    peer.expire(S)
    assert (peer.passages, peer.zone, peer.authorised) == (2, 0, 0)


def test_n_releases_let_n_through_one_after_another() -> None:
    peer = released(2)
    peer.arrive(0, 3)
    assert peer.try_pass(0)
    assert not peer.try_pass(100 * MS)
    assert peer.try_pass(S)
    assert not peer.try_pass(2 * S)
    assert (peer.passages, peer.zone) == (2, 1)


def test_a_release_lapses_unused() -> None:
    peer = released(now_ns=S)
    assert peer.due_ns == 11 * S
    peer.expire(11 * S)
    assert peer.authorised == 0


def test_who_is_under_way_gets_through_when_the_release_is_withdrawn() -> None:
    peer = released()
    peer.arrive(0)
    assert peer.try_pass(0)
    ask(peer, WriteWords(0x40, (0, 0)).encode(1), 100 * MS)
    peer.expire(S)
    assert (peer.passages, peer.authorised) == (1, 0)


def test_people_may_turn_round_but_not_while_walking() -> None:
    peer = released()
    peer.arrive(0, 2)
    assert peer.try_pass(0)
    peer.leave_back(100 * MS, 5)
    assert peer.zone == 1
    peer.expire(S)
    assert peer.zone == 0


def test_the_counter_wraps() -> None:
    peer = released()
    peer.set_counter(0xFFFF_FFFF)
    peer.arrive(0)
    peer.try_pass(0)
    peer.expire(S)
    assert peer.passages == 0


def test_fire_lets_every_traveller_out() -> None:
    peer = SimTurnstile()
    peer.set_fire(0, active=True)
    peer.arrive(0)
    assert peer.try_pass(0)
    assert words(ask(peer, Read(0x3000, 1).encode(1))) == [2]
    peer.set_fire(S, active=False)
    assert words(ask(peer, Read(0x3000, 1).encode(1), S)) == [0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["arrive", "leave", "pass", "tailgate", "open", "close", "wait"]),
            st.integers(0, 3000),
        ),
        max_size=60,
    )
)
def test_people_are_neither_made_nor_lost(acts: list[tuple[str, int]]) -> None:
    peer, now_ns, came, left = SimTurnstile(), 0, 0, 0
    releases = starts = 0
    for act, ms in acts:
        now_ns += ms * MS
        if act == "arrive":
            peer.arrive(now_ns)
            came += 1
        elif act == "leave":
            before = peer.zone
            peer.expire(now_ns)
            before = peer.zone
            peer.leave_back(now_ns)
            left += before - peer.zone
        elif act in ("pass", "tailgate"):
            starts += peer.try_pass(now_ns, 2 if act == "tailgate" else 1)
        elif act in ("open", "close"):
            peer.barrier.expire(now_ns)
            peer.barrier.authorise(peer.barrier.exit, int(act == "open"), now_ns)
            releases += act == "open"
        peer.expire(now_ns)
    peer.expire(now_ns + 60 * S)
    assert came == left + peer.passages + peer.zone
    assert starts <= releases
    assert peer.passages <= 2 * starts


# --- the line -------------------------------------------------------------------------


def test_registers_as_mapped() -> None:
    peer = released(3)
    peer.set_counter(0x0001_0002)
    peer.set_error(9)
    peer.arrive(0)
    assert words(ask(peer, Read(0x40, 9).encode(1))) == [3, 0, 1, 0, 2, 1, 0, 0, 9]


def test_a_release_over_the_line() -> None:
    peer = SimTurnstile()
    assert ask(peer, WriteWords(0x40, (1,)).encode(1)) == seal(bytes.fromhex("01 10 0040 0001"))
    assert (peer.authorised, peer.releases) == (1, 1)


def test_identity() -> None:
    answer = ask(SimTurnstile(), ReadIdentity().encode(1))
    assert b"egate-sim" in answer
    assert b"turnstile" in answer


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("01 04 0040 0001", "01 84 01"),
        ("01 03 0050 0001", "01 83 02"),
        ("01 03 0047 0003", "01 83 02"),
        ("01 03 0040 0000", "01 83 03"),
        ("01 03 0040 007E", "01 83 03"),
        ("01 10 0042 0001 02 0001", "01 90 02"),
        ("01 10 0040 0001 04 0001", "01 90 03"),
        ("01 10 3000 0001 02 0007", "01 90 03"),
        ("01 2B 0D 01 00", "01 AB 01"),
        ("01 2B 0E 04 00", "01 AB 03"),
        ("02 03 0040 0001", ""),
        ("00 10 0040 0001 02 0001", ""),
    ],
)
def test_what_is_refused(body: str, answer: str) -> None:
    peer = SimTurnstile()
    got = ask(peer, seal(bytes.fromhex(body)))
    assert got == (seal(bytes.fromhex(answer)) if answer else b"")
    assert peer.releases == 0


def test_a_request_ends_with_silence_and_a_broken_one_is_not_answered() -> None:
    peer, frame = SimTurnstile(), Read(0x3000, 1).encode(1)
    peer.receive(frame[:4], 0)
    peer.receive(frame[4:], MS)
    assert peer.output() == b""
    peer.expire(20 * MS)
    peer.expire(40 * MS)
    assert peer.output()
    peer.receive(frame[:4], 100 * MS)
    peer.expire(110 * MS)
    assert ask(peer, frame[4:], 110 * MS) == b""
    assert ask(peer, frame, 200 * MS)


def test_frozen_it_is_silent_and_people_still_move() -> None:
    peer = released()
    peer.arrive(0)
    peer.freeze(frozen=True)
    assert ask(peer, Read(0x3000, 1).encode(1)) == b""
    assert peer.try_pass(0)
    peer.freeze(frozen=False)
    assert words(ask(peer, Read(0x44, 1).encode(1), S)) == [1]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_release_nothing_without_a_good_frame(pieces: list[bytes]) -> None:
    peer, now_ns = SimTurnstile(), 0
    for piece in pieces:
        ask(peer, piece, now_ns)
        now_ns += 20 * MS
    assert peer.authorised == 0
    assert ask(peer, Read(0x3000, 1).encode(1), now_ns + S)
