"""One bug of each kind, planted into a lane; the soak must find every one of them.

    python tests/sim/search/seeded.py            # after how many seeds each one is found
    python tests/sim/search/seeded.py reader     # those whose name begins so

A bug is a class that the lane (or the day) takes in place of its own. `shows` names the
days on which it can show at all; the tests leave out the others, the command does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

from seeded_bugs import (
    AnyFace,
    AnyMask,
    DoubleCounter,
    FireDeaf,
    ForgetfulJournal,
    FullJournal,
    LongLease,
    OncePublisher,
    OneFace,
    OneInChamber,
    OneInZone,
    OpenMantrap,
    RashLoop,
    Shy,
    SkippingPublisher,
    StartingLoop,
    TwiceMachine,
    WideBarrier,
    Yes,
    believing,
    core,
    driver,
    journal,
    plant,
    sync,
)

from sim.day.run import Day
from sim.scenario.scenario import Scenario
from sim.search.random_day import random_day
from sim.search.soak import examine

WITHIN = 200


class Planted(NamedTuple):
    """A bug: the day that has it, and the days on which it can show.

    `long`: rarely shown, or by an hour of virtual time; not in every test run.
    `doors`: it shows at mantraps (too), whose days take longer than others.
    """

    day: type[Day]
    shows: Callable[[Scenario], bool]
    long: bool = False
    doors: bool = False

    def found(self, seeds: Iterable[int], *, every: bool = False) -> tuple[int, str] | None:
        """The first seed that finds it, and by what; None if none does."""
        for seed in seeds:
            scenario = random_day(seed)
            if every or (self.shows(scenario) and (self.doors or not at("mantrap")(scenario))):
                problems = examine(scenario, self.day)
                if problems:
                    return seed, problems[0]
        return None


# --- which days -----------------------------------------------------------------------


def everywhere(_scenario: Scenario) -> bool:
    """On any day."""
    return True


def forged(*names: str) -> Callable[[Scenario], bool]:
    """On days with one of these forgeries; none is any."""
    return lambda scenario: any(
        not names or forgery in names
        for traveller in scenario.travellers
        for forgery in traveller.document.forgeries
    )


def with_fault(*kinds: str) -> Callable[[Scenario], bool]:
    """On days with one of these faults."""
    return lambda scenario: any(fault.kind in kinds for fault in scenario.faults)


def faced(*lives: str) -> Callable[[Scenario], bool]:
    """On days with one of these before the camera."""
    return lambda scenario: any(one.face.live in lives for one in scenario.travellers)


def behaving(*behaviours: str) -> Callable[[Scenario], bool]:
    """On days with one who behaves so."""
    return lambda scenario: any(one.behaviour in behaviours for one in scenario.travellers)


def at(topology: str) -> Callable[[Scenario], bool]:
    """On days at lanes of this kind."""
    return lambda scenario: any(one.topology == topology for one in scenario.lanes)


def in_chamber(scenario: Scenario) -> bool:
    """On days with several at a mantrap."""
    doors = [one.number for one in scenario.lanes if one.topology == "mantrap"]
    return any(
        one.lane in doors and one.behaviour in ("tailgated", "child") for one in scenario.travellers
    )


def pairs(scenario: Scenario) -> bool:
    """On days with two faces before the camera."""
    return any(one.face.faces == 2 for one in scenario.travellers)


DG_HASH = ("altered_dg1", "altered_dg2", "swapped_dg1", "hidden_dg2", "swapped_sod")

PASSIVE = ("sod_", "ds_", "csca_", "dg_hash", "issuing_state", "com_sod", "mrz_dg1")

PLANTED = {
    "core opens with its decision": Planted(core(RashLoop), everywhere),
    "core opens at its start": Planted(core(StartingLoop), everywhere),
    "core admits no one": Planted(core(Shy), everywhere),
    "officer is always taken for yes": Planted(core(Yes), everywhere),
    "officer is there for an hour": Planted(core(LongLease), with_fault("lease_lost"), doors=True),
    "face decision takes any face": Planted(core(AnyFace), faced("other")),
    "face decision heeds no attack": Planted(core(AnyMask), faced("print", "replay")),
    "face decision sees one face": Planted(core(OneFace), pairs),
    "driver releases twice": Planted(driver(TwiceMachine), at("barrier")),
    "driver is deaf to fire": Planted(driver(FireDeaf), with_fault("fire"), long=True),
    "driver counts to one": Planted(driver(OneInZone), behaving("tailgated", "child")),
    "driver counts to one in the chamber": Planted(driver(OneInChamber), in_chamber, doors=True),
    "driver leaves the entry open": Planted(
        driver(OpenMantrap), at("mantrap"), long=True, doors=True
    ),
    "reader believes everything": Planted(believing(), forged()),
    "reader believes dg_hash": Planted(believing("dg_hash"), forged(*DG_HASH)),
    "reader believes passive authentication": Planted(believing(*PASSIVE), forged()),
    "reader believes mrz_dg1": Planted(believing("mrz_dg1"), forged()),
    "plant lets two through": Planted(plant(WideBarrier), at("barrier")),
    "plant counts double": Planted(plant(DoubleCounter), at("barrier"), long=True),
    "journal forgets releases": Planted(journal(ForgetfulJournal), everywhere),
    "journal denies that the disk is full": Planted(
        journal(FullJournal), with_fault("disk_full"), long=True
    ),
    "sync skips records": Planted(sync(SkippingPublisher), everywhere, long=True),
    "sync sends once": Planted(
        sync(OncePublisher), with_fault("uplink_down", "centre_down"), long=True
    ),
}


def main(names: list[str]) -> int:
    """Look for every planted bug (or those named so) from the first seed on."""
    missed = 0
    for name, planted in PLANTED.items():
        if names and not any(name.startswith(prefix) for prefix in names):
            continue
        found = planted.found(range(1, WITHIN + 1), every=True)
        missed += found is None
        reported = "NOT FOUND" if found is None else f"seed {found[0]:>3}  {found[1]}"
        print(f"{name:<40}{reported}", flush=True)
    print(f"{len(PLANTED)} kinds, {missed} not found within {WITHIN} seeds")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
