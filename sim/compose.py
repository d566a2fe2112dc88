"""The virtual lane: the real core, drivers and journal on the heap, simulated hardware behind.

Nothing of the lane's software is replaced: the loop turns once per event, the drivers see
bytes on wires, records are durable in a real journal. Vision alone is played, by the
scenario.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from biometrics.types import Prepare, StartVerify, StopVerify
from drivers.passport.certificates import parse_certificate
from drivers.passport.reader import PassportReader
from drivers.passport.trust import TrustStore
from drivers.ports import Emission, Machine
from drivers.turnstile.device import TurnstileMachine
from drivers.types import (
    CancelRead,
    Close,
    CloseEntry,
    DeviceId,
    DeviceReady,
    OpenEntry,
    OpenExit,
    ReadDocument,
    SetDirection,
)
from firmware_cfg.profile import (
    Camera,
    ChipReader,
    Lane,
    MrzReader,
    Policy,
    Profile,
    Turnstile,
)
from gate_agent.core.invariants import watch
from gate_agent.core.messages import (
    Append,
    Appended,
    Checked,
    CheckLists,
    Command,
    Event,
    ListState,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    Wipe,
)
from gate_agent.core.onlooker import Ghost
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import Referred, initial
from gate_agent.identity import identity
from gate_agent.lane_api import Step
from gate_agent.loop import Loop, Mailbox, Turn
from gate_agent.recorder import Recorder, TraceHash
from gate_agent.vault import Vault
from gate_agent.view import step_of
from sim.cast import Passport
from sim.chip.pki import Country
from sim.kernel import MS, SECOND, Alarm, Kernel
from sim.links import Line, Peer, WiredDevice
from sim.play import Play
from sim.scenario import Scenario, ScenarioLane, Traveller, stream
from sim.stage import Stage
from sim.vision import Seen, SimVision
from sim.wire import Wire
from sync.envelope import Sealer
from sync.journal import Journal
from sync.keys import CentreKeys
from sync.types import RecordKind

APPEND_NS = 2 * MS
LISTS_NS = 5 * MS
LEASE_NS = 500 * MS
LEASE_VALID_NS = 2_000 * MS
ACTION_VALID_NS = 10 * SECOND
LATENCY_US = 200
OFFICER = "sim-officer"


class Violation(NamedTuple):
    """An invariant that a turn broke."""

    lane: int
    at_ns: int
    invariant: str


class Finish(NamedTuple):
    """How one crossing ended, as the FINISH record has it."""

    ticket: int
    outcome: str
    reasons: tuple[str, ...]
    spans_ms: dict[str, float]


def profile_of(lane: ScenarioLane) -> Profile:
    """The profile of a simulated lane: the defaults, marked as demo."""
    return Profile(
        lane=Lane(
            gate=f"sim-{lane.number}",
            site="sim",
            number=lane.number,
            direction=lane.direction,
            authority="Simulated authority",
            crossing_point="Simulated crossing point",
            demo=True,
        ),
        camera=Camera(source="sim"),
        mrz_reader=MrzReader(port="mrz"),
        chip_reader=ChipReader(port="chip"),
        turnstile=Turnstile(port="bus"),
        policy=Policy(pad_required=False),
    )


class VirtualLane:
    """One lane on the heap.

    Args:
        kernel: the virtual clock.
        scenario: what is played; `lane` is one of its lanes.
        country: issued every genuine passport, and is trusted.
        passport: issues a traveller's passport.
        folder: for the journal, and for traces.
        traced: whether to write a trace to the folder.
    """

    def __init__(
        self,
        kernel: Kernel,
        scenario: Scenario,
        lane: ScenarioLane,
        country: Country,
        passport: Callable[[Traveller], Passport],
        folder: Path,
        *,
        traced: bool = False,
    ) -> None:
        self.number = lane.number
        self.profile = profile_of(lane)
        self.finishes: list[Finish] = []
        self.violations: list[Violation] = []
        self._kernel = kernel
        self._scenario = scenario
        self._mailbox = Mailbox()
        self._vault = Vault()
        self._ghost = Ghost()
        self._turning: Alarm | None = None
        self._turning_ns = 0
        self._asked_ticket = 0
        seed, name = scenario.seed, f"lane{lane.number}"
        self.journal = Journal.open(
            folder / f"{name}.db",
            gate=self.profile.lane.gate,
            random=stream(seed, name, "journal").randbytes,
            sealer=Sealer(
                centre_keys_of(scenario).public.sealing, stream(seed, name, "seals").randbytes
            ),
            demo=True,
        )
        self.loop = Loop(initial(self.profile), self.profile)
        self._hash = TraceHash()
        self._recorder = Recorder(folder / "traces" / name, self.loop) if traced else None
        self._vision = SimVision(kernel, self._look, self.put)
        self.stage = Stage(
            self.profile.turnstile, stream(seed, name, "chips").randbytes, self._touched
        )
        self._make_devices(country, name)
        self.play = Play(scenario.cast(lane.number), passport, self.stage, seed, kernel.now_ns)

    @property
    def trace_sha256(self) -> str:
        """Hash over every instant, event and command of this lane so far."""
        return self._hash.trace_sha256

    @property
    def step(self) -> Step:
        """What the lane's display shows."""
        return step_of(self.loop.state)

    def start(self) -> None:
        """Power on."""
        now_ns = self._kernel.now_ns
        self.put(DeviceReady(device=DeviceId.JOURNAL))
        self.put(DeviceReady(device=DeviceId.VISION, identity="simulated"))
        for device in (self._reader, self._turnstile):
            device.open(now_ns)
        self._renew_lease(now_ns)
        self._act(now_ns)

    def close(self) -> None:
        """Close journal and trace."""
        self.journal.close()
        if self._recorder is not None:
            self._recorder.close()

    def put(self, event: Event) -> None:
        """An event enters the inbox now."""
        self._mailbox.put(event, self._kernel.now_ns)
        self._plan(self._kernel.now_ns)

    # --- the loop ---------------------------------------------------------------------

    def _plan(self, when_ns: int | None) -> None:
        """Turn at this time, unless a turn is planned no later than that."""
        if when_ns is None:
            return
        if self._turning is not None and self._turning.pending:
            if self._turning_ns <= when_ns:
                return
            self._turning.cancel()
        self._turning_ns = when_ns
        self._turning = self._kernel.at(when_ns, self._turn)

    def _turn(self, now_ns: int) -> None:
        taken = self._mailbox.take(now_ns, self.loop.due_ns)
        if taken is not None:
            done = self.loop.turn(*taken)
            self._record(done)
            for command in done.commands:
                self._submit(command, now_ns)
            self._ask_officer(now_ns)
        self._plan(now_ns if len(self._mailbox) else self.loop.due_ns)

    def _record(self, done: Turn) -> None:
        self._hash.add(done)
        if self._recorder is not None:
            self._recorder(done)
        self._ghost, broken = watch(
            self._ghost,
            done.before,
            done.event,
            done.after,
            done.commands,
            done.at_ns,
            self.profile,
        )
        self.violations += [Violation(self.number, done.at_ns, name) for name in broken]

    def _submit(self, command: Command, now_ns: int) -> None:
        match command:
            case ReadDocument() | CancelRead():
                self._reader.command(command, now_ns)
            case OpenExit() | Close() | OpenEntry() | CloseEntry() | SetDirection():
                self._turnstile.command(command, now_ns)
            case Prepare() | StartVerify() | StopVerify():
                self._vision.command(command, now_ns)
            case CheckLists(ticket=ticket):
                answer = Checked(ticket=ticket, state=ListState.NO_LIST, list_age_s=None)
                self._kernel.at(now_ns + LISTS_NS, lambda _: self.put(answer))
            case Append():
                self._append(command, now_ns)
            case Wipe(ticket=ticket):
                self._reader.wipe(ticket)
                self._vision.wipe(ticket)
                self._vault.wipe(ticket)

    # --- devices ----------------------------------------------------------------------

    def _make_devices(self, country: Country, name: str) -> None:
        seed, profile = self._scenario.seed, self.profile
        anchors = TrustStore([parse_certificate(country.csca.certificate.der)], accept_demo=True)
        today = self._scenario.start.date()
        reader = PassportReader(
            profile.mrz_reader,
            profile.chip_reader,
            trust=anchors,
            random=stream(seed, name, "reader").randbytes,
            at=lambda: today,
        )
        peers: dict[str, Peer] = {"mrz": self.stage.mrz, "chip": self.stage.chip}
        bauds = {"mrz": profile.mrz_reader.baud, "chip": profile.chip_reader.baud}
        lines = {
            port: Line(
                peer, self._wire(name, port, bauds[port]), self._wire(name, port, bauds[port])
            )
            for port, peer in peers.items()
        }
        self._reader = self._wired(reader, lines)
        baud = profile.turnstile.baud
        bus = Line(
            self.stage.turnstile, self._wire(name, "bus", baud), self._wire(name, "bus", baud)
        )
        self._turnstile = self._wired(TurnstileMachine(profile.turnstile), {"bus": bus})

    def _wire(self, name: str, port: str, baud: int) -> Wire:
        rng = stream(self._scenario.seed, name, "wire", port)
        return Wire(baud, rng, latency_us=LATENCY_US)

    def _wired(self, machine: Machine, lines: dict[str, Line]) -> WiredDevice:
        return WiredDevice(self._kernel, machine, lines, self._emitted)

    def _emitted(self, emission: Emission) -> None:
        if emission.payload:
            self._vault.put(emission.event.ticket, emission.payload)
        self.put(emission.event)

    def _touched(self, port: str) -> None:
        (self._turnstile if port == "bus" else self._reader).touch()

    def _look(self) -> Seen | None:
        stand, actor = self.stage.stand, self.play.actor
        if stand is None or actor is None or stand.approach(self._kernel.now_ns) < 1.0:
            return None
        return Seen(stand.face, actor.rng)

    # --- the journal --------------------------------------------------------------------

    def _append(self, command: Append, now_ns: int) -> None:
        holder = None
        if command.holder is not None:
            text = self._vault.get(command.holder)
            holder = identity(text, self._scenario.start.date()) if text else None
        record = self.journal.append(
            command.kind,
            command.ticket,
            now_ns,
            utc_text(self._scenario, now_ns),
            msgspec.to_builtins(command.facts),
            holder,
        )
        if command.kind is RecordKind.FINISH:
            facts = command.facts
            self.finishes.append(
                Finish(
                    command.ticket,
                    str(facts["outcome"]),
                    tuple(facts["reasons"]),
                    dict(facts["spans_ms"]),
                )
            )
        done = Appended(ticket=command.ticket, kind=command.kind, seq=record.seq)
        self._kernel.at(now_ns + APPEND_NS, lambda _: self.put(done))

    # --- people -------------------------------------------------------------------------

    def _renew_lease(self, now_ns: int) -> None:
        self.put(OfficerPresent(officer=OFFICER, until_ns=now_ns + LEASE_VALID_NS))
        self._kernel.at(now_ns + LEASE_NS, self._renew_lease)

    def _act(self, now_ns: int) -> None:
        self.play.expire(now_ns, self.step)
        due_ns = self.play.due_ns
        if due_ns is not None:
            self._kernel.at(due_ns, self._act)

    def _ask_officer(self, now_ns: int) -> None:
        crossing, actor = self.loop.state.crossing, self.play.actor
        if not isinstance(crossing, Referred) or actor is None:
            return
        officer = actor.traveller.officer
        ticket = crossing.dossier.ticket
        if ticket == self._asked_ticket or officer.action == "ignore":
            return
        self._asked_ticket = ticket
        action = OfficerAction(officer.action)
        self._kernel.at(
            now_ns + officer.after_ms * MS,
            lambda then_ns: self._decide(ticket, action, officer.reason, then_ns),
        )

    def _decide(self, ticket: int, action: OfficerAction, reason: str, now_ns: int) -> None:
        crossing = self.loop.state.crossing
        if not isinstance(crossing, Referred) or crossing.dossier.ticket != ticket:
            return
        decided = OfficerDecided(
            ticket=ticket,
            officer=OFFICER,
            action=action,
            reason=reason,
            evidence_sha256=evidence_sha256(crossing),
            expires_at_ns=now_ns + ACTION_VALID_NS,
        )
        self.put(decided)


def centre_keys_of(scenario: Scenario) -> CentreKeys:
    """The central system's keys of a scenario, from its seed."""
    return CentreKeys.generate(stream(scenario.seed, "centre key").randbytes)


def utc_text(scenario: Scenario, now_ns: int) -> str:
    """RFC 3339 with milliseconds for a virtual time."""
    at = scenario.start.astimezone(datetime.UTC) + datetime.timedelta(milliseconds=now_ns // MS)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
