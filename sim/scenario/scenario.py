"""A day at the border as a file: lanes, travellers, faults, officers, what must come out.

The same TOML file runs on the virtual clock (`sim.day.run`) and in real time on
pseudo-terminals (`sim.live.hardware`). Everything is bounded; unknown fields are refused.
Names are invented. `schema()` is the JSON Schema for editors.
"""

from __future__ import annotations

import datetime
import hashlib
import random
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from drivers.types import Zone
from firmware_cfg.profile import Profile
from firmware_cfg.section import ZoneName
from firmware_cfg.time_zone import SHIPPED_ZONE, UnknownTimeZone, calendar_day, time_zone
from gate_agent.core.messages import Mode
from sim.scenario.parts import (
    LANE_STEPS,
    Arrivals,
    Claim,
    Fault,
    LaneNumber,
    OfficerModel,
    Part,
    PlantName,
)
from sim.scenario.traveller import Outcome, Traveller

MAX_FILE_BYTES = 1024 * 1024

VALUES: dict[str, frozenset[str]] = {
    "step": frozenset(get_args(LANE_STEPS)),
    "mode": frozenset((*Mode, "off")),
    "zone": frozenset(Zone),
    "outcome": frozenset(get_args(Outcome)),
}
"""What a claim can ask for; a misspelt value would make every `never` hold."""


class ScenarioLane(Part, frozen=True, kw_only=True):
    """One lane. `exit` is a lane for departures.

    A `mantrap` has two doors and a chamber between them: the document is read before the
    entry, the face compared inside. What stands in a lane with a `barrier` is a `turnstile` with
    a register map or a `swing_gate` with 7E/7F frames. With a `column` the camera is lifted to
    each traveller's face; without one it sees every face. `time_zone` is where the lane
    stands, if not where the others do.
    """

    number: LaneNumber
    direction: Literal["entry", "exit"] = "exit"
    topology: Literal["barrier", "mantrap"] = "barrier"
    barrier: Literal["turnstile", "swing_gate"] = "turnstile"
    column: bool = False
    time_zone: ZoneName | None = None

    @property
    def plant(self) -> PlantName:
        """What the lane's bus ends in."""
        return "mantrap" if self.topology == "mantrap" else self.barrier


class Expected(Part, frozen=True, kw_only=True):
    """What must hold for the whole run."""

    lost: Annotated[int, Meta(ge=0)] = 0
    duplicated: Annotated[int, Meta(ge=0)] = 0


class Scenario(Part, frozen=True, kw_only=True):
    """A whole scenario file."""

    title: Annotated[str, Meta(min_length=1, max_length=120)]
    learn: Annotated[str, Meta(min_length=1, max_length=500)]
    """what operations learn from it"""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    start: Annotated[datetime.datetime, Meta(tz=True)]
    time_zone: ZoneName | None = None
    """where the lanes stand, by the IANA database; without it, as `profile.lane` has it"""
    limit_s: Annotated[int, Meta(ge=1, le=30 * 86_400)] = 3_600
    """virtual time after which a run that has not ended is given up"""
    profile: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """what is laid over the simulated lanes' profile, by section"""
    lanes: Annotated[tuple[ScenarioLane, ...], Meta(min_length=1, max_length=64)]
    travellers: Annotated[tuple[Traveller, ...], Meta(max_length=20_000)] = ()
    arrivals: Annotated[tuple[Arrivals, ...], Meta(max_length=500)] = ()
    officer: OfficerModel = OfficerModel()
    faults: Annotated[tuple[Fault, ...], Meta(max_length=1_000)] = ()
    expectations: Annotated[tuple[Claim, ...], Meta(max_length=200)] = ()
    expect: Expected = Expected()
    long: bool = False
    """too long for every run of the tests"""
    realtime: bool = False
    """among those that the tests also play in real time"""

    def cast(self, lane: int) -> tuple[Traveller, ...]:
        """The travellers of one lane, in the order of the file."""
        return tuple(t for t in self.travellers if t.lane == lane)

    def zone_of(self, lane: ScenarioLane) -> str:
        """The time zone of a lane: its own, the file's, the profile's in the file, the shipped."""
        of_profile = self.profile.get("lane", {}).get("time_zone", SHIPPED_ZONE)
        return lane.time_zone or self.time_zone or str(of_profile)

    def overlay(self, lane: ScenarioLane) -> dict[str, dict[str, Any]]:
        """What is laid over a lane's profile: what the file says of all lanes, and its zone."""
        place = {**self.profile.get("lane", {}), "time_zone": self.zone_of(lane)}
        return {**self.profile, "lane": place}

    def first_day(self, lane: ScenarioLane) -> datetime.date:
        """The day on which the scenario starts, by the calendar of a lane."""
        return calendar_day(self.zone_of(lane), self.start)


class ScenarioError(Exception):
    """A scenario file is not one.

    Attributes:
        file: its name as given.
        field: path of the field, such as `$.travellers[2].lane`; `$` for the whole.
        problem: what is wrong, with the bound that is broken.
    """

    def __init__(self, file: str, field: str, problem: str) -> None:
        where = file if field == "$" else f"{file}: {field}"
        super().__init__(f"{where}: {problem}")
        self.file = file
        self.field = field
        self.problem = problem


def load(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        ScenarioError: unreadable, not TOML, out of bounds, or at odds with itself.
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ScenarioError(name, "$", f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ScenarioError(name, "$", f"longer than {MAX_FILE_BYTES} bytes")
    return parse(data, name)


def parse(data: bytes, name: str = "<scenario>") -> Scenario:
    """Decode and check the bytes of a scenario file.

    Raises:
        ScenarioError: not TOML, out of bounds, or at odds with itself.
    """
    try:
        plain = tomllib.loads(data.decode())
        scenario = msgspec.convert(plain, Scenario)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScenarioError(name, "$", f"not TOML: {error}") from error
    except msgspec.ValidationError as error:
        problem, _, field = str(error).partition(" - at `")
        raise ScenarioError(name, field.rstrip("`") or "$", problem) from error
    _check(scenario, name)
    return scenario


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario file."""
    return msgspec.json.schema(Scenario)


def stream(seed: int, *names: str) -> random.Random:
    """An independent random stream for one name under one seed.

    Adding a traveller or a fault adds a name, so it shifts no other's stream.
    """
    digest = hashlib.sha256("\x00".join((str(seed), *names)).encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - a simulation's chance


def _check(scenario: Scenario, name: str) -> None:
    numbers = [lane.number for lane in scenario.lanes]
    if len(set(numbers)) != len(numbers):
        raise ScenarioError(name, "$.lanes", "two lanes have the same number")
    for index, lane in enumerate(scenario.lanes):
        if lane.topology == "mantrap" and lane.barrier != "turnstile":
            problem = f"a mantrap has two doors and no {lane.barrier}"
            raise ScenarioError(name, f"$.lanes[{index}].barrier", problem)
    _check_zones(scenario, name)
    if not scenario.travellers and not scenario.arrivals:
        raise ScenarioError(name, "$.travellers", "no one comes: no travellers and no arrivals")
    _check_people(scenario, name, numbers)
    _check_faults(scenario, name, numbers)
    _check_claims(scenario, name, numbers)
    sections = set(Profile.__struct_fields__)
    for section in scenario.profile:
        if section not in sections:
            field = f"$.profile.{section}"
            raise ScenarioError(name, field, f"no such section; there are {sorted(sections)}")


def _check_zones(scenario: Scenario, name: str) -> None:
    of_profile = scenario.profile.get("lane", {}).get("time_zone")
    if of_profile is not None and scenario.time_zone is not None:
        problem = "the whole file's time_zone stands above already; give one of the two"
        raise ScenarioError(name, "$.profile.lane.time_zone", problem)
    zones = {"$.profile.lane.time_zone": of_profile, "$.time_zone": scenario.time_zone}
    zones |= {f"$.lanes[{n}].time_zone": lane.time_zone for n, lane in enumerate(scenario.lanes)}
    for field, zone in zones.items():
        try:
            if isinstance(zone, str):  # of another type in `profile`: refused with the profile
                time_zone(zone)
        except UnknownTimeZone as error:
            raise ScenarioError(name, field, str(error)) from error


def _check_faults(scenario: Scenario, name: str, numbers: list[int]) -> None:
    for index, fault in enumerate(scenario.faults):
        field = f"$.faults[{index}]"
        if (fault.at_s is None) == (fault.when is None):
            raise ScenarioError(name, field, "needs at_s or when, and not both")
        named = [fault.lane, fault.when.lane if fault.when else None]
        _check_lanes(name, field, numbers, named)


def _check_claims(scenario: Scenario, name: str, numbers: list[int]) -> None:
    for index, claim in enumerate(scenario.expectations):
        field = f"$.expectations[{index}]"
        _check_lanes(name, field, numbers, [claim.lane])
        if claim.until_s is not None and claim.until_s <= claim.from_s:
            raise ScenarioError(name, f"{field}.until_s", f"not after from_s = {claim.from_s}")
        known = VALUES.get(claim.what)
        if claim.value and known is not None and claim.value not in known:
            problem = f"{claim.what} is never {claim.value!r}; it is one of {sorted(known)}"
            raise ScenarioError(name, f"{field}.value", problem)
        if claim.kind == "percentile" and claim.max_ms <= 0:
            raise ScenarioError(name, f"{field}.max_ms", "a percentile needs a bound > 0")


def _check_lanes(name: str, field: str, numbers: list[int], named: list[int | None]) -> None:
    for lane in named:
        if lane is not None and lane not in numbers:
            raise ScenarioError(name, f"{field}.lane", f"there is no lane {lane}")


def _check_people(scenario: Scenario, name: str, numbers: list[int]) -> None:
    seen: set[str] = set()
    latest: dict[int | None, int] = {}
    for index, traveller in enumerate(scenario.travellers):
        field = f"$.travellers[{index}]"
        _check_lanes(name, field, numbers, [traveller.lane])
        if traveller.name in seen:
            raise ScenarioError(name, f"{field}.name", f"{traveller.name!r} is there twice")
        seen.add(traveller.name)
        if traveller.at_s is not None:
            if traveller.at_s < latest.get(traveller.lane, 0):
                raise ScenarioError(name, f"{field}.at_s", "before the traveller ahead in the lane")
            latest[traveller.lane] = traveller.at_s
    prefixes = [arrivals.name for arrivals in scenario.arrivals]
    if len(set(prefixes)) != len(prefixes):
        raise ScenarioError(name, "$.arrivals", "two have the same name")
