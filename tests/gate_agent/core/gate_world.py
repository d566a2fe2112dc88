"""A lane for tests: a profile, the events of a genuine crossing, and a loop to drive."""

from __future__ import annotations

import msgspec

from biometrics.types import LivenessState, Observation, Observed, PortraitPrepared
from drivers.types import (
    ActuationDone,
    Check,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    Flag,
    MrzRead,
    PlantChanged,
    PortraitRead,
    Result,
    Zone,
)
from firmware_cfg.profile import Policy, Profile
from gate_agent.core.messages import (
    Append,
    Checked,
    Command,
    Event,
    ListState,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    Tick,
)
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import REQUIRED_DEVICES, Referred, initial, replace, ticket_of
from gate_agent.loop import Loop, Turn
from gate_agent.safety import scene
from gate_agent.safety.scene import ADULT, BARRIER, BARRIER_AT_REST, MODELS, MS, T0
from sync.log.types import Appended, RecordKind

PROFILE = replace(BARRIER, lane=replace(BARRIER.lane, reversible=False), policy=Policy())
REST = replace(BARRIER_AT_REST, passages_exit=7)

GOOD_CHECKS = tuple(
    Check(id=f"{name}.DG1" if name == "dg_hash" else name, result=Result.SUCCESSFUL)
    for name in Policy().mandatory_checks
)


def frame(
    *,
    score: float = 0.9,
    faces: int = 1,
    ok: bool = True,
    live: LivenessState = LivenessState.BONA_FIDE,
    compared: bool = True,
    fmr: float = 1e-3,
) -> Observation:
    """The genuine traveller's frame, but for what is said."""
    seen = scene.frame(live)
    return replace(
        seen,
        faces=faces,
        quality=(replace(seen.quality[0], ok=ok),),
        match=replace(seen.match, score=score, fmr=fmr) if compared else None,
    )


class World:
    """A loop with a clock in the hand and a plant that can be changed."""

    def __init__(self, profile: Profile = PROFILE, loop: Loop | None = None) -> None:
        self.now = T0
        self.plant = REST
        self.loop = loop or Loop(initial(profile), profile)
        self.sent: list[Command] = []
        self.turns: list[Turn] = []

    @property
    def state(self):
        return self.loop.state

    @property
    def ticket(self) -> int:
        return ticket_of(self.state.crossing)

    @property
    def step(self) -> str:
        return type(self.state.crossing).__name__

    def put(self, event: Event) -> tuple[Command, ...]:
        done = self.loop.turn(self.now, event)
        self.turns.append(done)
        self.sent.extend(done.commands)
        return done.commands

    def later(self, ms: float) -> None:
        """Let time pass on a lane whose plant is read and whose lease is renewed."""
        end = self.now + int(ms * MS)
        while self.now < end:
            self.now = min(end, self.now + 200 * MS)
            self.put(PlantChanged(plant=replace(self.plant, read_at_ns=self.now)))
            self.lease()
            due = self.loop.due_ns
            if due is not None and due <= self.now:
                self.put(Tick())

    def move(self, **changes) -> tuple[Command, ...]:
        self.plant = replace(self.plant, read_at_ns=self.now, **changes)
        return self.put(PlantChanged(plant=self.plant))

    def lease(self) -> tuple[Command, ...]:
        return self.put(OfficerPresent(officer="o1", until_ns=self.now + 2_000 * MS))

    def serve(self) -> None:
        """Power-on to AUTO."""
        for device in REQUIRED_DEVICES:
            self.put(DeviceReady(device=device))
        self.lease()
        self.move()

    def present(self) -> None:
        self.move(zone=Zone.ONE)
        self.put(DocumentPresented())

    def read(self, checks=GOOD_CHECKS, attributes=ADULT) -> None:
        ticket = self.ticket
        self.put(MrzRead(ticket=ticket, attributes=attributes, holder="h"))
        self.put(Checked(ticket=ticket, state=ListState.NO_LIST, list_age_s=None))
        self.put(PortraitRead(ticket=ticket, portrait="p"))
        self.put(PortraitPrepared(ticket=ticket, usable=True, models=MODELS))
        self.put(DocumentVerified(ticket=ticket, checks=checks))

    def look(self, **features) -> tuple[Command, ...]:
        return self.put(Observed(ticket=self.ticket, observation=frame(**features)))

    def durable(self, *kinds: RecordKind) -> tuple[Command, ...]:
        out: tuple[Command, ...] = ()
        for kind in kinds:
            out += self.put(Appended(ticket=self.ticket, kind=kind, seq=1))
        return out

    def done(self, action: str, *, ok: bool = True) -> tuple[Command, ...]:
        return self.put(ActuationDone(ticket=self.ticket, action=action, ok=ok))

    def decide(self, action: OfficerAction, **changes) -> tuple[Command, ...]:
        crossing = self.state.crossing
        evidence = evidence_sha256(crossing) if isinstance(crossing, Referred) else ""
        of_crossing = action in (OfficerAction.ACCEPT, OfficerAction.REJECT)
        event = OfficerDecided(
            ticket=self.ticket if of_crossing else 0,
            officer="o1",
            action=action,
            reason="identity",
            evidence_sha256=evidence,
            expires_at_ns=self.now + 5_000 * MS,
            note="inspected" if action is OfficerAction.ACKNOWLEDGE else "",
        )
        return self.put(replace(event, **changes))

    def to(self, step: str) -> World:
        """Bring a fresh lane to a state of the crossing, by the genuine way there."""
        self.serve()
        if step == "Idle":
            return self
        self.present()
        if step == "Reading":
            return self
        self.read()
        if step == "Verifying":
            return self
        if step in ("Referred", "OfficerDeciding", "Leaving"):
            self.later(10_100)
            if step != "Referred":
                self.decide(OfficerAction.REJECT)
            if step == "Leaving":
                self.durable(RecordKind.OFFICER)
            return self
        if step == "Admitting":
            self.move(obstruction=Flag.ACTIVE)
        self.look()
        if step == "Deciding":
            return self
        self.durable(RecordKind.DECISION, RecordKind.ACTUATION)
        if step in ("Admitting", "Opening"):
            return self
        self.done("open_exit")
        if step == "Clearing":
            self.move(zone=Zone.EMPTY)
        return self


def facts(commands, kind: RecordKind) -> list[dict]:
    """The facts of all records of a kind, as they read in JSON."""
    found = [c.facts for c in commands if isinstance(c, Append) and c.kind is kind]
    return [msgspec.json.decode(msgspec.json.encode(facts)) for facts in found]
