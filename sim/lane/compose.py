"""What a virtual lane is made of: profile, wires, production drivers, and what lanes share."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from drivers.passport.inspection.crypto_backend import COMPUTED, CryptoBackend
from drivers.passport.reader.passport_reader import PassportReader
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.store import TrustStore
from drivers.turnstile.machine import PlantMachine
from firmware_cfg.profile import Profile
from gate_agent.compose.turnstile import turnstile_of
from sim.chip.pki import Country
from sim.devices.column import SimColumn
from sim.lane.recorded_chip import Transcripts
from sim.people.cast import Passport
from sim.people.mantrap_stage import MantrapStage
from sim.people.play import Queue
from sim.people.stage import Stage
from sim.scenario.parts import PlantName
from sim.scenario.scenario import Scenario, ScenarioError, ScenarioLane, stream
from sim.scenario.timeline import Timeline
from sim.scenario.traveller import Traveller
from sim.wires.kernel import MS, Kernel
from sim.wires.links import Line, Peer
from sim.wires.wire import Wire
from sync.log.keys import CentreKeys

LATENCY_US = 200
DRIVERS: dict[PlantName, str] = {
    "turnstile": "modbus",
    "swing_gate": "swing",
    "mantrap": "relay_io",
}
"""What speaks to each plant."""


class Violation(NamedTuple):
    """An invariant that a turn broke."""

    lane: int
    at_ns: int
    invariant: str


class Finish(NamedTuple):
    """How one crossing ended, as the FINISH record has it, and whose it was."""

    ticket: int
    outcome: str
    reasons: tuple[str, ...]
    spans_ms: dict[str, float]
    traveller: str = ""


class World(NamedTuple):
    """What all lanes of a run share.

    Attributes:
        country: issued every genuine passport, and is trusted.
        passport: issues a traveller's passport.
        folder: for journals, and for traces.
        queue: those who go to whichever lane is free.
        appended: called after every new record.
        settled: called after every turn of a lane that everyone has left.
        ended: takes every crossing that ended, with its lane.
        start_ns: where the scenario begins on the kernel's clock.
        transcripts: recorded chip sessions; without them every session is computed.
        traced: whether to write a trace to the folder.
        every_byte: carry every poll of a quiet line too; the result is the same.
        every_reading: carry every reading of a passport, also one that repeats.
    """

    kernel: Kernel
    scenario: Scenario
    country: Country
    passport: Callable[[Traveller], Passport]
    folder: Path
    timeline: Timeline
    queue: Queue
    appended: Callable[[int], None]
    settled: Callable[[], None]
    ended: Callable[[int, Finish], None]
    start_ns: int
    transcripts: Transcripts | None = None
    traced: bool = False
    every_byte: bool = False
    every_reading: bool = False


def profile_of(scenario: Scenario, lane: ScenarioLane) -> Profile:
    """The profile of a simulated lane: the defaults, the scenario's over them, marked as demo.

    Raises:
        ScenarioError: what the scenario lays over them is not a profile.
    """
    plain: dict[str, Any] = {
        "lane": {
            "gate": f"sim-{lane.number}",
            "site": "sim",
            "number": lane.number,
            "direction": lane.direction,
            "topology": lane.topology,
            "authority": "Simulated authority",
            "crossing_point": "Simulated crossing point",
            "demo": True,
        },
        "camera": {"source": "sim", "column": {"port": "column"} if lane.column else None},
        "mrz_reader": {"port": "mrz"},
        "chip_reader": {"port": "chip"},
        "turnstile": {"port": "bus", "driver": DRIVERS[lane.plant]},
        "policy": {"pad_required": False},
    }
    profile = laid_over(plain, scenario.overlay(lane), scenario.title)
    driver = DRIVERS[lane.plant]
    if profile.turnstile.driver != driver:
        problem = f"the simulated {lane.plant} of lane {lane.number} speaks {driver} alone"
        raise ScenarioError(scenario.title, "$.profile.turnstile.driver", problem)
    return profile


def laid_over(
    plain: dict[str, Any], overlay: Mapping[str, Mapping[str, Any]], name: str
) -> Profile:
    """A profile with some of its fields replaced.

    Raises:
        ScenarioError: the result is not a profile; the field is named.
    """
    for section, fields in overlay.items():
        plain[section] = {**plain.get(section, {}), **fields}
    try:
        return msgspec.convert(plain, Profile)
    except msgspec.ValidationError as error:
        problem, _, field = str(error).partition(" - at `$")
        raise ScenarioError(name, f"$.profile{field.rstrip('`')}", problem) from error


def stage_of(topology: str) -> type[Stage | MantrapStage]:
    """The hardware of a lane of this topology."""
    return MantrapStage if topology == "mantrap" else Stage


def make_lines(
    stage: Stage | MantrapStage, column: SimColumn | None, profile: Profile, seed: int, name: str
) -> dict[str, Line]:
    """The lane's serial lines, each wire with a random stream of its own."""
    peers: dict[str, tuple[Peer, int]] = {
        "mrz": (stage.mrz, profile.mrz_reader.baud),
        "chip": (stage.chip, profile.chip_reader.baud),
        "bus": (stage.bus, profile.turnstile.baud),
    }
    if column is not None and profile.camera.column is not None:
        peers["column"] = (column, profile.camera.column.baud)

    def wire(port: str, baud: int) -> Wire:
        return Wire(baud, stream(seed, name, "wire", port), latency_us=LATENCY_US)

    return {
        port: Line(peer, wire(port, baud), wire(port, baud)) for port, (peer, baud) in peers.items()
    }


def make_reader(
    profile: Profile,
    country: Country,
    random: Callable[[int], bytes],
    at: Callable[[], datetime.date | None],
    crypto: CryptoBackend = COMPUTED,
    utc_day: Callable[[], datetime.date | None] | None = None,
) -> PassportReader:
    """The production reader, which trusts one country."""
    anchors = TrustStore([parse_certificate(country.csca.certificate.der)], accept_demo=True)
    return PassportReader(
        profile.mrz_reader,
        profile.chip_reader,
        trust=anchors,
        random=random,
        at=at,
        crypto=crypto,
        utc_day=utc_day,
    )


def make_turnstile(profile: Profile) -> PlantMachine:
    """The production driver of the lane's turnstile or doors."""
    return turnstile_of(profile)


def centre_keys_of(scenario: Scenario) -> CentreKeys:
    """The central system's keys of a scenario, from its seed."""
    return CentreKeys.generate(stream(scenario.seed, "centre key").randbytes)


def utc(scenario: Scenario, now_ns: int, jump_s: int = 0) -> datetime.datetime:
    """The wall clock at a virtual time, if it jumped by so much."""
    since = datetime.timedelta(milliseconds=now_ns // MS, seconds=jump_s)
    return scenario.start.astimezone(datetime.UTC) + since


def utc_text(scenario: Scenario, now_ns: int, jump_s: int = 0) -> str:
    """RFC 3339 with milliseconds for a virtual time."""
    at = utc(scenario, now_ns, jump_s)
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
