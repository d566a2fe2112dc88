"""Random days for the soak: people who may come and things that may break, from one seed.

Every choice comes from that seed, so a seed is a day, on any machine.
"""

from __future__ import annotations

import datetime
import random
from typing import Any, get_args

import msgspec

from firmware_cfg.time_zone import calendar_day, time_zone
from sim.chip.forgeries import FORGERIES
from sim.lane.fault_table import breaks
from sim.scenario.parts import LANE_STEPS, Fault, FaultKind, OfficerModel, When
from sim.scenario.scenario import Scenario, ScenarioLane, stream
from sim.scenario.traveller import Behaviour, Document, Face, Forgery, Officer, Traveller

START = datetime.datetime(2026, 11, 22, 6, tzinfo=datetime.UTC)
ZONES = (
    "Asia/Jakarta",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/St_Johns",
    "Africa/Cairo",
)
MIDNIGHT_LEAD_S = 15
LIMIT_S = 3_600
PLAYED_S = 60
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gwen", "Hugo", "Iris", "Jon", "Kim", "Leo")
SLOW_FORGERIES = ("huge_portrait",)
LIKELY: tuple[FaultKind, ...] = ("fire", "disk_full", "uplink_down", "centre_down")
"""Faults that a lane has an answer of its own to; a third of all, or they would hardly come."""

BORDER_STEPS = tuple(step for step in get_args(LANE_STEPS) if step != "closed")


def random_day(seed: int) -> Scenario:
    """The day of a seed: one or two lanes of either kind, a few travellers, up to three faults."""
    rng = stream(seed, "random day")
    zone = stream(seed, "time zone").choice(ZONES)
    lanes = tuple(_lane(number, rng) for number in range(1, rng.choice((1, 1, 2)) + 1))
    names = iter(NAMES)
    travellers = tuple(
        _traveller(f"{next(names)} Random", number, lane.number, rng)
        for lane in lanes
        for number in range(rng.randrange(1, 4))
    )
    drawn = [_fault(len(lanes), rng) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    faults = tuple(fault for one in drawn for fault in _possible(one, lanes))
    return Scenario(
        title=f"Random day {seed}",
        learn="Whatever comes and whatever breaks: nothing unsafe, nothing lost.",
        seed=seed,
        start=_start(zone, seed),
        time_zone=zone,
        limit_s=LIMIT_S,
        lanes=lanes,
        travellers=travellers,
        officer=OfficerModel(
            after_ms=rng.choice((0, 0, 2_000, 20_000)),
            acknowledge_ms=rng.choice((1_000, 2_000, 30_000)),
        ),
        faults=faults,
    )


def _start(zone: str, seed: int) -> datetime.datetime:
    """Noon or so; one day in three begins just before midnight at the gates."""
    if stream(seed, "start").randrange(3):
        return START
    day = calendar_day(zone, START) + datetime.timedelta(days=1)
    midnight = datetime.datetime.combine(day, datetime.time(), time_zone(zone))
    return midnight.astimezone(datetime.UTC) - datetime.timedelta(seconds=MIDNIGHT_LEAD_S)


def _lane(number: int, rng: random.Random) -> ScenarioLane:
    return ScenarioLane(
        number=number,
        direction=rng.choice(("exit", "exit", "entry")),
        topology=rng.choice(("barrier", "barrier", "mantrap")),
    )


def _traveller(name: str, number: int, lane: int, rng: random.Random) -> Traveller:
    behaviours: list[Behaviour] = list(get_args(Behaviour))
    forgeries: list[Forgery] = sorted(set(FORGERIES) - set(SLOW_FORGERIES))  # type: ignore[arg-type]
    forged = (rng.choice(forgeries),) if rng.random() < 0.35 else ()
    lapsed = rng.random() < 0.1
    born = START.date() - datetime.timedelta(days=rng.randrange(10 * 365, 80 * 365))
    lasts = (-30, -1, 0)[number % 3] if lapsed else rng.randrange(1, 3_000)
    ends = START.date() + datetime.timedelta(days=lasts)
    face: dict[str, Any] = {}
    if rng.random() < 0.2:
        face["live"] = rng.choice(("other", "print", "replay"))
    if rng.random() < 0.05:
        face["faces"] = rng.choice((0, 2))
    return Traveller(
        name=name,
        lane=lane,
        walk_in_ms=rng.randrange(300, 3_000),
        behaviour=rng.choice(behaviours) if rng.random() < 0.5 else "normal",
        leaves_after_ms=rng.randrange(0, 3_000),
        document=Document(
            number=f"R{lane}{number}{rng.randrange(10_000):04d}",
            birth_date=born,
            expiry=ends,
            forgeries=forged,
            access=rng.choice(("pace", "pace", "bac")),
        ),
        face=Face(**face),
        officer=Officer(
            action=rng.choice(("accept", "reject", "reject", "ignore")),
            after_ms=rng.randrange(0, 8_000),
        ),
    )


def _possible(fault: Fault, lanes: tuple[ScenarioLane, ...]) -> tuple[Fault, ...]:
    """A fault as it was drawn, without the lanes whose plant cannot break so."""
    meant = [lane for lane in lanes if fault.lane in (None, lane.number)]
    broken = [lane.number for lane in meant if breaks(fault.kind, lane.plant)]
    if len(broken) == len(meant):
        return (fault,)
    return tuple(msgspec.structs.replace(fault, lane=number) for number in broken)


def _fault(lanes: int, rng: random.Random) -> Fault:
    kind: FaultKind = rng.choice(LIKELY if rng.random() < 1 / 3 else get_args(FaultKind))
    lane = rng.randrange(1, lanes + 1)
    when = at_s = None
    if rng.random() < 0.5:
        when = When(step=rng.choice(BORDER_STEPS), lane=lane, after_ms=rng.randrange(0, 1_500))
    else:
        at_s = rng.randrange(0, PLAYED_S)
    return Fault(
        kind=kind,
        at_s=at_s,
        when=when,
        for_s=rng.randrange(1, 30),
        lane=None if rng.random() < 0.3 else lane,
        rate=rng.choice((0.9, 0.97, 1.0) if kind == "door_stiff" else (0.01, 0.05, 0.2)),
        value=rng.choice((1, 3, 90_000, -90_000)) if kind == "clock_step" else 3,
        delay_ms=rng.choice((500, 5_000, 20_000)),
    )
