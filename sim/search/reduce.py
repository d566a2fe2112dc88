"""Makes a scenario of a recorded trace: the people, documents and faults that explain it.

A trace has no names, so people get invented names; a document is one with the same age,
days to expiry and failed checks; a face is its score; what an officer did, and when, is on
record. The scenario is then run, and where a crossing ends otherwise than in the trace the
behaviours that could explain it are tried in turn.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from biometrics.types import LivenessState, Observed
from drivers.types import (
    DeviceFailed,
    DeviceId,
    DeviceReady,
    DocumentPresented,
    DocumentVerified,
    Flag,
    MrzRead,
    PlantChanged,
    Result,
)
from gate_agent.core.facts import DecisionFacts, FinishFacts
from gate_agent.core.holder import ages, days_left
from gate_agent.core.messages import Append, OfficerAction, OfficerDecided
from gate_agent.core.states import ticket_of
from sim.scenario.parts import Fault, FaultKind
from sim.scenario.scenario import Scenario, ScenarioLane
from sim.scenario.traveller import Behaviour, Forgery, Traveller
from sim.search.trace_file import Moment, files_of, header_of, moments
from sim.wires.kernel import MS, SECOND

START = datetime.datetime(2026, 11, 22, 6, tzinfo=datetime.UTC)
MAX_CROSSINGS = 500
LEAD_NS = 2 * SECOND
PULLED_AFTER_MS = 900
"""In the midst of the reading of a chip."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"

FORGERY_OF: tuple[tuple[str, Forgery], ...] = (
    ("access_control", "printed_other_number"),
    ("ds_chain", "unknown_csca"),
    ("sod_signature", "broken_sod_signature"),
    ("mrz_dg1", "printed_other_name"),
    ("ds_validity", "expired_ds"),
    ("issuing_state", "wrong_issuing_state"),
    ("com_sod", "com_sod_mismatch"),
)
"""Which forgery shows a failed check; the first that fits explains the others."""

FAULT_OF: dict[DeviceId, FaultKind] = {
    DeviceId.TURNSTILE: "turnstile_silent",
    DeviceId.READER: "reader_unplugged",
    DeviceId.VISION: "camera_failed",
}
TRIED: dict[str, tuple[Behaviour, ...]] = {
    "abandoned": ("walks_away", "turns_back"),
    "refused": ("tailgated", "pulls_passport_away", "normal"),
    "accepted": ("tailgated", "normal"),
    "referred": ("tailgated", "normal"),
    "admitted": ("normal", "slow", "holds_door"),
}


@dataclass
class _Crossing:
    """What a trace shows of one ticket."""

    ticket: int
    at_ns: int
    age_years: int = 40
    days_to_expiry: int = 1_000
    failed: list[str] = field(default_factory=list)
    faces: int = 1
    score: float | None = None
    attack: bool = False
    matched: bool = True
    decided_ns: int = 0
    action: str = "ignore"
    delay_ms: int = 0
    outcome: str = ""
    reasons: tuple[str, ...] = ()


class _Reader:
    """Follows the moments of one lane's traces."""

    def __init__(self) -> None:
        self.crossings: dict[int, _Crossing] = {}
        self.faults: list[Fault] = []
        self.begin_ns: int | None = None
        self._presented_ns = 0
        self._failed: dict[DeviceId, int] = {}
        self._fire_ns: int | None = None

    def take(self, moment: Moment) -> None:
        """One moment."""
        if self.begin_ns is None:
            self.begin_ns = moment.at_ns
        match moment.event:
            case DocumentPresented() | MrzRead() | DocumentVerified():
                self._document(moment.event, moment.at_ns)
            case Observed(ticket=ticket):
                self._observed(ticket, moment.event)
            case OfficerDecided():
                self._judged(moment)
            case DeviceFailed(device=device):
                self._failed.setdefault(device, moment.at_ns)
            case DeviceReady(device=device):
                self._mended(device, moment.at_ns)
            case PlantChanged(plant=plant):
                self._burns(moment.at_ns, burning=plant.fire is Flag.ACTIVE)
        for command in moment.commands:
            if isinstance(command, Append) and command.ticket in self.crossings:
                self._recorded(command, moment.at_ns)

    def _document(self, event: DocumentPresented | MrzRead | DocumentVerified, at_ns: int) -> None:
        if isinstance(event, DocumentPresented):
            self._presented_ns = at_ns
        elif isinstance(event, MrzRead) and len(self.crossings) < MAX_CROSSINGS:
            begun = self.crossings[event.ticket] = _Crossing(event.ticket, self._presented_ns)
            begun.age_years, _ = ages(event.attributes) or (begun.age_years, 0)
            begun.days_to_expiry, _ = days_left(event.attributes) or (begun.days_to_expiry, 0)
        elif isinstance(event, DocumentVerified) and event.ticket in self.crossings:
            failed = [check.id for check in event.checks if check.result is Result.FAILED]
            crossing = self.crossings[event.ticket]
            crossing.failed = failed
            if event.attributes is not None:
                crossing.age_years, _ = ages(event.attributes) or (crossing.age_years, 0)

    def _observed(self, ticket: int, event: Observed) -> None:
        crossing = self.crossings.get(ticket)
        if crossing is None:
            return
        seen = event.observation
        crossing.faces = seen.faces if seen.faces != 1 else crossing.faces
        crossing.attack = crossing.attack or seen.liveness.state is LivenessState.ATTACK
        if seen.match is not None:
            crossing.faces = seen.faces
            if crossing.score is None or seen.match.score > crossing.score:
                crossing.score = seen.match.score
                crossing.matched = seen.match.score >= seen.match.threshold

    def _judged(self, moment: Moment) -> None:
        event = moment.event
        before = moment.before
        asked = {ticket_of(before.crossing), ticket_of(before.approach)}  # in, or before, a mantrap
        if not isinstance(event, OfficerDecided) or event.ticket not in asked:
            return
        crossing = self.crossings.get(event.ticket)
        if crossing is not None and event.action in (OfficerAction.ACCEPT, OfficerAction.REJECT):
            crossing.action = event.action.value
            crossing.delay_ms = max(0, (moment.at_ns - crossing.decided_ns) // MS)

    def _mended(self, device: DeviceId, at_ns: int) -> None:
        failed_ns = self._failed.pop(device, None)
        kind = FAULT_OF.get(device)
        if failed_ns is not None and kind is not None:
            self._fault(kind, failed_ns, at_ns)

    def _burns(self, at_ns: int, *, burning: bool) -> None:
        if burning and self._fire_ns is None:
            self._fire_ns = at_ns
        elif not burning and self._fire_ns is not None:
            self._fault("fire", self._fire_ns, at_ns)
            self._fire_ns = None

    def _fault(self, kind: FaultKind, begins_ns: int, ends_ns: int) -> None:
        begin_ns = self.begin_ns or 0
        lasts_s = max(1, (ends_ns - begins_ns) // SECOND)
        at_s = max(0, (begins_ns - begin_ns + LEAD_NS) // SECOND)
        self.faults.append(Fault(kind=kind, at_s=at_s, for_s=lasts_s))

    def _recorded(self, command: Append, at_ns: int) -> None:
        crossing = self.crossings[command.ticket]
        facts = command.facts
        if isinstance(facts, DecisionFacts):
            crossing.decided_ns = at_ns
        elif isinstance(facts, FinishFacts):
            crossing.outcome = facts.outcome
            crossing.reasons = tuple(reason.value for reason in facts.reasons)


def reduce(path: Path) -> Scenario:
    """The scenario that a trace, or a ring of them, suggests; `fit` makes it come true.

    Raises:
        TraceError: it is not a trace, or no one crossed in it.
    """
    reader = _Reader()
    files = files_of(path)
    profile = header_of(files[0]).profile
    for file in files:
        for moment in moments(file):
            reader.take(moment)
    begin_ns = reader.begin_ns or 0
    ended = [crossing for crossing in reader.crossings.values() if crossing.outcome]
    people = tuple(
        _traveller(crossing, number, begin_ns, profile.lane.number)
        for number, crossing in enumerate(ended)
    )
    last_s = max((traveller.at_s or 0 for traveller in people), default=0)
    return Scenario(
        title=f"From a trace of lane {profile.lane.number}",
        learn="What a lane recorded, as people, documents and faults that can be varied.",
        start=START,
        limit_s=last_s + 3_600,
        profile=_policy(msgspec.to_builtins(profile)),
        lanes=(
            ScenarioLane(
                number=profile.lane.number,
                direction=profile.lane.direction,
                topology=profile.lane.topology,
            ),
        ),
        travellers=people,
        faults=tuple(reader.faults),
    )


def _policy(profile: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"policy": {**profile["policy"], "pad_required": False}, "budgets": profile["budgets"]}


def _traveller(crossing: _Crossing, number: int, begin_ns: int, lane: int) -> Traveller:
    today = START.date()
    born = today.replace(year=today.year - crossing.age_years, month=1, day=1)
    forgeries = tuple(forgery for check, forgery in FORGERY_OF if check in crossing.failed)[:1]
    if not forgeries and any(check.startswith("dg_hash") for check in crossing.failed):
        forgeries = ("altered_dg2",)
    behaviour = TRIED.get(crossing.outcome, ("normal",))[0] if _of_people(crossing) else "normal"
    if "document_removed" in crossing.reasons:
        behaviour = "pulls_passport_away"
    plain = {
        "name": f"Traveller {_letters(number)}",
        "lane": lane,
        "at_s": max(0, (crossing.at_ns - begin_ns) // SECOND),
        "behaviour": behaviour,
        "leaves_after_ms": PULLED_AFTER_MS,
        "document": {
            "number": f"T{number:06d}",
            "birth_date": born.isoformat(),
            "expiry": (today + datetime.timedelta(days=crossing.days_to_expiry)).isoformat(),
            "forgeries": forgeries,
            **_printed_instead(crossing.reasons),
        },
        "face": {
            "live": "print" if crossing.attack else "same" if crossing.matched else "other",
            "faces": min(crossing.faces, 10),
        },
        "officer": {"action": crossing.action, "after_ms": min(crossing.delay_ms, 600_000)},
        "expect": {"outcome": crossing.outcome, "reasons": crossing.reasons},
    }
    return msgspec.convert(plain, Traveller)


def _printed_instead(reasons: tuple[str, ...]) -> dict[str, str]:
    """What a document prints in place of its dates, so that they are open for these reasons."""
    printed: dict[str, str] = {}
    if "age_open" in reasons:
        printed |= {"birth_text": "<<<<<<", "full_birth_date": "absent"}
    if "expiry_open" in reasons:
        printed["expiry_text"] = "000000"
    if "expiry_none" in reasons:
        printed["expiry_text"] = "<<<<<<"
    return printed


def _of_people(crossing: _Crossing) -> bool:
    """Whether what happened lies in what the traveller did."""
    return bool({"walked_away", "tailgating", "several_persons"} & set(crossing.reasons))


def fit(scenario: Scenario, rounds: int = 4) -> Iterator[tuple[Scenario, tuple[str, ...]]]:
    """Run a reduced scenario; try what else could explain a crossing that ends otherwise.

    Gives each attempt and what is still wrong with it, until nothing is.
    """
    from sim.day.run import run

    tried = dict.fromkeys((traveller.name for traveller in scenario.travellers), 0)
    for _ in range(rounds):
        result = run(scenario, scenario.title)
        yield scenario, result.problems
        odd = {row.name for row in result.cast if not row.ok}
        if not odd:
            return
        people = []
        for traveller in scenario.travellers:
            behaviour = traveller.behaviour
            if traveller.name in odd and traveller.expect is not None:
                others = TRIED.get(traveller.expect.outcome, ("normal",))
                behaviour = others[tried[traveller.name] % len(others)]
                tried[traveller.name] += 1
            people.append(msgspec.structs.replace(traveller, behaviour=behaviour))
        scenario = msgspec.structs.replace(scenario, travellers=tuple(people))


def _letters(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, len(LETTERS))
        text = LETTERS[digit] + text
        if not number:
            return text.capitalize()
