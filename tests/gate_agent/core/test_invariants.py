"""The invariants hold in everything that can be reached, and each is seen to bite.

Every seeded bug is a transition table with one lie in it. With the guard taken away, the
search finds it and names the invariant; with the guard in place, what the guard is there
for never reaches the hardware.
"""

from __future__ import annotations

import pytest
from example_facts import facts_of

from biometrics.types import Observed, PortraitPrepared
from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    Door,
    Flag,
    MrzRead,
    OpenExit,
    PlantChanged,
    PortraitRead,
    Result,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core import document, face, passage
from gate_agent.core.doors_seen import DoorsSeen
from gate_agent.core.ending import append_actuation
from gate_agent.core.invariants import INVARIANTS, watch_feeding
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import Append, Appended, Checked, ListState, Mode, Tick
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.core.permit import permit
from gate_agent.core.record_blocks import ListFacts
from gate_agent.core.states import (
    Admitting,
    Clearing,
    Crossing,
    Deciding,
    Departing,
    Emptying,
    Entering,
    Idle,
    Leaving,
    OfficerDeciding,
    Opening,
    Reading,
    Referred,
    Shutting,
    Verifying,
    dossier_of,
    initial,
    replace,
    ticket_of,
)
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.loop import Pulse, healthy
from gate_agent.safety.environment import ENVIRONMENTS
from gate_agent.safety.quotient import key, plain
from gate_agent.safety.scene import (
    ADULT,
    BARRIER,
    BARRIER_AT_REST,
    MODELS,
    MS,
    T0,
    Node,
    at_rest,
    check,
)
from gate_agent.safety.search import advance, search, served_lane
from sync.log.types import RecordKind


def no_guard(*_arguments):
    return None


EVERY = [(topology, name) for topology, named in ENVIRONMENTS.items() for name in named]
MOST = dict.fromkeys(
    (("mantrap", name) for name in ("people", "queue", "hardware", "mains", "entry", "exit")), 2_500
)
"""The large ones are cut short here; `egate safety search` goes to their end."""
COMMON = {Idle, Reading, Verifying, Deciding, Referred, OfficerDeciding, Opening}
STEPS = {
    "barrier": COMMON | {Admitting, Crossing, Clearing, Leaving},
    "mantrap": COMMON | {Entering, Shutting, Departing, Emptying},
}


@pytest.mark.parametrize(("topology", "name"), EVERY)
def test_the_invariants_hold_everywhere(topology, name, capsys):
    environment = ENVIRONMENTS[topology][name]
    found = search(environment, keep=True, most=MOST.get((topology, name), 10_000))
    with capsys.disabled():
        print(
            f"\nsearch {topology} {name}: {found.states} states, {found.edges} edges, "
            f"depth {found.depth}"
        )
    assert found.broken == {}
    if found.closed:
        assert found.steps >= {state.__name__ for state in STEPS[topology]}
    for node in found.nodes[:: max(1, len(found.nodes) // 400)]:
        assert ends_by_itself(node, environment.profile), key(node)


def ends_by_itself(node: Node, profile) -> bool:
    """Invariant 10: every traveller leaves, time passes, and the lane is free or stopped."""
    for _ in range(12):
        state = node.state
        crossing = state.crossing
        if isinstance(crossing, Idle) or state.mode is not Mode.AUTO:
            return True
        due = crossing.due_ns
        if due is None:
            return False
        late = replace(state, crossing=replace(crossing, due_ns=T0))
        node, _ = advance(node._replace(state=late), Tick(), profile)
        if isinstance(node.state.crossing, Leaving | Emptying):
            gone = replace(at_rest(profile), passages_exit=node.state.plant.passages_exit)
            node, _ = advance(node, PlantChanged(plant=gone), profile)
    return False


# --- seeded bugs ----------------------------------------------------------------------


def lying(handler, unless=lambda state: False, **features):
    """A handler that believes something else of the plant than is the case."""

    def lie(state, crossing, event, now_ns, profile):
        if unless(state):
            return handler(state, crossing, event, now_ns, profile)
        believed = replace(state, plant=replace(state.plant, **features))
        after, commands = handler(believed, crossing, event, now_ns, profile)
        return replace(after, plant=state.plant), commands

    return lie


RELEASES = {
    (Deciding, Appended): passage.decision_durable,
    (Admitting, PlantChanged): passage.admitting_moved,
    (OfficerDeciding, Appended): passage.officer_durable,
}
ZONES = {
    (Reading, PlantChanged): document.watch_zone,
    (Verifying, PlantChanged): document.watch_zone,
    (Deciding, PlantChanged): document.watch_zone,
}


def all_lying(handlers, unless=lambda state: False, **features):
    return {pair: lying(handler, unless, **features) for pair, handler in handlers.items()}


def first_record_is_enough(state, crossing, event, now_ns, profile):
    durable = replace(crossing, decision_durable=True, actuation_durable=True)
    state = replace(state, crossing=durable)
    return passage.decision_durable(state, durable, event, now_ns, profile)


def open_without_record(state, crossing, event, now_ns, profile):
    after, commands = face.observed(state, crossing, event, now_ns, profile)
    if isinstance(after.crossing, Deciding):
        commands += (OpenExit(ticket=ticket_of(after.crossing)),)
    return after, commands


def open_again(state, crossing, event, now_ns, profile):
    after, commands = passage.opened(state, crossing, event, now_ns, profile)
    return after, (*commands, OpenExit(ticket=ticket_of(crossing)))


def open_at_power_on(state, crossing, event, now_ns, profile):
    del crossing, event, now_ns
    record = append_actuation(1, "open_exit", "machine", "power on", profile)
    return state, (record, OpenExit(ticket=1))


def another_stay(state, crossing, event, now_ns, profile):
    dossier = replace(crossing.dossier, occupancy=state.occupancy, occupied=False)
    crossing = replace(crossing, dossier=dossier)
    state = replace(state, crossing=crossing)
    return passage.decision_durable(state, crossing, event, now_ns, profile)


def ignore(state, crossing, event, now_ns, profile):
    del crossing, event, now_ns, profile
    return state, ()


def close_in_fire(state, crossing, event, now_ns, profile):
    believed = replace(state, mode=Mode.AUTO, plant=replace(state.plant, fire=Flag.CLEAR))
    after, commands = passage.left(believed, crossing, event, now_ns, profile)
    return replace(after, mode=state.mode, plant=state.plant), commands


def without_resync(state, crossing, event, now_ns, profile):
    state = replace(state, mode=Mode.AUTO, resync=False)
    return passage.decision_durable(state, crossing, event, now_ns, profile)


def survive_loss(state, crossing, event, now_ns, profile):
    del event, now_ns, profile
    dossier = replace(crossing.dossier, occupancy=state.occupancy)
    return replace(state, crossing=replace(crossing, dossier=dossier)), ()


def in_service_anyway(handler):
    def wrong(state, crossing, event, now_ns, profile):
        dossier = dossier_of(crossing)
        believed = replace(state, mode=Mode.AUTO)
        if dossier is not None:
            dossier = replace(dossier, occupancy=state.occupancy)
            crossing = replace(crossing, dossier=dossier)
            believed = replace(believed, crossing=crossing)
        return handler(believed, crossing, event, now_ns, profile)

    return wrong


def unrecorded(state, crossing, event, now_ns, profile):
    after, commands = face.observed(state, crossing, event, now_ns, profile)
    kept = [c for c in commands if not (isinstance(c, Append) and c.kind is RecordKind.ACTUATION)]
    if isinstance(after.crossing, Deciding):
        after = replace(after, crossing=replace(after.crossing, actuation_durable=True))
    return after, tuple(kept)


def officer_by_himself(state, crossing, event, now_ns, profile):
    del event
    facts = facts_of(RecordKind.OFFICER, action="accept", officer="unknown")
    del now_ns, profile
    return state, (Append(ticket=ticket_of(crossing), facts=facts),)


def lease_forever(handler):
    def wrong(state, crossing, event, now_ns, profile):
        believed = replace(state, lease_until_ns=now_ns + 1)
        after, commands = handler(believed, crossing, event, now_ns, profile)
        return replace(after, lease_until_ns=state.lease_until_ns), commands

    return wrong


def past_the_lists(state, crossing, event, now_ns, profile):
    """A policy that asks nothing of the lists; the record says what they answered."""
    evidence = crossing.dossier.evidence
    clear = replace(evidence, list_state=ListState.NO_HIT, list_age_s=1)
    crossing = replace(crossing, dossier=replace(crossing.dossier, evidence=clear))
    state = replace(state, crossing=crossing)
    after, commands = face.observed(state, crossing, event, now_ns, profile)
    answer = ListFacts(state=evidence.list_state, age_s=evidence.list_age_s)
    return after, tuple(
        replace(command, facts=replace(command.facts, lists_answer=answer))
        if isinstance(command, Append) and command.kind is RecordKind.DECISION
        else command
        for command in commands
    )


def one_passage(state, crossing, event, now_ns, profile):
    baseline = crossing.baseline
    count = state.plant.passages_exit
    if count is None or count <= baseline:
        return passage.passage_moved(state, crossing, event, now_ns, profile)
    return lying(passage.passage_moved, passages_exit=baseline + 1)(
        state, crossing, event, now_ns, profile
    )


def zone_is(*zones):
    return lambda state: state.plant.zone not in zones


SEEDED = {
    "entry_and_exit_open": ("doors", all_lying(RELEASES, entry=Door.CLOSED), True),
    "open_without_accept": (
        "people",
        {(Deciding, Appended): first_record_is_enough},
        True,
    ),
    "open_without_accept: no record": (
        "people",
        {(Verifying, Observed): open_without_record},
        True,
    ),
    "open_without_accept: twice": ("people", {(Opening, ActuationDone): open_again}, True),
    "open_without_accept: another stay": (
        "people",
        {(Deciding, PlantChanged): ignore, (Deciding, Appended): another_stay},
        True,
    ),
    "one_accept_one_passage": ("people", {(Crossing, PlantChanged): one_passage}, False),
    "fire_vetoed": ("fire", {(Leaving, PlantChanged): close_in_fire}, True),
    "moved_after_fire": ("fire", {(Leaving, PlantChanged): close_in_fire}, True),
    "unknown_taken_as_good": (
        "people",
        all_lying(RELEASES | ZONES, zone_is(Zone.UNKNOWN), zone=Zone.ONE)
        | {(Deciding, PlantChanged): ignore},
        True,
    ),
    "close_on_occupied": (
        "people",
        {(Crossing, Tick): lying(passage.passage_late, zone=Zone.EMPTY)},
        True,
    ),
    "open_before_resync": (
        "hardware",
        {pair: in_service_anyway(handler) for pair, handler in RELEASES.items()}
        | {
            (Deciding, kind): survive_loss
            for kind in (
                DeviceFailed,
                PlantChanged,
            )
        },
        True,
    ),
    "power_on_opens": ("power", {(Idle, DeviceReady): open_at_power_on}, True),
    "tailgating_admitted": (
        "people",
        all_lying(RELEASES | ZONES, zone_is(Zone.MANY), zone=Zone.ONE),
        True,
    ),
    "traveller_trapped": ("people", {(Referred, Tick): ignore}, False),
    "unrecorded_actuation": (
        "people",
        {(Verifying, Observed): unrecorded},
        True,
    ),
    "officer_unchecked": ("people", {(Referred, PlantChanged): officer_by_himself}, False),
    "admitted_past_lists": ("lists", {(Verifying, Observed): past_the_lists}, False),
    "no_lease": (
        "lease",
        {pair: lease_forever(handler) for pair, handler in RELEASES.items()}
        | {(Deciding, Tick): ignore},
        True,
    ),
}


def verifying_lane(profile: Profile, *, lists_answered: bool = True) -> Node:
    """A lane whose genuine traveller is about to be looked at."""
    node = served_lane(profile)
    for event in (
        PlantChanged(plant=replace(BARRIER_AT_REST, zone=Zone.ONE)),
        DocumentPresented(),
        MrzRead(ticket=1, attributes=ADULT, holder="h"),
        *((Checked(ticket=1, state=ListState.NO_HIT, list_age_s=1),) if lists_answered else ()),
        PortraitRead(ticket=1, portrait="p"),
        PortraitPrepared(ticket=1, usable=True, models=MODELS),
        DocumentVerified(ticket=1, checks=check(Result.SUCCESSFUL)),
    ):
        node, _ = advance(node, event, profile)
    return plain(node, profile)


def seeded(seed: str):
    search_name, lie, _ = SEEDED[seed]
    barrier = TOPOLOGIES["barrier"]
    topology = barrier._replace(crossing={**barrier.crossing, **lie})
    if search_name == "power":
        start = Node(initial(BARRIER), Ledger(), ObservedHistory())
        return ENVIRONMENTS["barrier"]["hardware"], start, topology
    environment = ENVIRONMENTS["barrier"][search_name]
    start = verifying_lane(environment.profile, lists_answered=search_name != "lists")
    if seed == "entry_and_exit_open":
        start = with_entry_open(start, environment.profile)
    return environment, start, topology


def with_entry_open(node: Node, profile: Profile) -> Node:
    """The same with an entry that stood open before it was ever seen closed.

    One that opens later without an order stops the lane before anything is released.
    """
    unseen = replace(node.state, doors_seen=DoorsSeen(exit_shut=True))
    plant = replace(node.state.plant, entry=Door.OPEN)
    node, _ = advance(node._replace(state=unseen), PlantChanged(plant=plant), profile)
    return plain(node, profile)


@pytest.mark.parametrize("seed", SEEDED)
def test_a_seeded_bug_is_caught_by_name(seed):
    environment, start, topology = seeded(seed)
    name = seed.partition(":")[0]
    found = search(environment, topology=topology, guard=no_guard, start=start, stop_at=name)
    assert name in found.broken, f"{found.states} states, broken {found.broken}"
    assert found.broken[name]


@pytest.mark.parametrize("seed", [seed for seed in SEEDED if SEEDED[seed][2]])
def test_the_guard_stops_what_the_table_lets_through(seed):
    environment, start, topology = seeded(seed)
    refused = []

    def watching(command, *rest):
        clause = permit(command, *rest)
        if clause is not None:
            refused.append(clause)
        return clause

    name = seed.partition(":")[0]
    found = search(
        environment, topology=topology, guard=watching, start=start, stop_at=name, deepest=5
    )
    assert name not in found.broken, found.broken.get(name)
    assert refused


def test_every_invariant_is_numbered_and_none_is_missing():
    assert {rule.number for rule in INVARIANTS.values()} == set(range(1, 21))


@pytest.mark.parametrize(
    ("overdue_ms", "waiting", "fed", "sick"),
    [(0, 0, True, False), (900, 3, True, False), (1_100, 0, True, True), (0, 256, True, True)],
)
def test_a_sick_loop_must_not_be_fed(overdue_ms, waiting, fed, sick):
    broken = watch_feeding(
        fed=fed, overdue_ns=overdue_ms * MS, waiting=waiting, room=256, limit_ns=1_000 * MS
    )
    assert broken == ({"watchdog_fed_sick"} if sick else set())
    pulse = Pulse(due_ns=T0 - overdue_ms * MS, waiting=waiting, turned=True)
    assert healthy(pulse, T0, limit_ms=1_000) is not sick
