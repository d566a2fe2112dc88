"""Firmware and settings of a turnstile: read back, reported, put right in stand-by, rolled back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from turnstile_bench import Bench

from drivers.errors import WrongIdentity
from drivers.turnstile.maps.authorise import AuthoriseMap
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
from drivers.turnstile.overhaul import OverhaulMachine
from drivers.turnstile.settings import Drift, unfit
from drivers.types import Condition, DeviceReady
from firmware_cfg.turnstile import Firmware, Setting, Turnstile
from sim.devices.turnstile import SimTurnstile

SETTINGS = (
    Setting(name="start_passage_s", register=0x3011, value=10),
    Setting(name="finish_passage_s", register=0x3012, value=7),
)
PROFILE = Turnstile(port="virtual", settings=SETTINGS)
DRIFT_COMMAND = (sys.executable, "-m", "gate_agent.cli", "profile", "drift", "--json")
DRIFT = (Drift("finish_passage_s", 0x3012, 7, 5),)


@pytest.mark.parametrize(
    ("firmware", "revision", "problem"),
    [
        (Firmware(), "", ""),
        (Firmware(), "0.1", ""),
        (Firmware(lowest="1.0"), "1.0", ""),
        (Firmware(lowest="1.0"), "0.9", "older"),
        (Firmware(lowest="1.9"), "1.10", ""),
        (Firmware(highest="1.9"), "1.10", "newer"),
        (Firmware(highest="2.0"), "2.0-rc1", "newer"),
        (Firmware(denied=("1.3",)), "1.3", "denied"),
        (Firmware(lowest="1.0"), "", "does not report"),
    ],
)
def test_firmware_that_was_not_tried_does_not_serve(firmware, revision, problem):
    assert (problem in unfit(firmware, revision)) if problem else unfit(firmware, revision) == ""


def test_a_denied_firmware_is_left_alone():
    profile = msgspec.structs.replace(PROFILE, firmware=Firmware(denied=("1.0",)))
    bench = Bench(profile=profile)
    bench.open_port()
    bench.run(1_000)
    assert [str(fault) for _, fault in bench.faults] == ["turnstile: firmware 1.0 is denied"]
    assert isinstance(bench.faults[0][1], WrongIdentity)
    assert not bench.ready


def lacks(bench: Bench) -> list[tuple[Condition, ...]]:
    """The conditions that the turnstile reported, in order."""
    return [event.conditions for _, event in bench.events if isinstance(event, DeviceReady)]


def test_drift_is_reported_at_start_and_when_it_changes_and_nothing_is_written():
    reported = []
    profile = msgspec.structs.replace(PROFILE, settings_check_s=10)
    bench = Bench(
        profile=profile,
        machine=ModbusTurnstile(profile, AuthoriseMap(profile.registers), on_drift=reported.append),
    )
    bench.open_port()
    bench.run(1_000)
    assert reported == [DRIFT]
    bench.run(25_000)
    assert reported == [DRIFT]
    assert lacks(bench) == [(), (Condition.SETTINGS_DRIFTED,)]
    bench.peer.barrier.finish_s = 7
    bench.run(11_000)
    assert reported == [DRIFT, ()]
    assert lacks(bench)[2:] == [()]
    bench.peer.barrier.start_s = 3
    bench.run(11_000)
    assert reported[2:] == [(Drift("start_passage_s", 0x3011, 10, 3),)]
    assert bench.peer.barrier.start_s == 3


def overhauled(*, apply: bool, peer: SimTurnstile | None = None) -> tuple[Bench, OverhaulMachine]:
    machine = OverhaulMachine(PROFILE, AuthoriseMap(PROFILE.registers), apply=apply)
    bench = Bench(profile=PROFILE, machine=machine, peer=peer)
    bench.open_port()
    bench.run(4_000)
    return bench, machine


def test_without_apply_nothing_is_written():
    bench, machine = overhauled(apply=False)
    assert machine.outcome is not None
    assert (machine.outcome.drift, machine.outcome.applied) == (DRIFT, False)
    assert bench.peer.barrier.finish_s == 5


def test_drift_is_put_right_at_rest():
    bench, machine = overhauled(apply=True)
    assert machine.outcome is not None
    assert (machine.outcome.applied, machine.outcome.problem) == (True, "")
    assert (bench.peer.barrier.start_s, bench.peer.barrier.finish_s) == (10, 7)


@pytest.mark.parametrize("disturb", ["occupied", "release", "fire", "error"])
def test_nothing_is_written_while_the_lane_is_not_at_rest(disturb):
    peer = SimTurnstile()
    if disturb == "occupied":
        peer.arrive(0)
    elif disturb == "release":
        peer.barrier.authorise(peer.barrier.exit, 1, 0)
    elif disturb == "fire":
        peer.set_fire(0, active=True)
    else:
        peer.set_error(4)
    bench, machine = overhauled(apply=True, peer=peer)
    assert machine.outcome is not None
    assert "not at rest" in machine.outcome.problem
    assert bench.peer.barrier.finish_s == 5


class Touchy(SimTurnstile):
    """A turnstile that reports an error whenever its finishing time is not what it was."""

    def receive(self, data: bytes, now_ns: int) -> None:
        super().receive(data, now_ns)
        self.set_error(0 if self.barrier.finish_s == 5 else 9)

    def expire(self, now_ns: int) -> None:
        super().expire(now_ns)
        self.set_error(0 if self.barrier.finish_s == 5 else 9)


def test_what_does_not_pass_its_health_checks_is_rolled_back():
    bench, machine = overhauled(apply=True, peer=Touchy())
    assert machine.outcome is not None
    assert (machine.outcome.applied, machine.outcome.rolled_back) == (False, True)
    assert "health" in machine.outcome.problem
    assert (bench.peer.barrier.finish_s, bench.peer.barrier.error) == (5, 0)


class Stubborn(SimTurnstile):
    """A turnstile whose settings cannot be put back once they were changed."""

    def expire(self, now_ns: int) -> None:
        super().expire(now_ns)
        if self.barrier.finish_s != 5:
            self.barrier.finish_s = 99


def test_what_cannot_be_rolled_back_is_reported():
    _, machine = overhauled(apply=True, peer=Stubborn())
    assert machine.outcome is not None
    assert machine.outcome.rolled_back in (True, False)
    assert not machine.outcome.applied


@pytest.mark.live
def test_the_command_over_a_pseudo_terminal(tmp_path: Path):
    """The command as a process, the simulated turnstile behind its line."""
    import select
    import time

    from firmware_cfg.load import PROFILES_DIR, SITES_DIR
    from sim.wires.pty import Pty

    peer = SimTurnstile()
    peer.barrier.finish_s = 8
    with Pty(tmp_path / "turnstile") as pty:
        site = tmp_path / "lane.toml"
        ports = "\n".join(
            f'[{part}]\nport = "{tmp_path / part}"'
            for part in ("turnstile", "chip_reader", "mrz_reader")
        )
        site.write_text(f'[lane]\ngate = "t"\nnumber = 1\n[camera]\nsource = "file:x"\n{ports}\n')
        files = [PROFILES_DIR / "turnstile_modbus.toml", SITES_DIR / "demo.toml", site]
        reported = []
        for extra in ([], ["--apply"], []):
            process = subprocess.Popen(
                [*DRIFT_COMMAND, *map(str, files), *extra],
                stdout=subprocess.PIPE,
            )
            end_ns = time.monotonic_ns() + 40_000_000_000
            while process.poll() is None and time.monotonic_ns() < end_ns:
                if select.select([pty], [], [], 0.001)[0]:
                    peer.receive(pty.read(), time.monotonic_ns())
                peer.expire(time.monotonic_ns())
                pty.write(peer.output())
            process.kill()
            reported.append((process.returncode, json.loads(process.communicate()[0])))
    codes = [code for code, _ in reported]
    assert codes == [1, 0, 0], reported
    assert reported[0][1]["drift"] == [
        {"name": "finish_passage_s", "register": 0x3012, "wanted": 5, "held": 8}
    ]
    assert reported[1][1]["applied"]
    assert reported[2][1]["drift"] == []
