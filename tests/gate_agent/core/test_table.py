"""Every state meets every event; and random runs, long ones, keep the invariants."""

from __future__ import annotations

from typing import get_args, get_type_hints

import msgspec
import pytest
from gate_world import ADULT, GOOD_CHECKS, MODELS, MS, PROFILE, REST, T0, World, frame
from hypothesis import given, settings
from hypothesis import strategies as st
from test_crossing import STATES

from biometrics.types import LivenessState, Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    ActuationDone,
    Check,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    Door,
    Flag,
    MrzRead,
    OpenExit,
    PlantChanged,
    PortraitRead,
    ReadStep,
    Result,
    Zone,
)
from firmware_cfg.profile import TWO_DOORS, TopologyName
from gate_agent.core.invariants import watch
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import (
    AppendFailed,
    Checked,
    Event,
    ListState,
    Mode,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    PermitRefused,
    Tick,
)
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.core.record import evidence_sha256
from gate_agent.core.shared_rows import SHARED_REGIONS
from gate_agent.core.states import (
    CROSSING_STATES,
    REQUIRED_DEVICES,
    DeviceState,
    Entering,
    Referred,
    Shutting,
    State,
    all_ready,
    initial,
    replace,
    ticket_of,
)
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.lane_api.api import SyncView
from gate_agent.lane_api.view import view
from gate_agent.loop import turn
from gate_agent.safety.document import SECTIONS
from gate_agent.safety.environment import ENVIRONMENTS
from gate_agent.safety.scene import AT_REST
from gate_agent.safety.scene import BARRIER as SMALL
from sync.log.types import Appended, RecordKind


def every_event(ticket: int, now_ns: int) -> list[Event]:
    return [
        DocumentPresented(),
        MrzRead(ticket=ticket, attributes=ADULT, holder="h"),
        ReadStep(ticket=ticket, step="sod"),
        PortraitRead(ticket=ticket, portrait="p"),
        DocumentVerified(ticket=ticket, checks=GOOD_CHECKS),
        DocumentRemoved(ticket=ticket),
        PlantChanged(plant=replace(REST, read_at_ns=now_ns, zone=Zone.ONE)),
        ActuationDone(ticket=ticket, action="open_exit", ok=True),
        PortraitPrepared(ticket=ticket, usable=True, models=MODELS),
        Observed(ticket=ticket, observation=frame()),
        VerifyEnded(ticket=ticket, frames=1, dropped=0),
        Appended(ticket=ticket, kind=RecordKind.DECISION, seq=1),
        AppendFailed(ticket=ticket, kind=RecordKind.DECISION, detail=""),
        Checked(ticket=ticket, state=ListState.NO_LIST, list_age_s=None),
        DeviceReady(device=DeviceId.READER),
        DeviceFailed(device=DeviceId.TURNSTILE, code=1, retryable=True, diagnosis=""),
        OfficerDecided(
            ticket=ticket,
            officer="o",
            action=OfficerAction.ACCEPT,
            reason="identity",
            evidence_sha256="",
            expires_at_ns=now_ns + MS,
        ),
        OfficerPresent(officer="o", until_ns=now_ns + MS),
        Tick(),
        PermitRefused(ticket=ticket, action="open_exit", clause="fire"),
    ]


def test_the_list_of_events_is_complete():
    assert {type(event) for event in every_event(1, 0)} == set(Event.__args__)


def test_the_table_names_only_states_and_events():
    for topology in TOPOLOGIES.values():
        for state, event in (*topology.crossing, *topology.approach):
            assert state in CROSSING_STATES
            assert event in Event.__args__
        assert topology.regions.keys() == SHARED_REGIONS.keys() <= set(Event.__args__)


def test_a_handler_takes_the_state_and_the_event_of_its_row():
    for topology in TOPOLOGIES.values():
        for (state, event), handler in (*topology.crossing.items(), *topology.approach.items()):
            _, crossing, what, *_ = get_type_hints(handler).values()
            assert issubclass(state, crossing), handler
            assert issubclass(event, what), handler
        for event, region in topology.regions.items():
            assert issubclass(event, tuple(get_type_hints(region).values())[1]), region


def test_a_topology_is_one_entry_everywhere():
    names = set(get_args(TopologyName))
    assert TOPOLOGIES.keys() == ENVIRONMENTS.keys() == AT_REST.keys() == SECTIONS.keys() == names


def test_a_topology_that_moves_an_entry_is_guarded_as_two_doors():
    moving = {
        name
        for name, topology in TOPOLOGIES.items()
        if topology.approach or {state for state, _ in topology.crossing} & {Entering, Shutting}
    }
    assert moving == TWO_DOORS


@pytest.mark.parametrize("step", STATES)
@pytest.mark.parametrize("index", range(len(Event.__args__)))
def test_every_state_takes_every_event(step, index):
    world = World().to(step)
    event = every_event(world.ticket, world.now)[index]
    before = world.state
    commands = world.put(event)
    if (type(before.crossing), type(event)) not in TOPOLOGIES["barrier"].crossing and type(
        event
    ) not in SHARED_REGIONS:
        assert (world.state, commands) == (before, ())
    shown = view(world.state, PROFILE, utc_offset_ms=0, sync=SyncView())
    assert msgspec.json.decode(msgspec.json.encode(shown), type=type(shown)) == shown


@pytest.mark.parametrize("step", STATES)
@pytest.mark.parametrize("index", range(len(Event.__args__)))
def test_a_foreign_ticket_moves_no_crossing(step, index):
    world = World().to(step)
    event = every_event(world.ticket + 1, world.now)[index]
    before = world.state.crossing
    world.put(event)
    if hasattr(event, "ticket"):
        assert world.state.crossing == before


# --- random runs ----------------------------------------------------------------------

CHOICES = st.one_of(
    st.tuples(st.just("zone"), st.sampled_from(list(Zone))),
    st.tuples(st.just("entry"), st.sampled_from(list(Door))),
    st.tuples(st.just("exit"), st.sampled_from(list(Door))),
    st.tuples(st.just("fire"), st.sampled_from(list(Flag))),
    st.tuples(st.just("obstruction"), st.sampled_from(list(Flag))),
    st.tuples(st.just("passages_exit"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 100, 900, 3_000, 130_000])),
    st.tuples(st.just("tick"), st.none()),
    st.tuples(st.just("genuine"), st.integers(1, 12)),
    st.tuples(st.just("event"), st.integers(0, len(Event.__args__) - 1)),
    st.tuples(st.just("officer"), st.sampled_from(list(OfficerAction))),
    st.tuples(st.just("ready"), st.sampled_from(list(DeviceId))),
)


class Run:
    """A lane, its guard and its observer, fed with whatever comes."""

    def __init__(self) -> None:
        self.now = T0
        self.plant = REST
        self.state, self.ledger, self.history = initial(SMALL), Ledger(), ObservedHistory()
        self.broken: list[str] = []
        self.opened: list[int] = []

    def put(self, event: Event) -> None:
        before = self.state
        self.state, self.ledger, commands = turn(before, self.ledger, event, self.now, SMALL)
        self.history, broken = watch(
            self.history, before, event, self.state, commands, self.now, SMALL
        )
        self.broken.extend(broken)
        self.opened.extend(c.ticket for c in commands if isinstance(c, OpenExit))

    def tick(self) -> None:
        crossing_due = getattr(self.state.crossing, "due_ns", None)
        dues = (crossing_due, self.state.plant_stale_ns, self.state.lease_until_ns)
        if any(due is not None and due <= self.now for due in dues):
            self.put(Tick())

    def read(self) -> None:
        self.plant = replace(self.plant, read_at_ns=self.now)
        self.put(PlantChanged(plant=self.plant))

    def officer(self, action: OfficerAction) -> None:
        crossing = self.state.crossing
        seen = evidence_sha256(crossing) if isinstance(crossing, Referred) else ""
        self.put(
            OfficerDecided(
                ticket=ticket_of(crossing),
                officer="o",
                action=action,
                reason="identity",
                evidence_sha256=seen,
                expires_at_ns=self.now + 1_000 * MS,
            )
        )

    def genuine(self, steps: int) -> None:
        """So many steps of a crossing as it should be, from wherever the lane stands."""
        self.put(OfficerPresent(officer="o", until_ns=self.now + 2_000 * MS))
        self.plant = replace(self.plant, zone=Zone.ONE)
        self.read()
        self.put(DocumentPresented())
        ticket = ticket_of(self.state.crossing)
        check = Check(id="sod_signature", result=Result.SUCCESSFUL)
        way: list[Event] = [
            MrzRead(ticket=ticket, attributes=ADULT, holder="h"),
            Checked(ticket=ticket, state=ListState.NO_LIST, list_age_s=None),
            PortraitRead(ticket=ticket, portrait="p"),
            PortraitPrepared(ticket=ticket, usable=True, models=MODELS),
            DocumentVerified(ticket=ticket, checks=(check,)),
            Observed(ticket=ticket, observation=frame()),
            Appended(ticket=ticket, kind=RecordKind.DECISION, seq=1),
            Appended(ticket=ticket, kind=RecordKind.OFFICER, seq=1),
            Appended(ticket=ticket, kind=RecordKind.ACTUATION, seq=2),
            ActuationDone(ticket=ticket, action="open_exit", ok=True),
        ]
        for event in way[:steps]:
            self.put(event)
        if steps > len(way):
            count = (self.plant.passages_exit or 0) + 1
            self.plant = replace(self.plant, zone=Zone.EMPTY, passages_exit=count)
            self.read()

    def act(self, what: str, value) -> None:
        if what == "wait":
            self.now += value * MS
            self.tick()
        elif what == "tick":
            self.read()
            self.tick()
        elif what == "genuine":
            self.genuine(value)
        elif what == "event":
            self.put(every_event(ticket_of(self.state.crossing), self.now)[value])
        elif what == "officer":
            self.officer(value)
        elif what == "ready":
            self.put(DeviceReady(device=value))
        elif what == "passages_exit":
            count = (self.plant.passages_exit or 0) + value
            self.plant = replace(self.plant, passages_exit=count % 2**32)
            self.read()
        else:
            self.plant = replace(self.plant, **{what: value})
            self.read()


@settings(max_examples=150, deadline=None)
@given(st.lists(CHOICES, max_size=60), st.booleans())
def test_random_runs_keep_the_invariants(actions, in_service):
    run = Run()
    if in_service:
        for device in DeviceId:
            run.put(DeviceReady(device=device))
        run.put(OfficerPresent(officer="o", until_ns=T0 + 2_000 * MS))
        run.read()
        assert run.state.mode is Mode.AUTO
    for what, value in actions:
        run.act(what, value)
        assert run.broken == []
    assert len(run.opened) == len(set(run.opened))


def test_a_random_run_can_open():
    run = Run()
    for device in DeviceId:
        run.put(DeviceReady(device=device))
    run.put(OfficerPresent(officer="o", until_ns=T0 + 2_000 * MS))
    run.read()
    run.act("genuine", 12)
    run.act("genuine", 12)
    assert run.opened == [1, 2]
    run.put(Observed(ticket=9, observation=frame(live=LivenessState.ATTACK)))
    assert run.state.mode is Mode.AUTO


def test_a_required_device_that_is_missing_is_not_ready() -> None:
    ready = tuple(DeviceState(device=device, ready=True) for device in DeviceId)
    assert all_ready(State(devices=ready))
    for device in REQUIRED_DEVICES:
        others = tuple(entry for entry in ready if entry.device is not device)
        assert not all_ready(State(devices=others))
