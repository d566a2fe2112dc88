"""The bugs that `seeded` plants: each a class that a lane, or a day, takes in place of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from biometrics.types import Liveness, LivenessState, Match, Observation, Observed
from drivers.passport.reader.passport_reader import PassportReader
from drivers.ports import Emission
from drivers.turnstile.machine import PlantMachine
from drivers.turnstile.mantrap import MantrapMachine
from drivers.turnstile.modbus_turnstile import ModbusTurnstile
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
from sim.day.run import Day
from sim.devices.turnstile_barrier import Barrier
from sim.lane.computer import LaneComputer
from sim.lane.journal import SimJournal
from sim.lane.virtual_lane import VirtualLane
from sim.wires.kernel import MS
from sync.gate.publisher import Publisher
from sync.log.types import RecordKind

HOUR_NS = 3_600_000_000_000

replace = msgspec.structs.replace


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
    """Gets another event than what was put; an observer gets what was put."""

    def on_event(self, event: Any) -> Event:
        """What the core takes the event for."""
        raise NotImplementedError

    def turn(self, at_ns: int, event: Event) -> Turn:
        return super().turn(at_ns, self.on_event(event))._replace(event=event)


class FaceTwisted(TwistedLoop):
    """Takes another observation than vision made."""

    def on_event(self, event: Any) -> Event:
        if isinstance(event, Observed):
            return replace(event, observation=self.changed(event.observation))
        return event  # type: ignore[no-any-return]

    def changed(self, observation: Observation) -> Observation:
        """What the core takes the observation for."""
        raise NotImplementedError


class AnyFace(FaceTwisted):
    """The face decision: every compared person is the holder."""

    def changed(self, observation: Observation) -> Observation:
        match = observation.match
        if match is None:
            return observation
        sure = Match(score=1.0, threshold=match.threshold, fmr=match.fmr)
        return replace(observation, match=sure)


class AnyMask(FaceTwisted):
    """Presentation attacks are not heeded."""

    def changed(self, observation: Observation) -> Observation:
        return replace(observation, liveness=Liveness(state=LivenessState.NOT_RUN))


class OneFace(FaceTwisted):
    """The second face is not heeded."""

    def changed(self, observation: Observation) -> Observation:
        return replace(observation, faces=min(1, observation.faces))


class Yes(TwistedLoop):
    """Whatever an officer says is yes."""

    def on_event(self, event: Any) -> Event:
        if isinstance(event, OfficerDecided) and event.action is OfficerAction.REJECT:
            return replace(event, action=OfficerAction.ACCEPT)
        return event  # type: ignore[no-any-return]


class LongLease(TwistedLoop):
    """An officer who was there once is there for an hour."""

    def __init__(self, state: State, profile: Profile) -> None:
        budgets = replace(profile.budgets, lease_ms=HOUR_NS // MS)
        super().__init__(state, replace(profile, budgets=budgets))

    def on_event(self, event: Any) -> Event:
        if isinstance(event, OfficerPresent):
            return replace(event, until_ns=event.until_ns + HOUR_NS)
        return event  # type: ignore[no-any-return]


class Shy(TwistedLoop):
    """No one is ever good enough."""

    def on_event(self, event: Any) -> Event:
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


class TwiceMachine(ModbusTurnstile):
    """Writes every release a second time."""

    def _open_exit(self, command: Any) -> Any:
        yield from super()._open_exit(command)
        yield self._map.release_exit()


def _changed_plants(emissions: list[Emission], change: Callable[[Plant], Plant]) -> list[Emission]:
    """The emissions, with another plant."""
    return [
        Emission(replace(one.event, plant=change(one.event.plant)), one.payload)
        if isinstance(one.event, PlantChanged)
        else one
        for one in emissions
    ]


def _fireless(plant: Plant) -> Plant:
    return replace(plant, fire=Flag.CLEAR)


def _alone(plant: Plant) -> Plant:
    return replace(plant, zone=Zone.ONE) if plant.zone is Zone.MANY else plant


class FireDeaf(ModbusTurnstile):
    """There is never fire."""

    def events(self) -> list[Emission]:
        return _changed_plants(super().events(), _fireless)


class OneInZone(ModbusTurnstile):
    """There is never more than one in the zone."""

    def events(self) -> list[Emission]:
        return _changed_plants(super().events(), _alone)


class OneInChamber(MantrapMachine):
    """There is never more than one in the chamber."""

    def events(self) -> list[Emission]:
        return _changed_plants(super().events(), _alone)


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


class ForgetfulJournal(SimJournal):
    """Says that it wrote a release, and did not."""

    def append(
        self, command: Append, holder: bytes | None, now_ns: int
    ) -> tuple[int, Appended | AppendFailed]:
        if command.kind is RecordKind.ACTUATION:
            seq = self.newest_seq
            return now_ns, Appended(ticket=command.ticket, kind=command.kind, seq=seq)
        return super().append(command, holder, now_ns)


class FullJournal(SimJournal):
    """Says that a record is durable when the disk was full."""

    def append(
        self, command: Append, holder: bytes | None, now_ns: int
    ) -> tuple[int, Appended | AppendFailed]:
        at_ns, answer = super().append(command, holder, now_ns)
        if isinstance(answer, AppendFailed):
            answer = Appended(ticket=answer.ticket, kind=answer.kind, seq=self.newest_seq)
        return at_ns, answer


def journal(kind: type[SimJournal]) -> type[Day]:
    """A day with such journals."""

    class Broken(VirtualLane):
        def _build(self) -> LaneComputer:
            self.journal.__class__ = kind
            return super()._build()

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
        sent_seq = self._window.sent_seq
        super()._rewind()
        self._window.sent_seq = sent_seq


def sync(publisher: type[Publisher]) -> type[Day]:
    """A day whose lanes publish so."""

    class BrokenDay(Day):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            for one in self.network.uplink._lanes.values():
                one.publisher.__class__ = publisher

    return BrokenDay
