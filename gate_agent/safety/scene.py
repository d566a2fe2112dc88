"""The scene of the search: profiles, a plant at rest, and the one genuine traveller.

Time is abstract in the search: every turn happens at `T0`. Whatever is the same in every
run (scores, texts, instants) stands here once.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from biometrics.types import (
    Guidance,
    Liveness,
    LivenessState,
    Match,
    ModelsUsed,
    Observation,
    QualityComponent,
    Tier,
)
from drivers.types import Check, Door, Flag, HolderAttributes, Lock, Plant, Result, Zone
from firmware_cfg.profile import Camera, ChipReader, Lane, MrzReader, Policy, Profile
from firmware_cfg.turnstile import Turnstile
from gate_agent.core.ledger import Ledger
from gate_agent.core.observed_history import ObservedHistory
from gate_agent.core.states import State

replace = msgspec.structs.replace

MS = 1_000_000
T0 = 1_000_000 * MS
COUNT = 10

BARRIER = Profile(
    lane=Lane(
        gate="g1",
        site="s1",
        number=1,
        direction="entry",
        authority="a",
        crossing_point="c",
        reversible=True,
    ),
    camera=Camera(source="sim:none"),
    mrz_reader=MrzReader(port="p1"),
    chip_reader=ChipReader(port="p2"),
    turnstile=Turnstile(port="p3"),
    policy=Policy(mandatory_checks=("sod_signature",)),
)
MANTRAP = replace(BARRIER, lane=replace(BARRIER.lane, topology="mantrap"))
MANTRAP_READS_INSIDE = replace(MANTRAP, lane=replace(MANTRAP.lane, entry_opens="on_approach"))

STALE_NS = T0 + BARRIER.budgets.plant_stale_ms * MS
ENOUGH_NS = T0 + 1_000 * MS

BARRIER_AT_REST = Plant(
    read_at_ns=T0,
    entry=Door.CLOSED,
    exit=Door.CLOSED,
    zone=Zone.EMPTY,
    obstruction=Flag.CLEAR,
    fire=Flag.CLEAR,
    tamper=Flag.CLEAR,
    passages_entry=0,
    passages_exit=COUNT,
)
MANTRAP_AT_REST = replace(
    BARRIER_AT_REST,
    passages_entry=None,
    passages_exit=None,
    entry_lock=Lock.LOCKED,
    exit_lock=Lock.LOCKED,
    entry_obstruction=Flag.CLEAR,
    approach=Zone.EMPTY,
    beyond=Zone.EMPTY,
    power_loss=Flag.CLEAR,
    maintenance=Flag.CLEAR,
)

AT_REST = {"barrier": BARRIER_AT_REST, "mantrap": MANTRAP_AT_REST}
"""The plant of each topology with no one in it."""

ADULT = HolderAttributes(
    document_type="P", issuing_state="UTO", nationality="UTO", age_years=40, days_to_expiry=900
)
MODELS = ModelsUsed(tier=Tier.PACKAGED, sha256={}, pad=True)


class Node(NamedTuple):
    """One state of the whole: the lane, its guard's ledger, and the observer's memory."""

    state: State
    ledger: Ledger
    history: ObservedHistory


def at_rest(profile: Profile) -> Plant:
    """The plant of this topology with no one in it."""
    return AT_REST[profile.lane.topology]


def check(result: Result) -> tuple[Check, ...]:
    """The inspection's result, by its one mandatory check."""
    return (Check(id="sod_signature", result=result),)


def frame(live: LivenessState = LivenessState.BONA_FIDE) -> Observation:
    """A frame of the genuine traveller, or of an attack."""
    return Observation(
        frame_at_ns=T0,
        faces=1,
        quality=(QualityComponent(id="sharpness", native=1.0, value=80, ok=True),),
        guidance=Guidance.NONE,
        liveness=Liveness(state=live, score=0.9),
        match=Match(score=0.9, threshold=0.5, fmr=1e-3),
    )
