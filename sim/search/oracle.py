"""What must be true of any day, derived once more from the scenario and the plant alone.

Not the lane's invariants (`gate_agent.core.invariants`), which watch the core turn by turn:
this looks at who went where, and whether they deserved it. So a core, a driver, a plant, a
journal or an uplink that goes wrong shows, whichever of them it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import get_args

from firmware_cfg.time_zone import calendar_day
from sim.day.result import Result
from sim.scenario.parts import FaultKind
from sim.scenario.scenario import Scenario
from sim.scenario.traveller import Traveller

HARMLESS = ("reordered_issuer", "revoked_ds")
"""Forgeries that are none: other bytes, the same meaning; or that only a list would show, which
these lanes do not have."""

HARMFUL = frozenset(get_args(FaultKind)) - {
    "uplink_down",
    "centre_down",
    "counter_wrap",
    "officer_slow",
}
"""Faults after which an honest traveller may be referred; after all others none is."""

WITHOUT_ORDER = ("door_forced", "stray_passage")
"""Faults by which persons pass without an order of the lane."""

ORDINARY = ("normal", "slow", "wheelchair", "badly_placed")
FIRE_SEEN_S = 3.0
NEVER_ALONE = ("tailgated", "child", "two_passports", "walks_away")
ADULT_YEARS = 18


def undeserved(scenario: Scenario, result: Result) -> Iterator[str]:
    """Everything that a day with such people and such faults should not have come to."""
    by_name = {traveller.name: traveller for traveller in scenario.travellers}
    days = _days(scenario, result)
    for finishes in result.finishes.values():
        for finish in finishes:
            traveller = by_name.get(finish.traveller)
            if traveller is None:
                continue
            deserved = any(_may_be_admitted(traveller, day) for day in days)
            if finish.outcome == "admitted" and not deserved:
                yield f"{traveller.name} was admitted by the machine"
            if finish.outcome == "accepted" and traveller.officer.action != "accept":
                yield f"{traveller.name} was accepted by no one"
    for lane, went in result.passed_persons.items():
        passed, allowed = went - result.escaped_persons[lane], result.releases[lane]
        if passed > allowed and lane not in _passed_without_order(scenario):
            yield f"lane {lane}: {passed} persons passed on {allowed} releases"
        recorded = result.openings[lane]
        if allowed > recorded:
            yield f"lane {lane}: {allowed} releases, {recorded} on record"
    yield from _unserved(scenario, result, days)
    yield from _fire_unseen(scenario, result)
    yield from _undated(result)


def _passed_without_order(scenario: Scenario) -> set[int]:
    """Lanes at which a fault lets persons pass that no release of the lane stands behind.

    That the lane saw them is the invariant `passed_unseen`, which every run watches.
    """
    unordered = [fault for fault in scenario.faults if fault.kind in WITHOUT_ORDER]
    numbers = {lane.number for lane in scenario.lanes}
    return {n for fault in unordered for n in numbers if fault.lane in (None, n)}


def _days(scenario: Scenario, result: Result) -> set[date]:
    """Every day that a lane may have taken for today, by the calendars of the lanes.

    A clock that jumps while a time server vouches for it is believed: its days count, too.
    """
    jumps_s = {0} | {fault.value for fault in scenario.faults if fault.kind == "clock_step"}
    zones = {scenario.zone_of(lane) for lane in scenario.lanes}
    found: set[date] = set()
    for jump_s in jumps_s:
        start = scenario.start + timedelta(seconds=jump_s)
        end = start + timedelta(seconds=result.virtual_s)
        for zone in zones:
            first, last = calendar_day(zone, start), calendar_day(zone, end)
            found |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return found


def _unserved(scenario: Scenario, result: Result, days: set[date]) -> Iterator[str]:
    """A lane that refers everyone is safe, and no gate."""
    if any(fault.kind in HARMFUL for fault in scenario.faults):
        return
    outcomes = {row.name: row.outcome for row in result.cast}
    for traveller in scenario.travellers:
        deserved = all(_may_be_admitted(traveller, day) for day in days)
        honest = traveller.behaviour in ORDINARY and deserved
        outcome = outcomes.get(traveller.name, "none")
        if honest and outcome != "admitted":
            yield f"{traveller.name} was not admitted, though nothing was wrong: {outcome}"


def _fire_unseen(scenario: Scenario, result: Result) -> Iterator[str]:
    """Where nothing else is broken, a lane says that there is fire."""
    if any(fault.kind in HARMFUL - {"fire"} for fault in scenario.faults):
        return
    for row in result.rows:
        seen_s = row.at_s + FIRE_SEEN_S
        if (row.what, row.value) != ("fault", "fire begins") or result.virtual_s < seen_s:
            continue
        for lane in [row.lane] if row.lane else [lane.number for lane in scenario.lanes]:
            if not any(
                (other.what, other.lane, other.value) == ("mode", lane, "evacuation")
                and other.at_s <= seen_s
                for other in result.rows
            ):
                yield f"lane {lane}: fire, and no evacuation"


def _undated(result: Result) -> Iterator[str]:
    """No one is admitted whose document was read while nothing vouched for the clock."""
    untrusted: Counter[int] = Counter()  # by lane, 0 is all of them
    reading: set[int] = set()
    undated: set[int] = set()
    for lane, what, value in ((row.lane, row.what, row.value) for row in result.rows):
        if what == "fault" and value.startswith("clock_untrusted"):
            untrusted[lane] += 1 if value.endswith("begins") else -1
            reading = {one for one in reading if untrusted[0] or untrusted[one]}
        elif what == "step" and value == "reading":
            undated.discard(lane)
            if untrusted[0] or untrusted[lane]:
                reading.add(lane)
        elif what == "step" and lane in reading:
            reading.discard(lane)
            undated.add(lane)
        elif (what, value) == ("outcome", "admitted") and lane in undated:
            yield f"lane {lane}: a traveller was admitted on a date that nothing vouched for"


def _may_be_admitted(traveller: Traveller, day: date) -> bool:
    document, face = traveller.document, traveller.face
    born = document.birth_date
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return (
        not set(document.forgeries) - set(HARMLESS)
        and document.expiry >= day
        and years >= ADULT_YEARS
        and face.live == "same"
        and face.faces == 1
        and traveller.behaviour not in NEVER_ALONE
    )
