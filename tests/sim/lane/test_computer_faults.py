"""What a fault asks of a lane's computer when it begins, and that its end takes it back."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sim.lane.fault_actions import Change, ComputerFault
from sim.lane.fault_table import FAULTS
from sim.scenario.parts import Fault
from sim.wires.wire import NO_FAULTS, WireFaults

NOW_NS = 5_000_000_000
NOISY = WireFaults(flip=0.2, drop=0.1, babble=0.05)


class Asked:
    """A computer that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: self.calls.append((name, *given, named))


EXPECTED = {
    "bus_unplugged": (
        ("plug", "bus", NOW_NS, {"plugged": False}),
        ("plug", "bus", NOW_NS, {"plugged": True}),
    ),
    "reader_unplugged": (
        ("plug", "reader", NOW_NS, {"plugged": False}),
        ("plug", "reader", NOW_NS, {"plugged": True}),
    ),
    "camera_failed": (("camera", {"failed": True}), ("camera", {"failed": False})),
    "disk_full": (("disk", {"full": True}), ("disk", {"full": False})),
    "disk_slow": (("disk", {"late_ms": 700}), ("disk", {"late_ms": 0})),
    "clock_step": (("clock", {"jump_s": 90}), ("clock", {"jump_s": 0})),
    "clock_untrusted": (("clock", {"trusted": False}), ("clock", {"trusted": True})),
}


def asked(kind: str, *, on: bool) -> tuple[Any, ...]:
    computer = Asked()
    fault = Fault(kind=kind, at_s=1, for_s=1, rate=0.2, value=90, delay_ms=700)
    action = FAULTS[kind]
    assert isinstance(action, ComputerFault)
    action.act(computer, Change(fault, on, NOW_NS), random.Random(1))
    (call,) = computer.calls
    return call


@pytest.mark.parametrize("kind", EXPECTED)
def test_what_a_fault_asks_of_the_computer(kind: str) -> None:
    assert (asked(kind, on=True), asked(kind, on=False)) == EXPECTED[kind]


@pytest.mark.parametrize(("kind", "device"), [("bus_noise", "bus"), ("reader_noise", "reader")])
def test_noise_is_of_the_rate_that_the_fault_names(kind: str, device: str) -> None:
    name, of, faults, _, at_ns, _ = asked(kind, on=True)
    assert (name, of, faults, at_ns) == ("noise", device, NOISY, NOW_NS)
    assert asked(kind, on=False)[2] == NO_FAULTS


def test_every_fault_of_a_computer_is_here() -> None:
    computers = {kind for kind, action in FAULTS.items() if isinstance(action, ComputerFault)}
    assert computers == {*EXPECTED, "bus_noise", "reader_noise"}
