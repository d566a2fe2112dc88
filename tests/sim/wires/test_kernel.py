"""The heap of virtual time: order, cancelling, limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.wires import kernel as module
from sim.wires.kernel import Kernel, SimulationError


@given(st.lists(st.integers(0, 1_000), max_size=50))
def test_actions_run_in_order_of_time_and_of_asking(times: list[int]) -> None:
    kernel = Kernel()
    ran: list[tuple[int, int]] = []
    for number, at in enumerate(times):
        kernel.at(at, lambda now, number=number: ran.append((now, number)))
    kernel.run(1_000)
    assert ran == sorted((at, number) for number, at in enumerate(times))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), st.integers(0, 100))
def test_nothing_later_than_the_limit_runs(times: list[int], limit: int) -> None:
    kernel = Kernel()
    ran: list[int] = []
    for at in times:
        kernel.at(at, ran.append)
    assert kernel.run(limit) is False
    assert ran == sorted(at for at in times if at <= limit)
    assert kernel.now_ns == limit


def test_an_action_in_the_past_runs_now_and_time_never_runs_back() -> None:
    kernel = Kernel()
    seen: list[int] = []
    kernel.at(50, lambda now: kernel.at(10, seen.append) and None)
    kernel.run(100)
    assert seen == [50]


def test_a_cancelled_action_does_not_run() -> None:
    kernel = Kernel()
    ran: list[int] = []
    alarm = kernel.at(5, ran.append)
    kernel.at(6, ran.append)
    alarm.cancel()
    assert not alarm.pending
    assert kernel.next_ns == 6
    kernel.run(10)
    assert ran == [6]


def test_run_ends_when_it_is_stopped() -> None:
    kernel = Kernel()
    ran: list[int] = []
    for at in (1, 2, 3):
        kernel.at(at, ran.append)
    kernel.at(2, lambda _: kernel.stop())
    assert kernel.run(10) is True
    assert kernel.now_ns == 2


def test_an_instant_that_never_ends_is_an_error() -> None:
    kernel = Kernel()

    def again(now_ns: int) -> None:
        kernel.at(now_ns, again)

    kernel.at(0, again)
    with pytest.raises(SimulationError, match="time stands still"):
        kernel.run(1)


def test_too_much_pending_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 3)
    kernel = Kernel()
    for at in range(3):
        kernel.at(at, lambda _: None)
    with pytest.raises(SimulationError, match="more than 3"):
        kernel.at(9, lambda _: None)
