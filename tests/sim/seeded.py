"""One bug of each kind, planted into a lane; the soak must find every one of them.

    python tests/sim/seeded.py            # after how many seeds each one is found
    python tests/sim/seeded.py reader     # those whose name begins so

A bug is a class that the lane (or the day) takes in place of its own. `shows` names the
days on which it can show at all; the tests leave out the others, the command does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from biometrics.types import Liveness, LivenessState, Match, Observation, Observed
from drivers.passport.reader import PassportReader
from drivers.ports import Emission
from drivers.turnstile.device import TurnstileMachine
from drivers.turnstile.machine import PlantMachine
from drivers.turnstile.mantrap import MantrapMachine
from drivers.types import (
    CloseEntry,
    DocumentVerified,
    Flag,
    OpenExit,
    Plant,
    PlantChanged,
    Result,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core.messages import (
    Append,
    Appended,
    AppendFailed,
    Event,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
)
from gate_agent.core.states import State
from gate_agent.loop import Loop, Turn
from sim.desk import Desk
from sim.kernel import MS
from sim.random_day import random_day
from sim.run import Day
from sim.scenario import Scenario
from sim.soak import examine
from sim.turnstile_barrier import Barrier
from sim.virtual_lane import VirtualLane
from sync.publisher import Publisher
from sync.types import RecordKind

WITHIN = 200
HOUR_NS = 3_600_000_000_000

replace = msgspec.structs.replace


class Planted(NamedTuple):
    """A bug: the day that has it, and the days on which it can show.

    `long`: whoever meets it stands there for an hour of virtual time; not in every test run.
    `doors`: it is about mantraps, whose days take longer than others.
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


def lane(broken: type[VirtualLane]) -> type[Day]:
    """A day whose lanes are of this class."""

    class BrokenDay(Day):
        lane_class = broken

    return BrokenDay


# --- the core -------------------------------------------------------------------------


class RashLoop(Loop):
    """Opens with its decision, not after it."""

    def turn(self, at_ns: int, event: Event) -> Turn:
        done = super().turn(at_ns, event)
        rash = [
            OpenExit(ticket=command.ticket)
            for command in done.commands
            if isinstance(command, Append) and command.kind is RecordKind.DECISION
        ]
        return done._replace(commands=(*done.commands, *rash))


class StartingLoop(Loop):
    """Opens the exit when it starts."""

    def turn(self, at_ns: int, event: Event) -> Turn:
        first = self.state.plant.read_at_ns == 0 and isinstance(event, PlantChanged)
        done = super().turn(at_ns, event)
        rash = (OpenExit(ticket=1),) if first else ()
        return done._replace(commands=(*done.commands, *rash))


class TwistedLoop(Loop):
    """Hears something else than what was said; whoever watches hears what was said."""

    def hear(self, event: Any) -> Event:
        """What the core takes the event for."""
        raise NotImplementedError

    def turn(self, at_ns: int, event: Event) -> Turn:
        return super().turn(at_ns, self.hear(event))._replace(event=event)


class FaceTwisted(TwistedLoop):
    """Takes another observation than vision made."""

    def hear(self, event: Any) -> Event:
        if isinstance(event, Observed):
            return replace(event, observation=self.see(event.observation))
        return event  # type: ignore[no-any-return]

    def see(self, observation: Observation) -> Observation:
        """What the core takes the observation for."""
        raise NotImplementedError


class AnyFace(FaceTwisted):
    """The face decision: whoever is compared is the holder."""

    def see(self, observation: Observation) -> Observation:
        match = observation.match
        if match is None:
            return observation
        sure = Match(score=1.0, threshold=match.threshold, fmr=match.fmr)
        return replace(observation, match=sure)


class AnyMask(FaceTwisted):
    """Presentation attacks are not heeded."""

    def see(self, observation: Observation) -> Observation:
        return replace(observation, liveness=Liveness(state=LivenessState.NOT_RUN))


class OneFace(FaceTwisted):
    """The second face is not heeded."""

    def see(self, observation: Observation) -> Observation:
        return replace(observation, faces=min(1, observation.faces))


class Yes(TwistedLoop):
    """Whatever an officer says is yes."""

    def hear(self, event: Any) -> Event:
        if isinstance(event, OfficerDecided) and event.action is OfficerAction.REJECT:
            return replace(event, action=OfficerAction.ACCEPT)
        return event  # type: ignore[no-any-return]


class LongLease(TwistedLoop):
    """An officer who was there once is there for an hour."""

    def __init__(self, state: State, profile: Profile) -> None:
        budgets = replace(profile.budgets, lease_ms=HOUR_NS // MS)
        super().__init__(state, replace(profile, budgets=budgets))

    def hear(self, event: Any) -> Event:
        if isinstance(event, OfficerPresent):
            return replace(event, until_ns=event.until_ns + HOUR_NS)
        return event  # type: ignore[no-any-return]


class Shy(TwistedLoop):
    """Nobody is ever good enough."""

    def hear(self, event: Any) -> Event:
        if isinstance(event, DocumentVerified):
            checks = tuple(replace(check, result=Result.FAILED) for check in event.checks)
            return replace(event, checks=checks)
        return event  # type: ignore[no-any-return]


def core(loop: type[Loop]) -> type[Day]:
    """A day with such a core."""

    class Broken(VirtualLane):
        def make_loop(self, state: State) -> Loop:
            return loop(state, self.profile)

    return lane(Broken)


# --- drivers --------------------------------------------------------------------------


class TwiceMachine(TurnstileMachine):
    """Writes every release a second time."""

    def _open_exit(self, command: Any) -> Any:
        yield from super()._open_exit(command)
        yield self._plan.release_exit()


def _told(said: list[Emission], change: Callable[[Plant], Plant]) -> list[Emission]:
    """What was said, of another plant."""
    return [
        Emission(replace(one.event, plant=change(one.event.plant)), one.payload)
        if isinstance(one.event, PlantChanged)
        else one
        for one in said
    ]


def _fireless(plant: Plant) -> Plant:
    return replace(plant, fire=Flag.CLEAR)


def _alone(plant: Plant) -> Plant:
    return replace(plant, zone=Zone.ONE) if plant.zone is Zone.MANY else plant


class FireDeaf(TurnstileMachine):
    """There is never fire."""

    def events(self) -> list[Emission]:
        return _told(super().events(), _fireless)


class OneInZone(TurnstileMachine):
    """There is never more than one in the zone."""

    def events(self) -> list[Emission]:
        return _told(super().events(), _alone)


class OneInChamber(MantrapMachine):
    """There is never more than one in the chamber."""

    def events(self) -> list[Emission]:
        return _told(super().events(), _alone)


class OpenMantrap(MantrapMachine):
    """Says that it closed the entry, and did not."""

    def _carry_out(self, command: Any) -> Any:
        if isinstance(command, CloseEntry):
            self._actions.finish("", ok=True)
            return
        yield from super()._carry_out(command)


def driver(machine: type[PlantMachine]) -> type[Day]:
    """A day with such a driver, in lanes of its kind."""

    class Broken(VirtualLane):
        def make_turnstile(self) -> PlantMachine:
            made = super().make_turnstile()
            if issubclass(machine, type(made)):
                made.__class__ = machine
            return made

    return lane(Broken)


# --- the reader -----------------------------------------------------------------------


def believing(*checks: str) -> type[Day]:
    """A day whose readers find such checks good, whatever they found; none is all."""

    class Credulous(PassportReader):
        def events(self) -> list[Emission]:
            return [_believed(emission, checks) for emission in super().events()]

    class Broken(VirtualLane):
        def make_reader(self) -> PassportReader:
            reader = super().make_reader()
            reader.__class__ = Credulous
            return reader

    return lane(Broken)


def _believed(emission: Emission, ids: tuple[str, ...]) -> Emission:
    event = emission.event
    if not isinstance(event, DocumentVerified):
        return emission
    checks = tuple(
        replace(check, result=Result.SUCCESSFUL) if not ids or check.id.startswith(ids) else check
        for check in event.checks
    )
    return Emission(replace(event, checks=checks), emission.payload)


class DatedReader(VirtualLane):
    """A reader that believes a clock nobody vouches for."""

    def clock(self, *, jump_s: int | None = None, trusted: bool | None = None) -> None:
        super().clock(jump_s=jump_s, trusted=None if trusted is None else True)


# --- the plant ------------------------------------------------------------------------


class WideBarrier(Barrier):
    """A leaf that lets a second person through with each."""

    def start_passage(self, side: Any, persons: int, now_ns: int, stays_ms: int = 0) -> bool:
        went = super().start_passage(side, persons, now_ns, stays_ms)
        self.passed += int(went)
        return went


class DoubleCounter(Barrier):
    """A counter that moves by two."""

    def expire(self, now_ns: int) -> None:
        before = self.exit.counter
        super().expire(now_ns)
        self.exit.counter += self.exit.counter - before


def plant(barrier: type[Barrier]) -> type[Day]:
    """A day with such barriers."""

    class Broken(VirtualLane):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            turnstile = getattr(self.stage, "turnstile", None)
            if turnstile is not None:
                turnstile.barrier = barrier()

    return lane(Broken)


# --- the journal and the uplink -------------------------------------------------------


class ForgetfulDesk(Desk):
    """Says that it wrote a release, and did not."""

    def append(
        self, command: Append, holder: bytes | None, now_ns: int
    ) -> tuple[int, Appended | AppendFailed]:
        if command.kind is RecordKind.ACTUATION:
            seq = self.journal.last_seq
            return now_ns, Appended(ticket=command.ticket, kind=command.kind, seq=seq)
        return super().append(command, holder, now_ns)


class FullDesk(Desk):
    """Says that a record is durable when the disk was full."""

    def append(
        self, command: Append, holder: bytes | None, now_ns: int
    ) -> tuple[int, Appended | AppendFailed]:
        at_ns, answer = super().append(command, holder, now_ns)
        if isinstance(answer, AppendFailed):
            answer = Appended(ticket=answer.ticket, kind=answer.kind, seq=self.journal.last_seq)
        return at_ns, answer


def journal(desk: type[Desk]) -> type[Day]:
    """A day with such journals."""

    class Broken(VirtualLane):
        def _build(self) -> None:
            self.desk.__class__ = desk
            super()._build()

    return lane(Broken)


class SkippingPublisher(Publisher):
    """Loses the last record of every batch of several."""

    def supply(self, fetch: Any, outgoing: Any, now_ns: int) -> None:
        items = outgoing.contents.items
        if len(items) > 1 and not fetch.live:
            contents = replace(outgoing.contents, items=(*items[:-2], items[-1]))
            outgoing = outgoing._replace(contents=contents)
        super().supply(fetch, outgoing, now_ns)


class OncePublisher(Publisher):
    """Takes for received what was sent when the line broke."""

    def _rewind(self) -> None:
        sent_seq = self._sent_seq
        super()._rewind()
        self._sent_seq = sent_seq


def sync(publisher: type[Publisher]) -> type[Day]:
    """A day whose lanes publish so."""

    class BrokenDay(Day):
        def _connect(self, *arguments: Any) -> None:
            super()._connect(*arguments)
            for one in self.uplink._lanes.values():
                one.publisher.__class__ = publisher

    return BrokenDay


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


def struck(*kinds: str) -> Callable[[Scenario], bool]:
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


def expired(scenario: Scenario) -> bool:
    """On days with an expired passport."""
    return any(one.document.expiry < scenario.start.date() for one in scenario.travellers)


def pairs(scenario: Scenario) -> bool:
    """On days with two faces before the camera."""
    return any(one.face.faces == 2 for one in scenario.travellers)


DG_HASH = ("altered_dg1", "altered_dg2", "swapped_dg1", "hidden_dg2", "swapped_sod")
ROGUES = ("unknown_csca", "self_signed_ds", "same_key_identifier", "signer_as_authority")
TRUST = ("ds_chain", "ds_validity", "csca_validity")

PLANTED = {
    "core opens with its decision": Planted(core(RashLoop), everywhere),
    "core opens at its start": Planted(core(StartingLoop), everywhere),
    "core admits nobody": Planted(core(Shy), everywhere),
    "officer is always taken for yes": Planted(core(Yes), everywhere),
    "officer is there for an hour": Planted(core(LongLease), struck("lease_lost")),
    "face decision takes any face": Planted(core(AnyFace), faced("other")),
    "face decision heeds no attack": Planted(core(AnyMask), faced("print", "replay")),
    "face decision sees one face": Planted(core(OneFace), pairs),
    "driver releases twice": Planted(driver(TwiceMachine), at("barrier")),
    "driver is deaf to fire": Planted(driver(FireDeaf), struck("fire")),
    "driver counts to one": Planted(driver(OneInZone), behaving("tailgated", "child")),
    "driver counts to one in the chamber": Planted(driver(OneInChamber), in_chamber, doors=True),
    "driver leaves the entry open": Planted(
        driver(OpenMantrap), at("mantrap"), long=True, doors=True
    ),
    "reader believes everything": Planted(believing(), forged()),
    "reader believes dg_hash": Planted(believing("dg_hash"), forged(*DG_HASH)),
    "reader trusts every country": Planted(believing(*TRUST), forged(*ROGUES)),
    "reader believes expiry": Planted(believing("expiry"), expired),
    "reader believes sod_signature": Planted(
        believing("sod_signature"), forged("broken_sod_signature", "altered_attributes")
    ),
    "reader believes mrz_dg1": Planted(believing("mrz_dg1"), forged()),
    "clock is believed by the reader": Planted(lane(DatedReader), struck("clock_untrusted")),
    "plant lets two through": Planted(plant(WideBarrier), at("barrier")),
    "plant counts double": Planted(plant(DoubleCounter), at("barrier")),
    "journal forgets releases": Planted(journal(ForgetfulDesk), everywhere),
    "journal denies that the disk is full": Planted(journal(FullDesk), struck("disk_full")),
    "sync skips records": Planted(sync(SkippingPublisher), everywhere),
    "sync sends once": Planted(sync(OncePublisher), struck("uplink_down", "centre_down")),
}


def main(names: list[str]) -> int:
    """Look for every planted bug (or those named so) from the first seed on."""
    missed = 0
    for name, planted in PLANTED.items():
        if names and not any(name.startswith(prefix) for prefix in names):
            continue
        found = planted.found(range(1, WITHIN + 1), every=True)
        missed += found is None
        told = "NOT FOUND" if found is None else f"seed {found[0]:>3}  {found[1]}"
        print(f"{name:<40}{told}", flush=True)
    print(f"{len(PLANTED)} kinds, {missed} not found within {WITHIN} seeds")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
