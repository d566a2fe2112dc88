from __future__ import annotations

import pytest

from drivers.turnstile.half_duplex import Silence
from drivers.turnstile.modbus_master import ModbusMaster
from drivers.turnstile.modbus_requests import Read, Registers, WriteWords
from drivers.turnstile.rtu import seal

MS = 1_000_000
PROBE, QUESTION = Read(0x40, 2), Read(0x40, 3)


def answer(*words: int) -> bytes:
    body = bytes((1, 3, 2 * len(words))) + b"".join(word.to_bytes(2, "big") for word in words)
    return seal(body)


def wake(master: ModbusMaster) -> tuple[int, list[bytes]]:
    due_ns = master.due_ns
    assert due_ns is not None
    master.expire(due_ns)
    return due_ns, master.output()


def synchronised() -> tuple[ModbusMaster, int]:
    master = ModbusMaster(1, 115_200, answer_ms=100, backoff_ms=600, probe=PROBE)
    master.request(QUESTION, 0)
    now_ns, sent = wake(master)
    assert sent == [PROBE.encode(1)]
    master.receive(answer(0, 0), now_ns + MS)
    now_ns, sent = wake(master)
    assert sent == [QUESTION.encode(1)]
    master.receive(answer(1, 1, 1), now_ns + MS)
    assert master.take() == Registers(0x40, (1, 1, 1))
    return master, now_ns + 50 * MS


def test_a_late_answer_is_never_taken_for_the_present_one() -> None:
    master, now_ns = synchronised()
    master.request(QUESTION, now_ns)
    assert master.output() == [QUESTION.encode(1)]
    late_ns, sent = wake(master)
    assert (late_ns > now_ns + 100 * MS, sent) == (True, [])
    again_ns, sent = wake(master)
    assert again_ns >= late_ns + 20 * MS
    assert sent == [PROBE.encode(1)]
    master.receive(answer(7, 7, 7), again_ns + MS)  # to the question that timed out
    assert isinstance(master.take(), Silence)
    master.request(QUESTION, again_ns + 2 * MS)
    after_ns, sent = wake(master)
    assert after_ns >= again_ns + 600 * MS  # backs off
    assert sent == [PROBE.encode(1)]
    master.receive(answer(0, 0), after_ns + MS)
    after_ns, _ = wake(master)
    master.receive(answer(8, 8, 8), after_ns + MS)
    assert master.take() == Registers(0x40, (8, 8, 8))


def test_an_answer_that_comes_twice_is_a_disturbance() -> None:
    master, now_ns = synchronised()
    master.request(QUESTION, now_ns)
    master.receive(answer(2, 2, 2) * 2, now_ns + MS)
    assert master.take() is None
    assert (master.disturbances, master.metrics.late) == (1, 1)


def test_unsolicited_bytes_end_synchronisation() -> None:
    master, now_ns = synchronised()
    master.receive(answer(2, 2, 2), now_ns)
    master.request(QUESTION, now_ns + 30 * MS)
    assert master.output() == [PROBE.encode(1)]


def test_a_probe_that_is_refused_proves_nothing() -> None:
    """Any question may be refused alike: the refusal may be the answer to an older one."""
    master, now_ns = synchronised()
    master.receive(answer(2, 2, 2), now_ns)
    master.request(QUESTION, now_ns + 30 * MS)
    assert master.output() == [PROBE.encode(1)]
    master.receive(seal(bytes((1, 0x83, 2))), now_ns + 31 * MS)
    _, sent = wake(master)
    assert sent == [PROBE.encode(1)]


def test_a_write_is_never_repeated() -> None:
    master, now_ns = synchronised()
    write = WriteWords(0x40, (1,))
    master.request(write, now_ns)
    assert master.output() == [write.encode(1)]
    wake(master)
    assert master.take() == Silence("timeout", sent=True)
    assert (master.due_ns, master.output()) == (None, [])


def test_endless_babble_ends_the_question() -> None:
    master, now_ns = synchronised()
    master.receive(b"x", now_ns)
    master.request(QUESTION, now_ns)
    for step in range(100):
        master.receive(b"x", now_ns + step * 10 * MS)
        if master.due_ns is not None and master.due_ns <= now_ns + step * 10 * MS:
            master.expire(now_ns + step * 10 * MS)
    assert master.take() == Silence("babble", sent=False)


def test_our_own_echo_is_passed_over() -> None:
    master, now_ns = synchronised()
    master.request(QUESTION, now_ns)
    for byte in QUESTION.encode(1) + answer(3, 3, 3):
        master.receive(bytes((byte,)), now_ns + MS)
    assert master.take() == Registers(0x40, (3, 3, 3))
    assert master.metrics.echoes == 1


def test_one_question_at_a_time() -> None:
    master, now_ns = synchronised()
    master.request(QUESTION, now_ns)
    with pytest.raises(RuntimeError):
        master.request(QUESTION, now_ns)
