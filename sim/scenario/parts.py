"""The parts of a scenario file that say what goes wrong, who comes in crowds, what must hold.

People and documents are in `sim.scenario.traveller`. Every field has its bounds and its unit.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

WEEK_S = 7 * 86_400

Seconds = Annotated[int, Meta(ge=0, le=WEEK_S)]
Span = Annotated[int, Meta(ge=1, le=WEEK_S)]
Millis = Annotated[int, Meta(ge=0, le=600_000)]
LaneNumber = Annotated[int, Meta(ge=1, le=99)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]

FaultKind = Literal[
    "uplink_down",
    "centre_down",
    "bus_unplugged",
    "bus_noise",
    "turnstile_silent",
    "turnstile_error",
    "wrong_identity",
    "counter_wrap",
    "fire",
    "door_stuck",
    "door_stiff",
    "door_forced",
    "stray_passage",
    "sensor_ghost",
    "sensor_blind",
    "sensor_noise",
    "camera_black",
    "camera_failed",
    "reader_unplugged",
    "reader_noise",
    "mrz_silent",
    "chip_silent",
    "officer_absent",
    "officer_slow",
    "lease_lost",
    "disk_full",
    "disk_slow",
    "clock_step",
    "clock_untrusted",
    "power_cut",
]
PlantName = Literal["turnstile", "swing_gate", "mantrap"]
"""What a lane's bus ends in."""
PLANTS: tuple[PlantName, ...] = get_args(PlantName)
LANE_STEPS = Literal[
    "closed",
    "waiting",
    "reading",
    "verifying",
    "deciding",
    "crossing",
    "referred",
    "leaving",
    "queued",
    "entering",
    "presenting",
    "going_back",
]
SPANS = Literal[
    "document", "prepare", "verify", "append", "open", "passage", "total", "wait", "lane"
]


class Part(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of every part of a scenario. Written again, what is default is left out."""


class When(Part, frozen=True, kw_only=True):
    """The condition of a fault: a lane shows a step for the n-th time, and a while later."""

    step: LANE_STEPS
    lane: LaneNumber
    nth: Annotated[int, Meta(ge=1, le=10_000)] = 1
    after_ms: Millis = 0


class Fault(Part, frozen=True, kw_only=True):
    """Something breaks for `for_s` seconds: at `at_s`, or `when` a lane comes to a step.

    Without `lane` it is at every lane. `rate` is of noise (per message, or twenty times a
    second in a sensor), or the share of a drive's force that friction takes (`door_stiff`);
    `value` is an error code (`turnstile_error`), the seconds of a jump (`clock_step`), how many
    persons pass, a negative number the other way (`stray_passage`), and
    `delay_ms` how late things get (`officer_slow`, `disk_slow`).
    """

    kind: FaultKind
    at_s: Seconds | None = None
    when: When | None = None
    for_s: Span
    lane: LaneNumber | None = None
    rate: Share = 0.05
    value: Annotated[int, Meta(ge=-WEEK_S, le=WEEK_S)] = 1
    delay_ms: Millis = 10_000


class Arrivals(Part, frozen=True, kw_only=True):
    """People who come in numbers, to whichever lane is free.

    `poisson` spreads `travellers` evenly by chance over `for_s`; `wave` is a flight: few at
    first, most after a third of the time, then ever fewer. Their passports are `passports`
    different ones, used again and again. The shares say how many of them are slow, expired,
    another person (`impostors`) or followed too closely (`tailgated`); all others are genuine.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Z][a-z]{1,11}$")]
    kind: Literal["poisson", "wave"] = "wave"
    at_s: Seconds = 0
    for_s: Span = 1_800
    travellers: Annotated[int, Meta(ge=1, le=20_000)]
    passports: Annotated[int, Meta(ge=1, le=1_000)] = 40
    slow: Share = 0.0
    expired: Share = 0.0
    impostors: Share = 0.0
    tailgated: Share = 0.0
    walk_in_ms: Millis = 1_000


class OfficerModel(Part, frozen=True, kw_only=True):
    """The officer at the console of all lanes.

    `present` renews the lanes' leases; `after_ms` is added to what each traveller's referral
    takes; alarms are acknowledged `acknowledge_ms` after they were raised, never without it.
    """

    present: bool = True
    after_ms: Millis = 0
    acknowledge_ms: Millis | None = 2_000


class Claim(Part, frozen=True, kw_only=True):
    """Something that must hold for the run, besides each traveller's own outcome.

    `eventually`: `what` was `value` at least once between `from_s` and `until_s`.
    `always`, `never`: `what` was `value` all the time, or at no time, between them.
    `percentile`: `percent` of the crossings' spans `span` are at most `max_ms`.
    `count`: how often `what` was `value`: at least `least`, at most `most`.

    `what` is a row of the timeline: a lane's `step`, `mode`, `zone` or `exit`; an `alarm`, a
    `device` that failed, a `fault`; an `outcome` or `reason` of a crossing; a `record` by its
    kind. An empty `value` is any.
    """

    kind: Literal["eventually", "always", "never", "percentile", "count"]
    what: Literal[
        "step", "mode", "zone", "exit", "alarm", "device", "fault", "outcome", "reason", "record"
    ] = "mode"
    value: Annotated[str, Meta(max_length=64)] = ""
    lane: LaneNumber | None = None
    from_s: Seconds = 0
    until_s: Seconds | None = None
    span: SPANS = "total"
    percent: Annotated[int, Meta(ge=1, le=100)] = 95
    max_ms: Annotated[float, Meta(ge=0)] = 0.0
    least: Annotated[int, Meta(ge=0)] = 0
    most: Annotated[int, Meta(ge=0)] | None = None
