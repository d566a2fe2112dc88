"""From arrivals in a scenario to travellers, each by a random stream of their own.

The same scenario gives the same people whatever else is in it. A flight's passengers come
as a gamma distribution of shape three: few at first, most after a third of the time, then
ever fewer.
"""

from __future__ import annotations

import datetime

import msgspec

from sim.scenario.parts import Arrivals
from sim.scenario.scenario import Scenario, stream
from sim.scenario.traveller import Document, Expectation, Face, Officer, Traveller

SHAPE = 3.0
WAVE_MEAN = 1 / 3
LETTERS = "abcdefghijklmnopqrstuvwxyz"
EXPIRED_DAYS = 400
VALID_DAYS = 1_200
PORTRAITS = ("a1", "b1", "c1")


def people(scenario: Scenario) -> tuple[Traveller, ...]:
    """Everyone who comes: the travellers by name, and those of all arrivals by their time."""
    crowd = [
        _one(scenario, arrivals, number, at_s)
        for arrivals in scenario.arrivals
        for number, at_s in enumerate(_times(scenario.seed, arrivals))
    ]
    crowd.sort(key=lambda traveller: (traveller.at_s or 0, traveller.name))
    return (*scenario.travellers, *crowd)


def expanded(scenario: Scenario) -> Scenario:
    """The same scenario with everyone by name, those of arrivals sent to each lane in turn."""
    lanes = [lane.number for lane in scenario.lanes]
    turn = 0
    everyone = []
    for traveller in people(scenario):
        lane = traveller.lane
        if lane is None:
            lane = lanes[turn % len(lanes)]
            turn += 1
        everyone.append(msgspec.structs.replace(traveller, lane=lane))
    everyone.sort(key=lambda traveller: traveller.at_s or 0)
    return msgspec.structs.replace(scenario, travellers=tuple(everyone), arrivals=())


def _times(seed: int, arrivals: Arrivals) -> list[int]:
    rng = stream(seed, "arrivals", arrivals.name)
    times = []
    for _ in range(arrivals.travellers):
        share = rng.random()
        if arrivals.kind == "wave":
            share = min(rng.gammavariate(SHAPE, WAVE_MEAN / SHAPE), 1.0)
        times.append(arrivals.at_s + int(share * arrivals.for_s))
    return sorted(times)


def _one(scenario: Scenario, arrivals: Arrivals, number: int, at_s: int) -> Traveller:
    name = f"{arrivals.name} {_letters(number)}"
    rng = stream(scenario.seed, "passenger", name)
    draw = rng.random()
    passport = rng.randrange(arrivals.passports)
    shares = (arrivals.slow, arrivals.expired, arrivals.impostors, arrivals.tailgated)
    edges = [sum(shares[: n + 1]) for n in range(len(shares))]
    slow, expired, impostor, tailgated = (
        below <= draw < edge for below, edge in zip((0.0, *edges), edges, strict=False)
    )
    today = scenario.first_day(scenario.lanes[0])
    expiry = today + datetime.timedelta(days=-EXPIRED_DAYS if expired else VALID_DAYS)
    expect = Expectation(outcome="admitted")
    if expired:
        expect = Expectation(outcome="refused", reasons=("expiry",))
    elif impostor:
        expect = Expectation(outcome="refused", reasons=("face_no_match",))
    elif tailgated:
        expect = Expectation(outcome="refused", reasons=("tailgating",))
    return Traveller(
        name=name,
        printed=f"{arrivals.name} {'Late' if expired else 'Pass'} {_letters(passport)}",
        at_s=at_s,
        walk_in_ms=arrivals.walk_in_ms,
        behaviour="tailgated" if tailgated else "slow" if slow else "normal",
        document=Document(
            number=f"W{passport:06d}",
            birth_date=today.replace(year=today.year - 20 - passport % 50, day=1),
            expiry=expiry,
            portrait=PORTRAITS[passport % len(PORTRAITS)],
        ),
        face=Face(live="other" if impostor else "same"),
        officer=Officer(after_ms=8_000),
        expect=expect,
    )


def _letters(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, len(LETTERS))
        text = LETTERS[digit] + text
        if not number:
            return text.capitalize()
