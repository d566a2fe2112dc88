"""The virtual lane: simulated hardware, people, and the computer between them, on the heap.

A power cut takes the computer away (`sim.lane.computer`); the hardware, the people, the officer
and what the run keeps of the lane (`sim.lane.history`) stay.
"""

from __future__ import annotations

import datetime
import random

from drivers.passport.reader.passport_reader import PassportReader
from drivers.turnstile.machine import PlantMachine
from drivers.types import DeviceFailed, DeviceId, DeviceReady
from firmware_cfg.codes import Code
from gate_agent.core.facts import FinishFacts
from gate_agent.core.messages import Command, Event
from gate_agent.core.states import State
from gate_agent.lane_api.api import Step
from gate_agent.lane_api.view import step_of
from gate_agent.loop import Loop, Turn
from sim.devices.column import SimColumn
from sim.devices.column_view import place_of
from sim.devices.swing_gate import SimSwingGate
from sim.devices.vision import SeenTraveller
from sim.lane.compose import World, make_lines, make_turnstile, profile_of, stage_of, utc
from sim.lane.computer import LaneComputer
from sim.lane.history import LaneHistory
from sim.lane.journal import SimJournal
from sim.lane.lane_reader import LaneReader
from sim.people.play import Play
from sim.people.virtual_officer import VirtualOfficer
from sim.scenario.scenario import ScenarioLane, stream
from sim.wires.links import WiredDevice
from sim.wires.wire import WireFaults

UNUSABLE = frozenset({"garbled_portrait", "huge_portrait"})
"""Portraits that vision cannot decode; on the virtual clock decoding is not tried."""


class VirtualLane:
    """One lane on the heap.

    Attributes:
        journal: survives every power cut, as a disk does.
        computer: the present one, or the last one while the power is off.
    """

    def __init__(self, world: World, lane: ScenarioLane) -> None:
        scenario, name = world.scenario, f"lane{lane.number}"
        self.number = lane.number
        self.profile = profile_of(scenario, lane)
        self._world = world
        self._kernel = world.kernel
        self._trusted = True
        self.history = LaneHistory(world, lane.number, self.profile)
        self._on_reader = LaneReader(world, self.profile, name, self._now)
        self.journal = SimJournal(world, lane.number, self.profile.lane, self.history.witness.note)
        self.stage = stage_of(self.profile.lane.topology)(
            self.profile.turnstile,
            stream(scenario.seed, name, "chips").randbytes,
            self._touched,
            self._touching,
            self._on_reader.chip_of,
        )
        settings = self.profile.camera.column
        self.column = SimColumn(address=settings.address) if settings is not None else None
        self._lines = make_lines(self.stage, self.column, self.profile, scenario.seed, name)
        self.play = Play(
            scenario.cast(lane.number),
            world.passport,
            self.stage,
            scenario.seed,
            world.start_ns,
            queue=world.queue,
        )
        model = scenario.officer
        self.officer = VirtualOfficer(
            self._kernel, model, lambda: self.computer.loop.state, self.put
        )
        self.computer = self._build()

    @property
    def step(self) -> Step:
        """What the lane's display shows."""
        return step_of(self.computer.loop.state) if self.computer.up else Step.CLOSED

    @property
    def carried_bytes(self) -> int:
        """Bytes that went over the lane's wires."""
        return sum(
            line.to_peer.carried_bytes + line.to_machine.carried_bytes
            for line in self._lines.values()
        )

    def start(self) -> None:
        """Power on, and let people come."""
        self.computer.start(self._kernel.now_ns)
        self.officer.start()
        self._act(self._kernel.now_ns)

    def close(self) -> None:
        """Close journal and trace."""
        self.journal.close()
        self.history.close()

    def put(self, event: Event) -> None:
        """An event enters the inbox now, unless the power is off."""
        self.computer.put(event)

    # --- the computer (`sim.lane.computer.Owner`) -----------------------------------------

    def _build(self) -> LaneComputer:
        plant = self.stage.bus
        # A swing gate's driver asks twice and compares: such a poll is not one that can be skipped.
        polled = None if isinstance(plant, SimSwingGate) else plant
        computer = LaneComputer(
            self,
            self._world,
            self.profile,
            self.journal,
            self._on_reader,
            self._lines,
            polled,
        )
        self.history.open(computer.loop)
        return computer

    def make_loop(self, state: State) -> Loop:
        """The production core and its guard."""
        return Loop(state, self.profile)

    def make_reader(self) -> PassportReader:
        """The production passport reader."""
        return self._on_reader.machine()

    def make_turnstile(self) -> PlantMachine:
        """The production driver of turnstile or doors."""
        return make_turnstile(self.profile)

    def turned(self, done: Turn) -> None:
        """The core has taken a turn; its commands are not yet carried out."""
        self.history.turned(done, self.step)

    def commanded(self, command: Command) -> None:
        """A command is about to be carried out."""
        self.history.commanded(command, self.play.actor)

    def finished(self, ticket: int, facts: FinishFacts, now_ns: int) -> None:
        """A FINISH record is durable."""
        self.history.finished(ticket, facts, now_ns)

    def acted(self, now_ns: int) -> None:
        """The commands of a turn are carried out: the officer sees what the lane shows."""
        actor = self.play.actor
        self.officer.look(actor.traveller if actor is not None else None, now_ns)

    def rested(self) -> None:
        """There is nothing more to do now: the run may be over."""
        if self.play.over:
            self._world.settled()

    def usable(self) -> bool:
        """Whether the portrait read last can be decoded."""
        actor = self.play.actor
        return actor is None or not UNUSABLE & {*actor.traveller.document.forgeries}

    def look(self) -> SeenTraveller | None:
        """Who is before the camera now."""
        stand, actor = self.stage.stand, self.play.actor
        if self.stage.dark or stand is None or actor is None:
            return None
        if stand.approach(self._kernel.now_ns) < 1.0:
            return None
        settings = self.profile.camera.column
        if self.column is None or settings is None:
            return SeenTraveller(stand.face, actor.rng)
        place = place_of(stand.face.height_cm, self.column, settings)
        return SeenTraveller(stand.face, actor.rng, place) if place is not None else None

    def _now(self) -> datetime.datetime | None:
        if not self._trusted:
            return None
        return utc(self._world.scenario, self._kernel.now_ns, self.journal.jump_s)

    # --- people -------------------------------------------------------------------------

    def _wired(self, device: str) -> WiredDevice:
        return self.computer.bus if device == "bus" else self.computer.reader

    def _touching(self, port: str) -> None:
        self._wired(port).rouse(self._kernel.now_ns)
        if port != "bus":
            self._on_reader.clear()

    def _touched(self, port: str) -> None:
        self._wired(port).touch()

    def _act(self, now_ns: int) -> None:
        present = self.play.present
        self.play.expire(now_ns, self.step)
        here = self.play.present
        if here is not present:
            self.history.witness.note(now_ns, "person", here.name if here is not None else "")
        due_ns = self.play.due_ns
        if due_ns is not None:
            self._kernel.at(due_ns, self._act)

    # --- what breaks (`sim.lane.fault_actions.Operation`, `Computer`) ----------------------

    def power(self, now_ns: int, *, on: bool) -> None:
        """The lane's computer loses its power, or gets it back; the hardware goes on."""
        if on and not self.computer.up:
            self.history.witness.forget()
            self.computer = self._build()
            self.computer.start(now_ns)
        elif not on and self.computer.up:
            self.computer.stop(now_ns)
            self.close()
            self.history.witness.power_lost(now_ns)

    def noise(self, device: str, faults: WireFaults, rng: random.Random, now_ns: int) -> None:
        """Change what goes wrong on the lines of `bus` or `reader`."""
        wired = self._wired(device)
        wired.rouse(now_ns)
        for line in wired.lines.values():
            line.to_peer.set_faults(faults, rng)
            line.to_machine.set_faults(faults, rng)
        wired.touch()

    def plug(self, device: str, now_ns: int, *, plugged: bool) -> None:
        """Pull the plug of `bus` or `reader`, or put it back."""
        wired = self._wired(device)
        if plugged:
            wired.replug(now_ns, running=self.computer.up)
        else:
            wired.unplug(now_ns, running=self.computer.up)

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
        self.journal.late_ms = self.journal.late_ms if late_ms is None else late_ms
        if full is not None:
            self.journal.full = full
            if not full:
                self.put(DeviceReady(device=DeviceId.JOURNAL))

    def clock(self, *, jump_s: int | None = None, trusted: bool | None = None) -> None:
        """The wall clock jumps, or is not to be trusted, or is in order again."""
        self.journal.jump_s = self.journal.jump_s if jump_s is None else jump_s
        self._trusted = self._trusted if trusted is None else trusted
