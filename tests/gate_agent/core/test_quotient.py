"""What the search takes for the same behaves the same, whatever happens to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_agent.core.messages import Tick
from gate_agent.safety.environment import ENVIRONMENTS, Environment
from gate_agent.safety.quotient import TRIES, key, plain
from gate_agent.safety.scene import T0, Node, replace
from gate_agent.safety.search import advance, describe, moves, search, served_lane

EVERY = [(topology, name) for topology, named in ENVIRONMENTS.items() for name in named]
SEARCHED = 400
TAKEN = 5


def what_follows(node: Node, environment: Environment) -> list[tuple[str, Node, tuple[str, ...]]]:
    """Every event by name, the node after it as it is, and what the event broke."""
    profile = environment.profile
    return [
        (why or type(event).__name__, *advance(source, event, profile))
        for why, source, event in moves(node, environment)
    ]


def assert_alike(one: Node, other: Node, environment: Environment) -> None:
    """Both may meet the same events, which lead to one class and break the same."""
    profile = environment.profile
    mine, others = (what_follows(node, environment) for node in (one, other))
    assert [name for name, _, _ in mine] == [name for name, _, _ in others]
    for (name, here, broken), (_, there, broken_too) in zip(mine, others, strict=True):
        assert plain(here, profile) == plain(there, profile), name
        assert broken == broken_too, name


@pytest.mark.parametrize(("topology", "name"), EVERY)
def test_a_node_and_its_class_go_to_the_same_classes(topology, name):
    environment = ENVIRONMENTS[topology][name]
    profile = environment.profile
    nodes = search(environment, most=SEARCHED, keep=True).nodes
    for node in nodes[:: len(nodes) // TAKEN]:
        for _, after, _ in what_follows(node, environment):
            representative = plain(after, profile)
            assert key(plain(representative, profile)) == key(representative)
            if after != representative:
                assert_alike(after, representative, environment)


@pytest.mark.parametrize("topology", ENVIRONMENTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_long_history_leaves_nothing_behind(topology, data):
    """A lane that was never renamed goes, step by step, where its class goes."""
    names = sorted(ENVIRONMENTS[topology].keys() - {"hardware"})
    environment = ENVIRONMENTS[topology][data.draw(st.sampled_from(names))]
    profile = environment.profile
    lived = forgot = served_lane(profile)
    for _ in range(data.draw(st.integers(10, 60))):
        possible = list(moves(lived, environment))
        shadows = list(moves(forgot, environment))
        assert len(possible) == len(shadows)
        chosen = data.draw(st.integers(0, len(possible) - 1))
        (_, source, event), (_, shadow, same) = possible[chosen], shadows[chosen]
        lived, broken = advance(source, event, profile)
        after, broken_too = advance(shadow, same, profile)
        forgot = plain(after, profile)
        assert plain(lived, profile) == forgot, describe(event)
        assert broken == broken_too == ()


@pytest.mark.parametrize("name", ["people", "entry", "exit"])
def test_a_door_that_tries_again_or_gives_up_is_one_that_the_search_takes(name):
    environment = ENVIRONMENTS["mantrap"][name]
    profile = environment.profile
    nodes = search(environment, most=2 * SEARCHED, keep=True).nodes
    trying = [
        node
        for node in nodes
        if isinstance(node.state.crossing, TRIES) and node.state.crossing.due_ns is not None
    ]
    assert len(trying) > 2 * TAKEN
    for node in trying[:: len(trying) // (2 * TAKEN)]:
        taken = [
            (plain(there, profile), broken_there)
            for name, there, broken_there in what_follows(node, environment)
            if name.startswith("the door's")
        ]
        for attempts in range(1, profile.lane.door_close_attempts + 1):
            late = replace(node.state.crossing, attempts=attempts, due_ns=T0)
            source = node._replace(state=replace(node.state, crossing=late))
            after, broken = advance(source, Tick(), profile)
            assert (plain(after, profile), broken) in taken
