"""Our master against pymodbus as the slave, over two pseudo-terminals, in real time."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import DriverFault
from drivers.serial_port import SerialPort
from drivers.turnstile.device import TurnstileMachine
from drivers.types import ActuationDone, Close, DeviceReady, Door, OpenExit, PlantChanged, Zone
from firmware_cfg.profile import Turnstile
from sim.pty import Pty

pytestmark = pytest.mark.live

PATIENCE_S = 20


class LiveBench:
    def __init__(self, port: SerialPort, near: Pty, far: Pty) -> None:
        self.machine = TurnstileMachine(Turnstile(port="pty", identity="acme/gate"))
        self.port, self.near, self.far = port, near, far
        self.events: list[Any] = []
        self.faults: list[DriverFault] = []

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def until(self, kind: type, wanted=lambda _event: True) -> Any:
        end_ns = self.now_ns() + PATIENCE_S * 1_000_000_000
        while self.now_ns() < end_ns:
            try:
                self.turn()
            except DriverFault as fault:  # the other process is still starting
                self.faults.append(fault)
            for event in self.events:
                if isinstance(event, kind) and wanted(event):
                    self.events.clear()
                    return event
        raise AssertionError(f"no {kind.__name__}: {self.faults} {self.machine.metrics}")

    def turn(self) -> None:
        for op in self.machine.output():
            self.port.write(op.data)
        self.events += [emission.event for emission in self.machine.events()]
        due_ns = self.machine.due_ns or self.now_ns()
        wait_s = min(0.05, max(0.0, (due_ns - self.now_ns()) / 1e9))
        ready, _, _ = select.select([self.port, self.near, self.far], [], [], wait_s)
        if self.near in ready:
            self.far.write(self.near.read())
        if self.far in ready:
            self.near.write(self.far.read())
        if self.port in ready:
            self.machine.receive("bus", self.port.read(), self.now_ns())
        self.machine.expire(self.now_ns())


@pytest.fixture
def live() -> Iterator[LiveBench]:
    slave = Path(__file__).with_name("pymodbus_slave.py")
    with Pty() as near, Pty() as far:
        port = SerialPort(near.path, 115_200)
        process = subprocess.Popen(
            [sys.executable, str(slave), far.path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        try:
            bench = LiveBench(port, near, far)
            bench.machine.opened("bus", bench.now_ns())
            yield bench
        finally:
            process.kill()
            process.wait()
            port.close()


def test_pymodbus_is_identified_read_released_and_withdrawn(live: LiveBench) -> None:
    ready = live.until(DeviceReady)
    assert ready.identity == "acme/gate 2.1"
    plant = live.until(PlantChanged).plant
    assert (plant.passages_exit, plant.passages_entry) == (0x0001_0002, 5)
    assert (plant.zone, plant.exit) == (Zone.ONE, Door.CLOSED)

    live.machine.command(OpenExit(ticket=1), live.now_ns())
    assert live.until(ActuationDone).ok
    live.machine.command(Close(ticket=1), live.now_ns())
    assert live.until(ActuationDone, lambda done: done.action == "close").ok
    assert live.machine.metrics.exceptions == 0
