"""The soak: random days pass, and what is broken on purpose is found."""

from __future__ import annotations

import json

import msgspec
import pytest

from drivers.passport.reader import PassportReader
from drivers.ports import Emission
from drivers.turnstile.device import TurnstileMachine
from drivers.types import DocumentVerified, OpenExit, Result
from gate_agent.cli import main
from gate_agent.core.messages import Append, Event
from gate_agent.core.states import State
from gate_agent.loop import Loop, Turn
from sim.desk import Desk
from sim.random_day import random_day
from sim.run import Day
from sim.scenario import parse
from sim.shrink import shrink
from sim.soak import Failure, examine, soak
from sim.toml_text import toml_text
from sim.turnstile_barrier import Barrier
from sim.virtual_lane import VirtualLane
from sync.types import RecordKind

WITHIN = 200
SHORT = 15


def test_random_days_pass() -> None:
    assert soak(5_000, SHORT) == []


def test_a_plug_put_back_without_power_is_in() -> None:
    assert examine(random_day(873)) == ()


def test_a_seed_is_a_day() -> None:
    assert random_day(7) == random_day(7)
    assert len({toml_text(random_day(seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("seed", range(40))
def test_a_random_day_is_a_file(seed: int) -> None:
    assert parse(toml_text(random_day(seed)).encode()) == random_day(seed)


# --- broken on purpose ----------------------------------------------------------------


class RashLoop(Loop):
    """A core that opens with its decision, not after it."""

    def turn(self, at_ns: int, event: Event) -> Turn:
        done = super().turn(at_ns, event)
        rash = [
            OpenExit(ticket=command.ticket)
            for command in done.commands
            if isinstance(command, Append) and command.kind is RecordKind.DECISION
        ]
        return done._replace(commands=(*done.commands, *rash))


class RashCore(VirtualLane):
    def make_loop(self, state: State) -> Loop:
        return RashLoop(state, self.profile)


class TwiceMachine(TurnstileMachine):
    """A driver that writes every release a second time."""

    def _open_exit(self, command: OpenExit):  # type: ignore[no-untyped-def]
        yield from super()._open_exit(command)
        yield self._plan.release_exit()


class TwiceDriver(VirtualLane):
    def make_turnstile(self) -> TurnstileMachine:
        return TwiceMachine(self.profile.turnstile)


class Credulous(PassportReader):
    """A reader whose every check succeeds."""

    def events(self) -> list[Emission]:
        return [self._believed(emission) for emission in super().events()]

    @staticmethod
    def _believed(emission: Emission) -> Emission:
        event = emission.event
        if not isinstance(event, DocumentVerified):
            return emission
        checks = tuple(
            msgspec.structs.replace(check, result=Result.SUCCESSFUL) for check in event.checks
        )
        return Emission(msgspec.structs.replace(event, checks=checks), emission.payload)


class CredulousReader(VirtualLane):
    def make_reader(self) -> PassportReader:
        reader = super().make_reader()
        reader.__class__ = Credulous
        return reader


class WideBarrier(Barrier):
    """A leaf that lets a second person through with each."""

    def start_passage(self, side, persons, now_ns, stays_ms=0):  # type: ignore[no-untyped-def]
        went = super().start_passage(side, persons, now_ns, stays_ms)
        self.passed += int(went)
        return went


class WidePlant(VirtualLane):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.stage.turnstile.barrier = WideBarrier()


class ForgetfulDesk(Desk):
    """A journal that says it wrote a release, and did not."""

    def append(self, command, holder, now_ns):  # type: ignore[no-untyped-def]
        if command.kind is RecordKind.ACTUATION:
            self.openings -= 1
        return super().append(command, holder, now_ns)


class ForgetfulJournal(VirtualLane):
    def _build(self) -> None:
        self.desk.__class__ = ForgetfulDesk
        super()._build()


@pytest.mark.parametrize(
    "broken", [RashCore, TwiceDriver, CredulousReader, WidePlant, ForgetfulJournal]
)
def test_what_is_broken_is_found(broken: type[VirtualLane]) -> None:
    class BrokenDay(Day):
        lane_class = broken

    found = next(
        (seed for seed in range(1, WITHIN + 1) if examine(random_day(seed), BrokenDay)), None
    )
    assert found is not None


def test_a_crash_is_a_finding() -> None:
    class Crashing(VirtualLane):
        def make_loop(self, state: State) -> Loop:
            raise LookupError("on purpose")

    class CrashingDay(Day):
        lane_class = Crashing

    assert examine(random_day(1), CrashingDay) == ("crash: LookupError at make_loop",)


def test_a_failing_seed_names_its_command() -> None:
    assert Failure(41, ("x",)).command == "egate sim soak --first 41 --seeds 1"


def test_the_command_prints_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "soak", "--seeds", "2", "--first", "9000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"seeds": 2, "passed": 2, "failed": 0, "failures": []}


def test_bad_numbers_are_broken() -> None:
    assert main(["sim", "soak", "--seeds", "0"]) == 2


# --- shrinking ------------------------------------------------------------------------


def test_shrinking_keeps_what_it_takes() -> None:
    day = next(random_day(seed) for seed in range(100) if len(random_day(seed).faults) == 3)
    guilty = day.faults[1].kind

    def test(scenario):  # type: ignore[no-untyped-def]
        return ("it breaks",) if any(f.kind == guilty for f in scenario.faults) else ()

    small = shrink(day, test)
    assert small is not None
    assert [fault.kind for fault in small.scenario.faults] == [guilty]
    assert len(small.scenario.travellers) == len(small.scenario.lanes) == 1
    assert small.scenario.faults[0].for_s == 1
    assert parse(toml_text(small.scenario).encode()) == small.scenario


def test_what_does_not_fail_is_not_shrunk() -> None:
    assert shrink(random_day(1), lambda _scenario: ()) is None


def test_another_failure_is_not_taken_for_the_first() -> None:
    day = random_day(11)

    def test(scenario):  # type: ignore[no-untyped-def]
        return ("the old way",) if scenario == day else ("in some new fashion",)

    small = shrink(day, test)
    assert small is not None
    assert small.scenario == day
