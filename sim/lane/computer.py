"""The computer of a virtual lane, from one start to the next power cut.

Nothing of the lane's software is replaced: the loop turns once per event, the drivers see bytes
on wires, records are durable in a real journal. Vision alone is played, by the scenario.
"""

from __future__ import annotations

from typing import Protocol

from biometrics.types import Prepare, StartVerify, StopVerify
from drivers.camera.aim import FacePosition
from drivers.camera.column import ColumnMachine
from drivers.passport.reader.passport_reader import PassportReader
from drivers.ports import Emission
from drivers.turnstile.machine import PlantMachine
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
from firmware_cfg.profile import Profile
from gate_agent.core.facts import FinishFacts
from gate_agent.core.messages import Append, Appended, Checked, CheckLists, Command, Event, Wipe
from gate_agent.core.states import State, initial
from gate_agent.lists.device import ListsDevice
from gate_agent.loop import Loop, Mailbox, Turn
from gate_agent.records.vault import Vault
from sim.devices.vision import SeenTraveller, SimVision
from sim.lane.compose import World
from sim.lane.journal import SimJournal
from sim.lane.lane_reader import LaneReader
from sim.wires.kernel import MS, Alarm
from sim.wires.links import Line, WiredDevice
from sim.wires.skipped_polls import PolledPeer, QuietDevice

LISTS_NS = 5 * MS


class Owner(Protocol):
    """What a computer asks of the lane that it stands in."""

    def make_loop(self, state: State) -> Loop:
        """The core and its guard."""

    def make_reader(self) -> PassportReader:
        """The passport reader."""

    def make_turnstile(self) -> PlantMachine:
        """The driver of turnstile or doors."""

    def look(self) -> SeenTraveller | None:
        """Who is before the camera now."""

    def usable(self) -> bool:
        """Whether the portrait read last can be decoded."""

    def turned(self, done: Turn) -> None:
        """The core has taken a turn; its commands are not yet carried out."""

    def commanded(self, command: Command) -> None:
        """A command is about to be carried out."""

    def finished(self, ticket: int, facts: FinishFacts, now_ns: int) -> None:
        """A FINISH record is durable."""

    def acted(self, now_ns: int) -> None:
        """The commands of a turn are carried out."""

    def rested(self) -> None:
        """There is nothing more to do now."""


class LaneComputer:
    """The software of one lane, and the near ends of its wires.

    Args:
        owner: the lane.
        world: what all lanes share.
        profile: of the lane.
        journal: of the lane; opened here.
        on_reader: wires the passport reader.
        lines: by port.
        polled: the far end of the bus, where polls that repeat may be skipped.

    Attributes:
        up: whether it has power.
        loop: the production core.
        reader, bus: the production drivers of readers and plant on their wires.
        column: that of the camera column, if there is one.
    """

    def __init__(
        self,
        owner: Owner,
        world: World,
        profile: Profile,
        journal: SimJournal,
        on_reader: LaneReader,
        lines: dict[str, Line],
        polled: PolledPeer | None,
    ) -> None:
        self._owner = owner
        self._kernel = world.kernel
        self._journal = journal
        self._mailbox = Mailbox()
        self._vault = Vault()
        self._lists = ListsDevice(self._listed)
        self._turning: Alarm | None = None
        self._turning_ns = 0
        self.up = False
        journal.open()
        self.loop = owner.make_loop(initial(profile, *journal.tickets, journal.kept))
        self._vision = SimVision(
            world.kernel, owner.look, self.put, owner.usable, follow=self._follow
        )
        reader_lines = {port: lines[port] for port in ("mrz", "chip")}
        self.reader = on_reader.wired(owner.make_reader(), reader_lines, self._emitted)
        machine, bus = owner.make_turnstile(), lines["bus"]
        self.bus: WiredDevice
        if world.every_byte or polled is None:
            self.bus = WiredDevice(world.kernel, machine, {"bus": bus}, self._emitted)
        else:
            self.bus = QuietDevice(world.kernel, machine, "bus", bus, polled, self._emitted)
        self.column: WiredDevice | None = None
        if profile.camera.column is not None:
            column = ColumnMachine(profile.camera.column)
            # What a column reports is logged and no more, as in the vision process.
            line = {"column": lines["column"]}
            self.column = WiredDevice(world.kernel, column, line, lambda _emission: None)

    @property
    def _devices(self) -> tuple[WiredDevice, ...]:
        devices = (self.reader, self.bus)
        return devices if self.column is None else (*devices, self.column)

    def start(self, now_ns: int) -> None:
        """Power on."""
        self.up = True
        self.put(DeviceReady(device=DeviceId.JOURNAL))
        self.put(DeviceReady(device=DeviceId.VISION, identity="simulated"))
        for device in self._devices:
            device.open(now_ns)

    def stop(self, now_ns: int) -> None:
        """The power is lost, and everything with it that is not in the journal."""
        self.up = False
        for device in self._devices:
            device.stop(now_ns)
        self._vision.stop()
        if self._turning is not None:
            self._turning.cancel()

    def put(self, event: Event) -> None:
        """An event enters the inbox now, unless the power is off."""
        if self.up:
            self._mailbox.put(event, self._kernel.now_ns)
            self._plan(self._kernel.now_ns)

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
            self._owner.turned(done)
            for command in done.commands:
                self._owner.commanded(command)
                self._submit(command, now_ns)
            self._owner.acted(now_ns)
        self._plan(now_ns if len(self._mailbox) else self.loop.due_ns)
        self._owner.rested()

    def _submit(self, command: Command, now_ns: int) -> None:
        match command:
            case ReadDocument() | CancelRead():
                self.reader.command(command, now_ns)
            case OpenExit() | Close() | OpenEntry() | CloseEntry() | SetDirection():
                self.bus.command(command, now_ns)
            case Prepare() | StartVerify() | StopVerify():
                self._vision.command(command, now_ns)
            case CheckLists():
                self._lists.command(command)
            case Append():
                self._append(command, now_ns)
            case Wipe(ticket=ticket):
                self.reader.wipe(ticket)
                self._vision.wipe(ticket)
                self._vault.wipe(ticket)

    def _append(self, command: Append, now_ns: int) -> None:
        holder = self._vault.get(command.holder) if command.holder is not None else None
        answer_ns, answer = self._journal.append(command, holder, now_ns)
        self._later(answer_ns, answer)
        facts = command.facts
        if isinstance(facts, FinishFacts) and isinstance(answer, Appended):
            self._owner.finished(command.ticket, facts, now_ns)

    def _later(self, at_ns: int, event: Event) -> None:
        """Put an event later, unless the power is lost meanwhile."""
        self._kernel.at(at_ns, lambda _now_ns: self.put(event))

    # --- devices ------------------------------------------------------------------------

    def _emitted(self, emission: Emission) -> None:
        if emission.payload:
            self._vault.put(emission.event.ticket, emission.payload)
        self.put(emission.event)

    def _listed(self, answer: Checked) -> None:
        self._later(self._kernel.now_ns + LISTS_NS, answer)

    def _follow(self, place: FacePosition, now_ns: int) -> None:
        if self.column is not None:
            self.column.command(place, now_ns)
