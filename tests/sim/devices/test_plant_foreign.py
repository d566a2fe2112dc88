"""The simulated turnstile on a pseudo-terminal against pymodbus as the master."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.devices.turnstile import SimTurnstile
from sim.wires.pty import Pty

pytestmark = pytest.mark.live


def test_pymodbus_reads_releases_and_identifies() -> None:
    peer = SimTurnstile()
    peer.arrive(0)
    with Pty() as pty:
        master = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pymodbus_master.py")), pty.path],
            stdout=subprocess.PIPE,
        )
        end_ns = time.monotonic_ns() + 30_000_000_000
        while master.poll() is None and time.monotonic_ns() < end_ns:
            wait_s = 0.05 if peer.due_ns is None else 0.001
            if select.select([pty], [], [], wait_s)[0]:
                peer.receive(pty.read(), time.monotonic_ns())
            peer.expire(time.monotonic_ns())
            pty.write(peer.output())
        master.kill()
        printed, _ = master.communicate()
    heard = json.loads(printed)
    assert heard == {
        "before": [0, 0, 1, 0, 0, 0, 0, 0, 0],
        "after": [1, 0, 1, 0, 0, 0, 0, 0, 0],
        "identity": ["egate-sim", "turnstile", "1.0"],
        "refused": 2,
    }
    assert peer.releases == 1
