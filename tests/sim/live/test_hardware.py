"""One lane's hardware in real time, with the production reader at its serial ports."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.passport.reader.passport_reader import PassportReader
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.store import TrustStore
from drivers.ports import Emission
from drivers.serial_port import SerialPort
from drivers.types import (
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    PortraitRead,
    ReadDocument,
    Result,
)
from firmware_cfg.profile import ChipReader, MrzReader
from gate_agent import live
from gate_agent.workers.machine_thread import CommandQueue, run_machine
from sim.chip.portrait import placeholder_portrait
from sim.live import hardware as module
from sim.live.hardware import Display, Hardware, HardwarePlace, scene_of
from sim.live.setup import demo_country
from sim.scenario.scenario import parse
from sim.scenario.traveller import Face

SCENARIO = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
[[lanes]]
number = 1
[[travellers]]
name = "Ann Example"
lane = 1
walk_in_ms = 100
document = { number = "X1", birth_date = 1980-01-01, expiry = 2035-01-01 }
expect = { outcome = "admitted" }
"""
SEED = b"s" * 32
KINDS = ("same", "other", "print")
LIMIT_NS = 60_000_000_000


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HardwarePlace:
    monkeypatch.setattr(module, "icao_portrait", lambda *_: placeholder_portrait())
    monkeypatch.setattr(module.SceneRenderer, "prepare", lambda *_: None)
    country = demo_country(SEED, datetime.now(UTC))
    return HardwarePlace(
        run_dir=tmp_path, country=country, photographs=tmp_path, go=tmp_path / "go"
    )


class Bench:
    """The hardware in this thread, the production reader in another."""

    def __init__(self, place: HardwarePlace) -> None:
        self.printed: list[dict[str, Any]] = []
        self.events: list[Any] = []
        self.commands = CommandQueue()
        self.hardware = Hardware(
            parse(SCENARIO.encode()),
            1,
            place,
            live.system_random,
            endless=False,
            say=self.printed.append,
        )
        anchor = parse_certificate(place.country.csca.certificate.der)
        mrz, chip = (str(place.run_dir / name) for name in ("mrz", "chip"))
        reader = PassportReader(
            MrzReader(port=mrz),
            ChipReader(port=chip),
            trust=TrustStore([anchor], accept_demo=True),
            random=live.system_random,
            at=lambda: live.utc_now().date(),
        )
        self.ended = threading.Event()
        self.thread = live.spawn(
            "reader",
            lambda: run_machine(
                reader,
                lambda port: SerialPort(mrz if port == "mrz" else chip, 115_200),
                self.emit,
                self.ended.is_set,
                self.commands,
            ),
        )

    def emit(self, emission: Emission) -> None:
        self.events.append(emission.event)
        if isinstance(emission.event, DocumentPresented):
            self.commands.put(ReadDocument(ticket=1, mrz_budget_ms=20_000, chip_budget_ms=60_000))

    def until(self, kind: type) -> Any:
        limit_ns = live.monotonic_ns() + LIMIT_NS
        while live.monotonic_ns() < limit_ns:
            self.hardware.turn(live.monotonic_ns)
            for event in list(self.events):
                if isinstance(event, kind):
                    return event
        pytest.fail(f"no {kind.__name__} among {[type(event).__name__ for event in self.events]}")

    def close(self) -> None:
        self.ended.set()
        self.commands.wake()
        self.thread.join(10)
        self.hardware.close()
        self.hardware.camera.close()
        self.commands.close()


@pytest.fixture
def bench(place: HardwarePlace) -> Iterator[Bench]:
    bench = Bench(place)
    yield bench
    bench.close()


@pytest.mark.live
def test_a_passport_is_read_over_the_serial_ports(bench: Bench, place: HardwarePlace) -> None:
    bench.until(DeviceReady)
    assert bench.printed == []
    assert place.go is not None
    place.go.touch()
    verified = bench.until(DocumentVerified)
    assert {"event": "arrived", "traveller": "Ann Example"} in bench.printed
    assert any(isinstance(event, PortraitRead) for event in bench.events)
    failed = [check.id for check in verified.checks if check.result is Result.FAILED]
    assert failed == []


def test_a_display_without_an_agent_is_closed(place: HardwarePlace, tmp_path: Path) -> None:
    assert Display(place).step is None
    display = Display(dataclasses.replace(place, lane_socket=tmp_path / "lane.sock"))
    display.tend(1)
    assert display.step is not None
    assert display.step.value == "closed"
    assert display.fileno() is None


def test_what_the_camera_sees_is_what_the_scenario_says() -> None:
    same, other, printed = (scene_of(Face(live=live_), "b1", 0.5) for live_ in KINDS)
    assert (same.photo, same.approach, same.people) == ("b1", 0.5, 1)
    assert other.photo is not None
    assert other.photo[0] != "b"
    assert printed.printed
    assert scene_of(Face(), "a1", 1.0).photo != "a1"
    assert scene_of(Face(faces=2), "a1", 1.0).people == 2
