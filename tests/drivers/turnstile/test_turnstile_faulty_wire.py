"""The driver over seeded faulty wires: no wrong plant, no second release."""

from __future__ import annotations

import random

import pytest
from turnstile_bench import MS, Bench

from drivers.types import Close, Door, OpenExit, Plant, PlantChanged, Zone
from firmware_cfg.turnstile import Turnstile
from sim.wires.wire import NO_FAULTS, WireFaults

NOISE = WireFaults(flip=0.02, drop=0.02, duplicate=0.02, slice=0.05, babble=0.01, echo=0.02)
LATE = WireFaults(delay=0.05, drop=0.01, delay_ms=400)
VERY_LATE = WireFaults(delay=0.03, delay_ms=1500)
GHOSTS = WireFaults(stale=0.3, stale_ms=120)
HEAVY = WireFaults(
    flip=0.02, drop=0.02, duplicate=0.02, slice=0.03, babble=0.02, delay=0.02, echo=0.02
)


class Truth:
    """What the peer really held, and when."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.rng = random.Random(seed)
        self.held: list[tuple[int, int, int, int]] = []
        self.note()

    def note(self) -> None:
        side = self.bench.peer.barrier.exit
        self.held.append((self.bench.now_ns, side.waiting, side.counter, side.authorised))

    def change(self) -> None:
        side = self.bench.peer.barrier.exit
        side.waiting = (side.waiting + self.rng.randrange(1, 3)) % 4
        side.counter += 1
        self.note()

    def was(self, plant: Plant, until_ns: int) -> bool:
        """Whether the peer held this between the start of the poll and now."""
        from_ns = plant.read_at_ns
        ends = [start for start, *_ in self.held[1:]] + [until_ns + 1]
        for (start, waiting, counter, _), end in zip(self.held, ends, strict=True):
            zone = (Zone.EMPTY, Zone.ONE, Zone.MANY, Zone.MANY)[waiting]
            if (
                start <= until_ns
                and end >= from_ns
                and (plant.zone, plant.passages_exit)
                == (
                    zone,
                    counter,
                )
            ):
                return True
        return False


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("there", "back"),
    [
        (NOISE, NOISE),
        (NO_FAULTS, LATE),
        (LATE, LATE),
        (NO_FAULTS, VERY_LATE),
        (NO_FAULTS, GHOSTS),
        (HEAVY, HEAVY),
    ],
    ids=["noise", "late answers", "late both ways", "very late", "ghosts", "heavy"],
)
def test_a_plant_is_never_what_the_device_did_not_hold(
    seed: int, there: WireFaults, back: WireFaults
) -> None:
    bench = Bench(seed=seed, there=there, back=back)
    truth = Truth(bench, seed)
    checked = 0
    bench.open_port()
    for _ in range(700):
        bench.run(37)
        for at_ns, event in bench.events:
            if isinstance(event, PlantChanged) and event.plant.passages_exit is not None:
                assert truth.was(event.plant, at_ns), (bench.machine.metrics, event)
                checked += 1
        bench.events.clear()
        del truth.held[:-100]
        truth.change()
    assert bench.machine.metrics.requests > 120
    assert checked > 20
    assert sum(bench.back.occurred.values()) > 10


def closed(bench: Bench, ticket: int) -> bool:
    return any(done.action == "close" and done.ok for done in bench.done(ticket))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "faults", [NO_FAULTS, NOISE, LATE, HEAVY], ids=["none", "noise", "late", "heavy"]
)
def test_a_release_is_never_doubled(seed: int, faults: WireFaults) -> None:
    bench = Bench(seed=seed, there=faults, back=faults)
    bench.open_port()
    bench.run(3000)
    granted = 0
    for ticket in range(1, 21):
        bench.peer.arrive(bench.now_ns)
        before, passages = bench.peer.releases, bench.peer.passages
        bench.command(OpenExit(ticket=ticket))
        bench.run(200)
        bench.peer.try_pass(bench.now_ns)  # quick, while an unconfirmed write may be looked into
        bench.run(2800)
        answers = bench.done(ticket)
        assert [answer.action for answer in answers] == ["open_exit"]
        released = bench.peer.releases - before
        assert released <= 1
        assert bench.peer.passages - passages <= 1
        if answers[0].ok:
            granted += 1
            assert released == 1
        bench.peer.leave_back(bench.now_ns, 9)
        for _ in range(10):
            bench.command(Close(ticket=ticket))
            bench.run(1000)
            if closed(bench, ticket):
                break
        if not closed(bench, ticket):
            assert faults is HEAVY
            bench.run(11_000)  # what cannot be withdrawn lapses in the device
        assert bench.peer.authorised == 0
        bench.run(200)
    assert granted >= (20 if faults is NO_FAULTS else 3)


def test_the_line_heals_by_itself() -> None:
    bench = Bench(seed=5, there=HEAVY, back=HEAVY)
    bench.open_port()
    bench.run(20_000)
    bench.there.set_faults(NO_FAULTS)
    bench.back.set_faults(NO_FAULTS)
    bench.run(3_000)
    plant = bench.plant
    assert (plant.exit, plant.zone) == (Door.CLOSED, Zone.EMPTY)
    assert bench.now_ns - plant.read_at_ns <= 300 * MS


def test_noise_at_9600_baud() -> None:
    profile = Turnstile(port="virtual", baud=9600, poll_ms=150, heartbeat_ms=300, stale_ms=800)
    bench = Bench(seed=6, there=NOISE, back=NOISE, profile=profile)
    truth = Truth(bench, 6)
    bench.open_port()
    for _ in range(200):
        bench.run(200)
        truth.change()
    known = [(at, e) for at, e in bench.events if isinstance(e, PlantChanged)]
    known = [(at, e) for at, e in known if e.plant.passages_exit is not None]
    assert len(known) > 30
    assert all(truth.was(event.plant, at) for at, event in known)
