"""`docs/safety.md`, made from the tables, the guard and the invariants themselves.

What a safety assessor reads must be what runs: states, rows, clauses and predicates are
taken from the code; only the prose around them is written here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gate_agent.core import permit
from gate_agent.core.barrier import BARRIER
from gate_agent.core.chamber import let_in
from gate_agent.core.document import start
from gate_agent.core.invariants import INVARIANTS
from gate_agent.core.mantrap import MANTRAP
from gate_agent.core.party import stand_together
from gate_agent.core.permit import Clause
from gate_agent.core.rows import Table
from gate_agent.core.shared_rows import SHARED_REGIONS
from gate_agent.core.topologies import TOPOLOGIES
from gate_agent.core.topology import Topology
from gate_agent.safety import environment, quotient
from gate_agent.safety.diagram import transitions
from gate_agent.safety.environment import ENVIRONMENTS

HEAD = """\
# The safety of a lane

This document is made from the software by `make safety-doc`; a test fails when it is stale.
It says what a lane may do with its doors, where each rule is enforced, how each is tested,
and on what it rests. It is written for the assessor of an installation.

## Purpose and limits

A lane admits one traveller at a time through a barrier, or through a chamber between two
doors (a mantrap). The software decides *whether* a release is commanded. It is **not** a
safety component of the doors: force limitation, safety edges, escape and fire release belong
to the doors and their drives (EN 16005, EN 17352), and work without it.

**The fire chain is hard-wired.** The fire contact acts on the drives directly. The agent is
outside that chain: it only reads the contact, stops every crossing, commands nothing while
fire lasts or is not acknowledged, and cannot keep a door shut against it. What the doors do
without mains is a property of the installation, declared in the profile
(`lane.on_power_loss.entry`, `.exit`; released unless stated otherwise).

## The chain of a release

1. Devices report typed signals with the instant of the reading. What is too old or
   contradicts itself (a door whose two contacts agree) arrives as *unknown*, and unknown is
   never closed, locked, clear or empty.
2. The core, a pure function, moves one crossing along the table of its topology. It may
   *propose* a move of the hardware.
3. The move's own record (who, why, which crossing, which profile) goes to the journal before
   it; an exit is released only after the accept and the intended release are durable.
4. `permit` disposes: a second predicate, written from the invariants alone, with a ledger of
   its own. It shares no conclusion with the table. A refusal names its clause and is recorded.
5. The driver writes once, reads back, and never repeats a release that adds up. An answer
   that is missing leaves the lane in doubt: everything must be seen at rest before it serves.
6. The service manager's watchdog is fed only after a healthy turn of the loop
   (`gate_agent.loop.healthy`); a lane that hangs is restarted, and power-on opens nothing.

An officer's accept, order to let a person out, or change of direction is authenticated by the
lane itself, bound to a crossing and to what the officer saw, expires, and is recorded, also
when it does not count.

"""

ASSUMPTIONS = """\
## What this rests on

- Fire, escape and emergency release act on the drives without the agent. Between two doors
  there is a hard-wired way for a person to get out or call for help.
- Each door of a mantrap reports by an antivalent pair of contacts and by its lock; each
  doorway has its own presence detection, and the chamber detects persons *and* objects.
- Doors limit their force and reverse by themselves; no command of the agent overrides that.
- The module that drives the doors drops its outputs to the declared safe value when the
  agent falls silent (a host watchdog).
- The monotonic clock of the edge computer runs forward and does not stop.
- The journal's storage keeps what it has confirmed (fsync).
- A chamber that is empty again while only the exit was released has been left by the exit.
- An exit that was released and is still shut can be withdrawn with a person in the chamber:
  a door that does not move shuts on no one.
- A person found between the doors after a restart, or who may have come in by the exit, is
  let out by an officer, not by the machine.
"""

TESTED = {
    "watchdog_fed_sick": "`gate_agent.loop.healthy`, judged by `watch_feeding`",
}


def document() -> str:
    """The whole text."""
    return HEAD + "\n".join(
        [*_invariants(), "", *_clauses(), "", *_topologies(), *_searches(), "", ASSUMPTIONS]
    )


def _invariants() -> Iterator[str]:
    yield "## The invariants"
    yield ""
    yield (
        "Each is a predicate over a lane's events and commands (`gate_agent/core/invariants.py`), "
        "judged by an observer with a memory of its own "
        "(`gate_agent/core/observed_history.py`). The same predicates watch the exhaustive "
        "search, the property tests and every step of every simulation."
    )
    yield ""
    yield "| no. | name | what holds | where it is judged |"
    yield "|---|---|---|---|"
    for name, (number, says) in sorted(INVARIANTS.items(), key=lambda item: item[1].number):
        judged = TESTED.get(name, "search, properties, simulation")
        yield f"| {number} | `{name}` | {says} | {judged} |"


def _clauses() -> Iterator[str]:
    yield "## The last guard, clause by clause"
    yield ""
    yield (
        "Taken from `gate_agent/core/permit.py`. The first clause that does not hold stops the "
        "move. Every clause is dropped and negated by `make mutants`, and must be missed."
    )
    yield ""
    yield "| move | clauses, in the order in which they are asked |"
    yield "|---|---|"
    for title, functions in (
        ("every move", (permit.permit,)),
        ("`OpenExit`", (permit._open_exit, permit._accept_clause)),  # noqa: SLF001 - the document shows the inside
        ("`Close` (the exit)", (permit._close,)),  # noqa: SLF001
        ("`OpenEntry`", (permit._open_entry,)),  # noqa: SLF001
        ("`OpenEntry`, to come in", (permit._come_in,)),  # noqa: SLF001
        ("`OpenEntry`, to go back out", (permit._go_back,)),  # noqa: SLF001
        ("`CloseEntry`", (permit._close_entry,)),  # noqa: SLF001
        ("`SetDirection`", (permit._set_direction,)),  # noqa: SLF001
    ):
        names = [name for function in functions for name in _clauses_in(function)]
        yield f"| {title} | {', '.join(dict.fromkeys(names))} |"


def _clauses_in(function: object) -> list[str]:
    source = inspect.getsource(function)  # type: ignore[arg-type]
    words = source.replace("(", " ").split()
    found = [word.removeprefix("Clause.") for word in words if word.startswith("Clause.")]
    return [Clause[name].value for name in found if name in Clause.__members__]


class Section(NamedTuple):
    """One table of a topology: its title, its rows, and what begins a crossing in it."""

    title: str
    rows: Table
    begins: tuple[Callable[..., object], ...]


SECTIONS: dict[str, tuple[Section, ...]] = {
    "barrier": (Section("A barrier", BARRIER.crossing, (start, stand_together)),),
    "mantrap": (
        Section("A mantrap: the chamber", MANTRAP.crossing, (let_in,)),
        Section("A mantrap: before the entry door", MANTRAP.approach, (start,)),
    ),
}
"""What is shown of each topology, by its name."""


def _topologies() -> Iterator[str]:
    for name, sections in SECTIONS.items():
        for section in sections:
            yield from _section(section, TOPOLOGIES[name])
    yield "Before a row is asked, each event brings the lane's own regions up to date:"
    yield ""
    for name, topology in TOPOLOGIES.items():
        for event, region in topology.regions.items():
            own = region is not SHARED_REGIONS[event]
            if own or name == next(iter(TOPOLOGIES)):
                says = (region.__doc__ or "").splitlines()[0]
                yield f"- {event.__name__}{f' ({name})' if own else ''}: {says}"
    yield ""


def _section(section: Section, topology: Topology) -> Iterator[str]:
    yield f"## {section.title}"
    yield ""
    yield (
        "In each state: the events that move it, and the handler of the row. "
        "A pair that is not here changes nothing. Fire and the maintenance key end every "
        "crossing from every state; an event with another crossing's ticket is dropped."
    )
    yield ""
    yield from _diagram(section.rows, section.begins, topology)
    yield ""
    yield "| state | event | handler |"
    yield "|---|---|---|"
    for (state, event), handler in section.rows.items():
        module = handler.__module__.rpartition(".")[2]
        yield f"| {state.__name__} | {event.__name__} | `{module}.{handler.__name__}` |"
    yield ""


def _diagram(
    rows: Table, begins: tuple[Callable[..., object], ...], topology: Topology
) -> Iterator[str]:
    """What may follow what, as a Mermaid state diagram."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    for before, after in transitions(rows, begins, topology):
        yield f"    {before} --> {after}"
    yield "```"


def _searches() -> Iterator[str]:
    yield "## How it is tested"
    yield ""
    yield (
        "- `egate safety search` visits every state that core, guard and observer reach in each "
        "environment below, and prints states, edges, depth and, for a broken invariant, the "
        "shortest way to break it. The figures of a proof are what this command prints for the "
        "version at hand: it exits 0 only if every search was carried to its end and no "
        "invariant was broken. The tests of the repository run the large ones up to a limit."
    )
    yield "- Every state meets every event; long random runs keep the invariants (Hypothesis)."
    yield (
        "- `make mutants` breaks every row of the tables and every expression of the guard, and "
        "lists what no test noticed, each with the reason (`tests/mutation/survivors.toml`)."
    )
    yield "- Every simulation runs with the invariants on."
    yield ""
    yield "| topology | environment | what varies in it |"
    yield "|---|---|---|"
    for topology, named in ENVIRONMENTS.items():
        for name, joined in named.items():
            parts = [
                " ".join((part.__doc__ or "").split()).partition(".")[0] for part in joined.events
            ]
            clocks = [f"the {clock} clock runs out" for clock in joined.clocks]
            yield f"| {topology} | {name} | {'; '.join([*parts, *clocks])} |"
    yield ""
    yield (environment.__doc__ or "").rpartition("\n\n")[2].strip()
    yield ""
    yield "### What a search takes for the same"
    yield ""
    yield (quotient.__doc__ or "").partition("\n\n")[2].strip()
