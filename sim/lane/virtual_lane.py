"""The virtual lane: the real core, drivers and journal on the heap, simulated hardware behind.

Nothing of the lane's software is replaced: the loop turns once per event, the drivers see
bytes on wires, records are durable in a real journal. Vision alone is played, by the
scenario. A power cut takes away everything that `_build` makes; the hardware stays.
"""

from __future__ import annotations

import datetime
import random
from collections import deque

from biometrics.types import Prepare, StartVerify, StopVerify
from drivers.passport.reader.passport_reader import PassportReader
from drivers.ports import Emission
from drivers.turnstile.machine import PlantMachine
from drivers.types import (
    CancelRead,
    Close,
    CloseEntry,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    OpenEntry,
    OpenExit,
    ReadDocument,
    SetDirection,
)
from firmware_cfg.codes import Code
from gate_agent.core.facts import FinishFacts
from gate_agent.core.messages import (
    Append,
    Appended,
    CheckLists,
    Command,
    Event,
    Wipe,
)
from gate_agent.core.states import State, initial
from gate_agent.lane_api.api import Step
from gate_agent.lane_api.view import step_of
from gate_agent.lists.device import ListsDevice
from gate_agent.loop import Loop, Mailbox, Turn
from gate_agent.records.recorder import Recorder, TraceHash
from gate_agent.records.vault import Vault
from sim.devices.vision import Seen, SimVision
from sim.lane.compose import (
    Finish,
    World,
    make_lines,
    make_turnstile,
    profile_of,
    stage_of,
    utc,
)
from sim.lane.journal import Desk, finish_of
from sim.lane.lane_reader import LaneReader
from sim.lane.witness import Witness
from sim.people.play import Play
from sim.people.traveller import Person
from sim.people.virtual_officer import VirtualOfficer
from sim.scenario.scenario import ScenarioLane, stream
from sim.wires.kernel import MS, Alarm
from sim.wires.links import WiredDevice
from sim.wires.skipped_polls import QuietDevice
from sim.wires.wire import WireFaults
from sync.log.types import RecordKind

LISTS_NS = 5 * MS
MAX_KEPT = 20_000
UNUSABLE = frozenset({"garbled_portrait", "huge_portrait"})
"""Portraits that vision cannot decode; on the virtual clock nobody tries."""


class VirtualLane:
    """One lane on the heap: hardware, wires, people, and the computer between them."""

    def __init__(self, world: World, lane: ScenarioLane) -> None:
        scenario = world.scenario
        self.number = lane.number
        self.profile = profile_of(scenario, lane)
        self.witness = Witness(lane.number, self.profile, world.timeline, world.start_ns)
        self._world = world
        self._kernel = world.kernel
        self._scenario = scenario
        self._name = f"lane{lane.number}"
        self.finishes: deque[Finish] = deque(maxlen=MAX_KEPT)
        self._who: dict[int, Person] = {}
        self._hash = TraceHash()
        self._recorder: Recorder | None = None
        self._trusted = True
        self._on_reader = LaneReader(world, self.profile, self._name, self._today)
        self.desk = Desk(world, lane.number, self.profile.lane.gate, self.witness)
        self.stage = stage_of(self.profile.lane.topology)(
            self.profile.turnstile,
            stream(scenario.seed, self._name, "chips").randbytes,
            self._touched,
            self._touching,
            self._on_reader.chip_of,
        )
        self._lines = make_lines(self.stage, self.profile, scenario.seed, self._name)
        self.play = Play(
            scenario.cast(lane.number),
            world.passport,
            self.stage,
            scenario.seed,
            world.start_ns,
            queue=world.queue,
        )
        model = scenario.officer
        self.officer = VirtualOfficer(self._kernel, model, lambda: self.loop.state, self.put)
        self._boots, self._up = 0, False
        self.bus: WiredDevice
        self._build()

    @property
    def trace_sha256(self) -> str:
        """Hash over every instant, event and command of this lane so far."""
        return self._hash.trace_sha256

    @property
    def step(self) -> Step:
        """What the lane's display shows."""
        return step_of(self.loop.state) if self._up else Step.CLOSED

    @property
    def carried_bytes(self) -> int:
        """Bytes that went over the lane's wires."""
        return sum(
            line.to_peer.carried_bytes + line.to_machine.carried_bytes
            for line in self._lines.values()
        )

    def start(self) -> None:
        """Power on, and let people come."""
        self._power_on(self._kernel.now_ns)
        self.officer.start()
        self._act(self._kernel.now_ns)

    def close(self) -> None:
        """Close journal and trace."""
        self.desk.close()
        if self._recorder is not None:
            self._recorder.close()

    def put(self, event: Event) -> None:
        """An event enters the inbox now; nobody hears it while the computer is off."""
        if self._up:
            self._mailbox.put(event, self._kernel.now_ns)
            self._plan(self._kernel.now_ns)

    # --- the computer -------------------------------------------------------------------

    def _build(self) -> None:
        """Everything that a power cut takes away."""
        name, folder = self._name, self._world.folder
        self._boots += 1
        self._mailbox = Mailbox()
        self._vault = Vault()
        self._lists = ListsDevice(
            lambda checked: self._later(self._kernel.now_ns + LISTS_NS, checked)
        )
        self._turning: Alarm | None = None
        self._turning_ns = 0
        self.desk.open()
        journal = self.desk.journal
        state = initial(
            self.profile,
            tuple(journal.unfinished_tickets()),
            journal.last_ticket() + 1,
        )
        self.loop = self.make_loop(state)
        if self._world.traced:
            self._recorder = Recorder(folder / "traces" / name, self.loop)
        self._vision = SimVision(self._kernel, self._look, self.put, self._usable)
        lines = {port: self._lines[port] for port in ("mrz", "chip")}
        self.reader = self._on_reader.wired(self.make_reader(), lines, self._emitted)
        machine, bus = self.make_turnstile(), self._lines["bus"]
        plant = self.stage.bus
        if self._world.every_byte:
            self.bus = WiredDevice(self._kernel, machine, {"bus": bus}, self._emitted)
        else:
            self.bus = QuietDevice(self._kernel, machine, "bus", bus, plant, self._emitted)

    def make_loop(self, state: State) -> Loop:
        """The production core and its guard."""
        return Loop(state, self.profile)

    def make_reader(self) -> PassportReader:
        """The production passport reader."""
        return self._on_reader.machine()

    def make_turnstile(self) -> PlantMachine:
        """The production driver of turnstile or doors."""
        return make_turnstile(self.profile)

    def _power_on(self, now_ns: int) -> None:
        self._up = True
        self.put(DeviceReady(device=DeviceId.JOURNAL))
        self.put(DeviceReady(device=DeviceId.VISION, identity="simulated"))
        for device in (self.reader, self.bus):
            device.open(now_ns)

    def power(self, now_ns: int, *, on: bool) -> None:
        """The lane's computer loses its power, or gets it back; the hardware goes on."""
        if on and not self._up:
            self.witness.forget()
            self._build()
            self._power_on(now_ns)
        elif not on and self._up:
            self._up = False
            for device in (self.reader, self.bus):
                device.stop(now_ns)
            self._vision.stop()
            if self._turning is not None:
                self._turning.cancel()
            self.close()
            self._recorder = None
            self.witness.power_lost(now_ns)

    # --- the loop -----------------------------------------------------------------------

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
            actor = self.play.actor
            self.officer.look(actor.traveller if actor is not None else None, now_ns)
        self._plan(now_ns if len(self._mailbox) else self.loop.due_ns)
        if self.play.over:
            self._world.settled()

    def _record(self, done: Turn) -> None:
        self._hash.add(done)
        if self._recorder is not None:
            self._recorder(done)
        self.witness.watch(done, self.step)

    def _submit(self, command: Command, now_ns: int) -> None:
        match command:
            case ReadDocument() | CancelRead():
                actor = self.play.actor
                if actor is not None and isinstance(command, ReadDocument):
                    self._who[command.ticket] = actor
                self.reader.command(command, now_ns)
            case OpenExit() | Close() | OpenEntry() | CloseEntry() | SetDirection():
                self.bus.command(command, now_ns)
            case Prepare() | StartVerify() | StopVerify():
                self._vision.command(command, now_ns)
            case CheckLists():
                self._lists.command(command)
            case Append():
                if command.kind is RecordKind.DECISION and self.play.actor is not None:
                    self._who.setdefault(command.ticket, self.play.actor)
                holder = self._vault.get(command.holder) if command.holder is not None else None
                answer_ns, answer = self.desk.append(command, holder, now_ns)
                self._later(answer_ns, answer)
                facts = command.facts
                if isinstance(facts, FinishFacts) and isinstance(answer, Appended):
                    actor = self._who.pop(command.ticket, None)
                    finish = finish_of(command.ticket, facts, actor, now_ns)
                    self.finishes.append(finish)
                    self.witness.finished(finish, now_ns)
                    self._world.ended(self.number, finish)
            case Wipe(ticket=ticket):
                self.reader.wipe(ticket)
                self._vision.wipe(ticket)
                self._vault.wipe(ticket)

    def _later(self, at_ns: int, event: Event) -> None:
        """Put an event later, unless the computer has lost its power meanwhile."""
        boot = self._boots

        def put(_now_ns: int) -> None:
            if self._boots == boot:
                self.put(event)

        self._kernel.at(at_ns, put)

    # --- devices ------------------------------------------------------------------------

    def _today(self) -> datetime.date | None:
        if not self._trusted:
            return None
        return utc(self._scenario, self._kernel.now_ns, self.desk.jump_s).date()

    def _emitted(self, emission: Emission) -> None:
        if emission.payload:
            self._vault.put(emission.event.ticket, emission.payload)
        self.put(emission.event)

    def _touching(self, port: str) -> None:
        if port == "bus":
            self.bus.rouse(self._kernel.now_ns)
        else:
            self.reader.rouse(self._kernel.now_ns)
            self._on_reader.clear()

    def _touched(self, port: str) -> None:
        (self.bus if port == "bus" else self.reader).touch()

    def _usable(self) -> bool:
        actor = self.play.actor
        return actor is None or not UNUSABLE & {*actor.traveller.document.forgeries}

    def _look(self) -> Seen | None:
        stand, actor = self.stage.stand, self.play.actor
        if self.stage.dark or stand is None or actor is None:
            return None
        if stand.approach(self._kernel.now_ns) < 1.0:
            return None
        return Seen(stand.face, actor.rng)

    # --- people -------------------------------------------------------------------------

    def _act(self, now_ns: int) -> None:
        present = self.play.present
        self.play.expire(now_ns, self.step)
        here = self.play.present
        if here is not present:
            self.witness.tell(now_ns, "person", here.name if here is not None else "")
        due_ns = self.play.due_ns
        if due_ns is not None:
            self._kernel.at(due_ns, self._act)

    # --- what goes wrong ----------------------------------------------------------------

    def noise(self, device: str, faults: WireFaults, rng: random.Random, now_ns: int) -> None:
        """Change what goes wrong on the lines of `bus` or `reader`."""
        wired = self.bus if device == "bus" else self.reader
        wired.rouse(now_ns)
        for line in wired.lines.values():
            line.to_peer.set_faults(faults, rng)
            line.to_machine.set_faults(faults, rng)
        wired.touch()

    def plug(self, device: str, now_ns: int, *, plugged: bool) -> None:
        """Pull the plug of `bus` or `reader`, or put it back."""
        wired = self.bus if device == "bus" else self.reader
        if plugged:
            wired.replug(now_ns, running=self._up)
        else:
            wired.unplug(now_ns, running=self._up)

    def camera(self, *, failed: bool) -> None:
        """The camera fails, or works again."""
        if failed:
            self.put(
                DeviceFailed(
                    device=DeviceId.VISION,
                    code=Code.NO_ANSWER,
                    retryable=True,
                    diagnosis="the camera gives no pictures",
                )
            )
        else:
            self.put(DeviceReady(device=DeviceId.VISION, identity="simulated"))

    def disk(self, *, full: bool | None = None, late_ms: int | None = None) -> None:
        """The journal's disk is full, or slow, or in order again."""
        self.desk.late_ms = self.desk.late_ms if late_ms is None else late_ms
        if full is not None:
            self.desk.full = full
            if not full:
                self.put(DeviceReady(device=DeviceId.JOURNAL))

    def clock(self, *, jump_s: int | None = None, trusted: bool | None = None) -> None:
        """The wall clock jumps, or is not to be trusted, or is in order again."""
        self.desk.jump_s = self.desk.jump_s if jump_s is None else jump_s
        self._trusted = self._trusted if trusted is None else trusted
