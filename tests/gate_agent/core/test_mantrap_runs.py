"""A mantrap in real instants, whatever happens to it: the invariants hold (stateful).

The table is right by itself, so runs of it alone would say nothing of the guard. Therefore the
core here goes wrong from time to time and asks for any movement, on record or not: the guard
must let none through that breaks an invariant. Without a clause of it these runs fail.
"""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from mantrap_world import OPEN_ENTRY, OPEN_EXIT, SHUT_ENTRY, SHUT_EXIT

from drivers.types import (
    ActuationDone,
    Close,
    CloseEntry,
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    Door,
    Flag,
    Lock,
    OpenEntry,
    OpenExit,
    PlantChanged,
    SetDirection,
    Zone,
    action_of,
)
from firmware_cfg.profile import Profile
from gate_agent.core.ending import Moved, append_actuation
from gate_agent.core.invariants import watch
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import (
    ACTUATIONS,
    Event,
    Mode,
    OfficerAction,
    OfficerDecided,
    OfficerPresent,
    Tick,
)
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.core.permit import permit
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import (
    CrossingState,
    Referred,
    State,
    due_ns,
    initial,
    replace,
    ticket_of,
)
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.core.topology import Topology
from gate_agent.loop import turn
from gate_agent.safety.environment import orderly
from gate_agent.safety.scene import (
    MANTRAP,
    MANTRAP_AT_REST,
    MANTRAP_READS_INSIDE,
    MS,
    T0,
    Node,
)

FOLLOWS = {
    OpenEntry: OPEN_ENTRY,
    CloseEntry: SHUT_ENTRY,
    OpenExit: OPEN_EXIT,
    Close: SHUT_EXIT,
}
STRANGE = st.one_of(
    st.fixed_dictionaries({"zone": st.sampled_from(Zone)}),
    st.fixed_dictionaries({"approach": st.sampled_from(Zone)}),
    st.fixed_dictionaries({"entry": st.sampled_from(Door), "entry_lock": st.sampled_from(Lock)}),
    st.fixed_dictionaries({"exit": st.sampled_from(Door), "exit_lock": st.sampled_from(Lock)}),
    st.fixed_dictionaries({"obstruction": st.sampled_from(Flag)}),
    st.fixed_dictionaries({"entry_obstruction": st.sampled_from(Flag)}),
    st.fixed_dictionaries({"fire": st.sampled_from(Flag)}),
    st.fixed_dictionaries({"power_loss": st.sampled_from(Flag)}),
    st.fixed_dictionaries({"maintenance": st.sampled_from(Flag)}),
)
WAY_STEPS = 17
PEOPLE = st.sampled_from(
    [{"approach": Zone.ONE}, {"zone": Zone.ONE, "approach": Zone.EMPTY}, {"zone": Zone.EMPTY}]
)


class Lane(RuleBasedStateMachine):
    """Core, guard and observer; doors and people as the rules will have them."""

    guard = staticmethod(permit)

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.plant = MANTRAP_AT_REST
        self.ledger, self.history = Ledger(), ObservedHistory()
        self.broken: tuple[str, ...] = ()
        self.released: list[int] = []
        self.pending: list[object] = []

    @initialize(inside=st.booleans())
    def power_on(self, inside: bool) -> None:
        self.profile = MANTRAP_READS_INSIDE if inside else MANTRAP
        self.state = initial(self.profile)
        for device in DeviceId:
            self.put(DeviceReady(device=device))
        self.officer_is_there()
        self.read()
        assert self.state.mode is Mode.AUTO

    def put(self, event: Event, topology: Topology | None = None) -> None:
        before = self.state
        self.state, self.ledger, commands = turn(
            before, self.ledger, event, self.now, self.profile, topology, self.guard
        )
        self.history, broken = watch(
            self.history, before, event, self.state, commands, self.now, self.profile
        )
        self.broken += broken
        self.released += [command.ticket for command in commands if isinstance(command, OpenExit)]
        self.pending += [command for command in commands if isinstance(command, ACTUATIONS)]

    def read(self, **changes: object) -> None:
        self.plant = replace(self.plant, read_at_ns=self.now, **changes)
        self.put(PlantChanged(plant=self.plant))

    @rule(people=PEOPLE)
    def people_move(self, people: dict[str, Zone]) -> None:
        self.read(**people)

    @rule(strange=STRANGE)
    def something_strange(self, strange: dict[str, object]) -> None:
        self.read(**strange)

    @rule(steps=st.integers(1, WAY_STEPS))
    def a_traveller_comes(self, steps: int) -> None:
        """So far on the genuine way through both doors."""
        way = (
            (self.people_move, {"approach": Zone.ONE}),
            (self.document,),
            *[(self.devices_answer, 1)] * 6,
            (self.doors_follow, True),
            (self.people_move, {"zone": Zone.ONE, "approach": Zone.EMPTY}),
            (self.doors_follow, True),
            *[(self.devices_answer, 1)] * 3,
            (self.doors_follow, True),
            (self.people_move, {"zone": Zone.EMPTY}),
            (self.doors_follow, True),
        )
        for act, *arguments in way[:steps]:
            act(*arguments)

    @rule()
    def put_right(self) -> None:
        """Devices, doors and officer are as they should be: a lane that can goes into service."""
        for device in DeviceId:
            self.put(DeviceReady(device=device))
        self.doors_follow(ok=True)
        self.plant = MANTRAP_AT_REST
        self.officer_is_there()
        for action in (OfficerAction.ACKNOWLEDGE, OfficerAction.OPEN_LANE):
            self.read()
            self.officer_acts(action, outside=False)
        self.read()

    @rule(ok=st.sampled_from([True, True, True, False]))
    def doors_follow(self, ok: bool) -> None:
        pending, self.pending = self.pending, []
        for command in pending:
            self.put(ActuationDone(ticket=command.ticket, action=action_of(command), ok=ok))
            if ok:
                self.read(**FOLLOWS.get(type(command), {}))

    @rule(steps=st.integers(1, 12))
    def devices_answer(self, steps: int) -> None:
        """Documents, faces, records and officers, in the order in which they come."""
        for _ in range(steps):
            said = list(orderly(Node(self.state, self.ledger, self.history)))
            answers = [event for event in said if not isinstance(event, ActuationDone)]
            for event in answers:
                if isinstance(event, OfficerDecided):
                    event = replace(event, expires_at_ns=self.now + 1_000 * MS)  # noqa: PLW2901
                self.put(event)

    @rule(
        moves=st.sampled_from(ACTUATIONS),
        whose=st.sampled_from(["chamber", "approach", "next", "none"]),
        recorded=st.sampled_from([True, True, False]),
        seen=st.one_of(st.none(), st.just({}), STRANGE),
    )
    def the_core_goes_wrong(
        self, moves: type, whose: str, recorded: bool, seen: dict[str, object] | None
    ) -> None:
        """A row asks for a movement that nothing calls for, just when something has changed."""
        if seen is not None:
            self.read(**seen)
        ticket = {
            "chamber": ticket_of(self.state.crossing),
            "approach": ticket_of(self.state.approach),
            "next": self.state.next_ticket,
            "none": 0,
        }[whose]
        more = {"reverse": True} if moves is SetDirection else {}
        command = moves(ticket=ticket, **more)
        record = append_actuation(ticket, action_of(command), "machine", "wrong", self.profile)
        mantrap = TOPOLOGIES["mantrap"]
        rows = mantrap.crossing
        pair = (type(self.state.crossing), Tick)

        def wrong(
            state: State, crossing: CrossingState, event: Event, now_ns: int, profile: Profile
        ) -> Moved:
            right, commands = rows.get(pair), ()
            if right is not None:
                state, commands = right(state, crossing, event, now_ns, profile)
            return state, (*commands, *((record, command) if recorded else (command,)))

        self.put(Tick(), mantrap._replace(crossing={**rows, pair: wrong}))

    @rule()
    def document(self) -> None:
        self.put(DocumentPresented())

    @rule(action=st.sampled_from(OfficerAction), outside=st.booleans())
    def officer_acts(self, action: OfficerAction, outside: bool) -> None:
        crossing = self.state.approach if outside else self.state.crossing
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

    @rule()
    def officer_is_there(self) -> None:
        self.put(OfficerPresent(officer="o", until_ns=self.now + 2_000 * MS))

    @rule(device=st.sampled_from(DeviceId), ready=st.booleans())
    def device_comes_or_goes(self, device: DeviceId, ready: bool) -> None:
        if ready:
            self.put(DeviceReady(device=device))
        else:
            self.put(DeviceFailed(device=device, code=1, retryable=True, diagnosis=""))

    @rule(
        ms=st.sampled_from([1, 100, 900, 3_000, 15_000, 130_000]),
        watched=st.booleans(),
        officer=st.booleans(),
    )
    def time_passes(self, ms: int, watched: bool, officer: bool) -> None:
        """Every deadline on the way ticks; a watched lane is read, an officer may stay."""
        end = self.now + ms * MS
        for _ in range(1_000):
            due = due_ns(self.state)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.put(Tick())
            self._as_time_passes(watched, officer)
        self.now = max(self.now, end)
        self._as_time_passes(watched, officer)

    def _as_time_passes(self, watched: bool, officer: bool) -> None:
        if officer:
            self.officer_is_there()
        if watched:
            self.read()

    @invariant()
    def nothing_is_broken(self) -> None:
        assert self.broken == ()
        assert len(self.released) == len(set(self.released))


TestLane = Lane.TestCase
TestLane.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_a_lane_of_these_rules_lets_a_person_through():
    lane = Lane()
    lane.power_on(inside=False)
    lane.a_traveller_comes(WAY_STEPS)
    lane.nothing_is_broken()
    assert lane.released == [1]


class Unguarded(Lane):
    """What the core asks for goes out."""

    guard = staticmethod(lambda *_: None)


def test_these_runs_see_that_the_guard_is_missing():
    seen = settings(Lane.TestCase.settings, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Unguarded, settings=seen)
