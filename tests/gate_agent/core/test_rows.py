"""Every state meets every event, and what follows is as it is written down.

`golden_rows.txt` says for each state and event what comes next and what is commanded, and,
as a hash, what a second event then does. What is not in it changes nothing. A change of the
tables is a change of that file, to be read in review. This program writes the file:
`python tests/gate_agent/core/test_rows.py`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from gate_world import ADULT, GOOD_CHECKS, MODELS, MS, World, frame
from mantrap_world import MANTRAP, ON_APPROACH, Mantrap
from test_crossing import STATES
from test_mantrap import BAD_CHECKS, decide_outside, lane_at, read

from biometrics.types import LivenessState, Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceId,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    Door,
    Flag,
    Lock,
    MrzRead,
    PlantChanged,
    PortraitRead,
    ReadStep,
    Zone,
)
from firmware_cfg.profile import Profile
from gate_agent.core.facts import plain_facts
from gate_agent.core.ledger import Ledger
from gate_agent.core.messages import (
    Append,
    AppendFailed,
    Checked,
    Event,
    ListState,
    OfficerAction,
    OfficerDecided,
    PermitRefused,
    Tick,
)
from gate_agent.core.record import evidence_sha256
from gate_agent.core.states import (
    Idle,
    Referred,
    State,
    replace,
    ticket_of,
)
from gate_agent.loop import turn
from sync.log.types import Appended, RecordKind

GOLDEN = Path(__file__).parent / "golden_rows.txt"
FAR_NS = 1 << 60
READ_ACTIONS = ("open_exit", "close", "open_entry", "close_entry")


class Place(NamedTuple):
    """A lane brought to a state, with everything but its own deadline far away."""

    state: State
    ledger: Ledger
    now_ns: int
    profile: Profile


def place(lane: World) -> Place:
    far = {"plant_stale_ns": FAR_NS, "lease_until_ns": FAR_NS}
    profile = lane.loop.profile
    long = replace(profile.budgets, plant_stale_ms=600_000)
    ledger = replace(lane.loop.ledger, lease_until_ns=FAR_NS)
    return Place(replace(lane.state, **far), ledger, lane.now, replace(profile, budgets=long))


def _barrier() -> Iterator[tuple[str, World]]:
    for step in STATES:
        yield f"barrier {step}", World().to(step)
    for later in ("lists", "portrait"):
        reading = World().to("Reading")
        reading.put(MrzRead(ticket=1, attributes=ADULT, holder="h"))
        reading.put(PortraitRead(ticket=1, portrait="p"))
        if later == "lists":
            reading.put(PortraitPrepared(ticket=1, usable=True, models=MODELS))
        else:
            reading.put(Checked(ticket=1, state=ListState.NO_LIST, list_age_s=None))
        reading.put(DocumentVerified(ticket=1, checks=GOOD_CHECKS))
        if later == "lists":
            reading.look()
        yield f"barrier, {later} late", reading
    gone = World().to("Opening")
    gone.move(zone=Zone.EMPTY, passages_exit=8)
    yield "barrier Opening, gone through", gone
    late = World().to("Crossing")
    late.later(12_100)
    yield "barrier Clearing, occupied", late


def _again() -> Iterator[tuple[str, World]]:
    """Between two doors, what else may be late or refused."""
    for later in ("lists", "portrait"):
        lane = lane_at("Reading", ON_APPROACH)
        lane.put(MrzRead(ticket=1, attributes=ADULT, holder="h"))
        lane.put(PortraitRead(ticket=1, portrait="p"))
        if later == "lists":
            lane.put(PortraitPrepared(ticket=1, usable=True, models=MODELS))
        else:
            lane.put(Checked(ticket=1, state=ListState.NO_LIST, list_age_s=None))
        lane.put(DocumentVerified(ticket=1, checks=GOOD_CHECKS))
        if later == "lists":
            lane.look()
        yield f"mantrap, {later} late", lane


def _mantrap() -> Iterator[tuple[str, World]]:
    for step in ("Idle", "Entering", "Shutting", "Verifying", "Deciding", "Opening", "Departing"):
        yield f"mantrap {step}", lane_at(step)
    yield "mantrap Presenting", lane_at("Presenting", ON_APPROACH)
    yield "mantrap Reading", lane_at("Reading", ON_APPROACH)
    for document in ("mrz", "portrait"):
        reading = lane_at("Reading", ON_APPROACH)
        reading.put(MrzRead(ticket=1, attributes=ADULT, holder="h"))
        if document == "portrait":
            reading.put(PortraitRead(ticket=1, portrait="p"))
            reading.put(PortraitPrepared(ticket=1, usable=True, models=MODELS))
            reading.put(Checked(ticket=1, state=ListState.NO_LIST, list_age_s=None))
        yield f"mantrap Reading, {document} read", reading
    waits = lane_at("Deciding")
    waits.move(obstruction=Flag.ACTIVE)
    waits.durable(RecordKind.DECISION, RecordKind.ACTUATION)
    yield "mantrap Admitting", waits
    for action in (None, OfficerAction.ACCEPT, OfficerAction.REJECT):
        referred = lane_at("Referred")
        if action is not None:
            referred.decide(action)
        yield f"mantrap Referred, {action}", referred
    refused = lane_at("Referred")
    refused.decide(OfficerAction.REJECT)
    refused.durable(RecordKind.OFFICER)
    yield "mantrap Emptying, going back", refused
    left = lane_at("Departing")
    left.move(zone=Zone.EMPTY)
    yield "mantrap Emptying, gone out", left


def _approach() -> Iterator[tuple[str, World]]:
    for step in ("Reading", "Queued", "Referred", "OfficerDeciding"):
        lane: Mantrap = lane_at("Verifying")
        lane.arrive()
        if step != "Reading":
            read(lane, 2, GOOD_CHECKS if step == "Queued" else BAD_CHECKS)
        if step != "OfficerDeciding":
            yield f"approach {step}", lane
            continue
        for action in (OfficerAction.ACCEPT, OfficerAction.REJECT):
            lane = lane_at("Verifying")
            lane.arrive()
            read(lane, 2, BAD_CHECKS)
            decide_outside(lane, action)
            yield f"approach {step}, {action}", lane
    for profile, name in ((MANTRAP, "outside"), (ON_APPROACH, "inside")):
        lane = Mantrap(profile)
        lane.serve()
        lane.move(approach=Zone.ONE)
        yield f"approach, read {name}", lane


@cache
def places() -> dict[str, Place]:
    made = (*_barrier(), *_mantrap(), *_again(), *_approach())
    return {name: place(lane) for name, lane in made}


def events(at: Place) -> Iterator[tuple[str, int, Event]]:
    """Everything that can be said to this lane, by a name."""
    state, now = at.state, at.now_ns
    for region, crossing in (("", state.crossing), ("outside ", state.approach)):
        ticket = ticket_of(crossing)
        if region and not ticket:
            continue
        seen = evidence_sha256(crossing) if isinstance(crossing, Referred) else ""
        for name, event in _said(ticket, now, seen):
            yield region + name, now, event
        due = None if isinstance(crossing, Idle) else crossing.due_ns
        if due is not None:
            yield f"{region}Tick", due, Tick()
    yield "DocumentPresented", now, DocumentPresented()
    for device in (DeviceId.READER, DeviceId.VISION, DeviceId.TURNSTILE, DeviceId.JOURNAL):
        failed = DeviceFailed(device=device, code=1, retryable=True, diagnosis="")
        yield f"DeviceFailed {device}", now, failed
    for action in (OfficerAction.CLOSE_LANE, OfficerAction.RELEASE, OfficerAction.ACKNOWLEDGE):
        yield f"Officer {action}", now, _word(action, 0, now, "")
    for name, changes in PLANTS.items():
        plant = replace(state.plant, read_at_ns=now, **changes)
        yield f"Plant {name}", now, PlantChanged(plant=plant)


PLANTS = {
    "as it was": {},
    "zone empty": {"zone": Zone.EMPTY},
    "zone one": {"zone": Zone.ONE},
    "zone many": {"zone": Zone.MANY},
    "zone unknown": {"zone": Zone.UNKNOWN},
    "approach empty": {"approach": Zone.EMPTY},
    "approach one": {"approach": Zone.ONE},
    "obstructed": {"obstruction": Flag.ACTIVE},
    "exit free": {"obstruction": Flag.CLEAR},
    "doorway taken": {"entry_obstruction": Flag.ACTIVE},
    "entry shut": {"entry": Door.CLOSED, "entry_lock": Lock.LOCKED},
    "entry open": {"entry": Door.OPEN, "entry_lock": Lock.UNLOCKED},
    "exit shut": {"exit": Door.CLOSED, "exit_lock": Lock.LOCKED},
    "exit open": {"exit": Door.OPEN, "exit_lock": Lock.UNLOCKED},
    "one passed": {"zone": Zone.EMPTY, "passages_exit": 8},
    "two passed": {"zone": Zone.EMPTY, "passages_exit": 9},
    "fire": {"fire": Flag.ACTIVE},
    "mains": {"power_loss": Flag.ACTIVE},
    "key": {"maintenance": Flag.ACTIVE},
}


def _said(ticket: int, now: int, seen: str) -> Iterator[tuple[str, Event]]:
    yield "MrzRead", MrzRead(ticket=ticket, attributes=ADULT, holder="h")
    yield "ReadStep", ReadStep(ticket=ticket, step="dg1")
    yield "PortraitRead", PortraitRead(ticket=ticket, portrait="p")
    yield "PortraitPrepared", PortraitPrepared(ticket=ticket, usable=True, models=MODELS)
    yield "DocumentVerified", DocumentVerified(ticket=ticket, checks=GOOD_CHECKS)
    yield "DocumentRemoved", DocumentRemoved(ticket=ticket)
    yield "Checked", Checked(ticket=ticket, state=ListState.NO_HIT, list_age_s=1)
    yield "Checked hit", Checked(ticket=ticket, state=ListState.HIT, list_age_s=1)
    yield "Observed", Observed(ticket=ticket, observation=frame())
    attack = frame(live=LivenessState.ATTACK)
    yield "Observed attack", Observed(ticket=ticket, observation=attack)
    yield "VerifyEnded", VerifyEnded(ticket=ticket, frames=1, dropped=0)
    for kind in (RecordKind.DECISION, RecordKind.OFFICER, RecordKind.ACTUATION):
        yield f"Appended {kind}", Appended(ticket=ticket, kind=kind, seq=1)
    failed = AppendFailed(ticket=ticket, kind=RecordKind.DECISION, detail="")
    yield "AppendFailed", failed
    for action in READ_ACTIONS:
        yield f"Done {action}", ActuationDone(ticket=ticket, action=action, ok=True)
        yield f"Not done {action}", ActuationDone(ticket=ticket, action=action, ok=False)
        yield f"Refused {action}", PermitRefused(ticket=ticket, action=action, clause="fire")
    for action in (OfficerAction.ACCEPT, OfficerAction.REJECT):
        yield f"Officer {action}", _word(action, ticket, now, seen)


def _word(action: OfficerAction, ticket: int, now: int, seen: str) -> OfficerDecided:
    return OfficerDecided(
        ticket=ticket,
        officer="o1",
        action=action,
        reason="identity",
        evidence_sha256=seen,
        expires_at_ns=now + 1_000 * MS,
        note="inspected" if action is OfficerAction.ACKNOWLEDGE else "",
    )


def after(at: Place, now_ns: int, event: Event) -> tuple[Place, str]:
    """The lane after an event, and what came of it in one line."""
    state, ledger, commands = turn(at.state, at.ledger, event, now_ns, at.profile)
    texts = [_text_of(command) for command in commands]
    approach = "" if isinstance(state.approach, Idle) else f" + {type(state.approach).__name__}"
    where = f"{type(state.crossing).__name__}{approach} {state.mode.value}"
    return at._replace(state=state, ledger=ledger, now_ns=now_ns), f"{where}: {', '.join(texts)}"


def _text_of(command: object) -> str:
    if not isinstance(command, Append):
        return type(command).__name__
    facts = plain_facts(command.facts)
    said = facts.get("outcome") or facts.get("action") or facts.get("event")
    reasons = "+".join(facts.get("reasons", ()))
    return f"{command.kind.value}({said}{' ' + reasons if reasons else ''})"


FOLLOW = (
    "Tick",
    "outside Tick",
    "Appended actuation",
    "Appended officer",
    "DocumentVerified",
    "Observed",
    "Done close",
    "Done close_entry",
    "Plant zone empty",
    "Plant approach one",
    "Plant as it was",
    "Plant two passed",
    "Officer accept",
)


def rows(name: str) -> list[str]:
    """What is written down of one place."""
    at = places()[name]
    written = []
    for said, now_ns, event in events(at):
        following, line = after(at, now_ns, event)
        if following.state == at.state and line.endswith(": "):
            continue
        seconds = hashlib.sha256()
        for second, then_ns, other in events(following):
            if second in FOLLOW:
                seconds.update(f"{second}: {after(following, then_ns, other)[1]}\n".encode())
        written.append(f"{name} | {said} -> {line} | {seconds.hexdigest()[:8]}")
    return written


@cache
def golden() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in GOLDEN.read_text().splitlines():
        found.setdefault(line.partition(" | ")[0], []).append(line)
    return found


NAMES = tuple(name for made in (_barrier(), _mantrap(), _again(), _approach()) for name, _ in made)


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_is_as_written_down(name):
    assert rows(name) == golden()[name]


if __name__ == "__main__":
    text = "".join(f"{line}\n" for name in NAMES for line in rows(name))
    GOLDEN.write_text(text)
    sys.stdout.write(f"{len(text.splitlines())} rows written\n")
