"""The journal of a virtual lane: a real one, whose disk and clock can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from firmware_cfg.profile import Lane
from gate_agent.core.counter import Kept
from gate_agent.core.facts import ActuationFacts, FinishFacts, plain_facts
from gate_agent.core.messages import Append, Appended, AppendFailed
from gate_agent.records.identity import identity, judged_on
from gate_agent.records.kept_passages import LATEST_RECORDS, kept_passages
from sim.lane.compose import Finish, World, centre_keys_of, utc, utc_text
from sim.people.traveller import Person
from sim.scenario.scenario import stream
from sim.wires.kernel import MS
from sync.gate.journal import Journal
from sync.log.envelope import Sealer
from sync.log.keys import VerifyingKey
from sync.log.types import Record

APPEND_NS = 2 * MS


class SimJournal:
    """Writes one lane's records.

    Args:
        world: what all lanes share.
        lane: its number.
        place: the lane's part of its profile.
        note: takes a row of the timeline: time, what, value.

    Attributes:
        full: the disk takes nothing.
        late_ms: how much longer a record takes to be durable.
        jump_s: how far the wall clock is wrong.
        openings: records of a release.
    """

    def __init__(
        self, world: World, lane: int, place: Lane, note: Callable[[int, str, str], None]
    ) -> None:
        self._world = world
        self._name = f"lane{lane}"
        self._place = place
        self._note = note
        self._opened = 0
        self.running = False
        self.full = False
        self.late_ms = self.jump_s = self.openings = 0
        self._journal: Journal

    def open(self) -> None:
        """Open the journal, again after a power cut."""
        scenario = self._world.scenario
        self._opened += 1
        opened = str(self._opened)
        seals = stream(scenario.seed, self._name, "seals", opened)
        self._journal = Journal.open(
            self._world.folder / f"{self._name}.db",
            gate=self._place.gate,
            random=stream(scenario.seed, self._name, "journal", opened).randbytes,
            sealer=Sealer(centre_keys_of(scenario).public.sealing, seals.randbytes),
            demo=True,
        )
        self.running = True

    @property
    def epoch(self) -> str:
        """Which journal this is; the same after a power cut."""
        return self._journal.epoch

    @property
    def newest_seq(self) -> int:
        """The newest record's place."""
        return self._journal.last_seq

    @property
    def pending(self) -> bool:
        """Whether the centre has not confirmed every record."""
        return self._journal.receipt_seq != self._journal.last_seq

    @property
    def tickets(self) -> tuple[tuple[int, ...], int]:
        """Tickets of crossings without an end, and the first ticket that is free."""
        return tuple(self._journal.unfinished_tickets()), self._journal.last_ticket() + 1

    @property
    def kept(self) -> Kept:
        """What the lane begins with of passages."""
        return kept_passages(self._journal.records(self._journal.last_seq - LATEST_RECORDS))

    def append(
        self, command: Append, holder: bytes | None, now_ns: int
    ) -> tuple[int, Appended | AppendFailed]:
        """Write a record; give the answer and when the lane hears it."""
        ticket, kind, facts = command.ticket, command.kind, command.facts
        if self.full:
            detail = "no space left on the device"
            return now_ns + APPEND_NS, AppendFailed(ticket=ticket, kind=kind, detail=detail)
        scenario = self._world.scenario
        now = utc(scenario, now_ns, self.jump_s)
        day = judged_on(command.inspection_day, self._place.time_zone, now)
        record = self._journal.append(
            kind,
            ticket,
            now_ns,
            utc_text(scenario, now_ns, self.jump_s),
            plain_facts(facts),
            identity(holder, day) if holder else None,
        )
        if isinstance(facts, ActuationFacts) and facts.action == "open_exit":
            self.openings += 1
        self._world.appended(now_ns)
        self._note(now_ns, "record", kind.value)
        late_ns = APPEND_NS + self.late_ms * MS
        return now_ns + late_ns, Appended(ticket=ticket, kind=kind, seq=record.seq)

    def records(self) -> Iterator[Record]:
        """Every record, from the first."""
        return self._journal.records()

    def acknowledge(self, receipt: bytes, key: VerifyingKey) -> None:
        """Take a receipt; one that comes while the lane has no power is lost."""
        if self.running:
            self._journal.acknowledge(receipt, key)

    def close(self) -> None:
        """The lane has no power, or the run is over."""
        if self.running:
            self.running = False
            self._journal.close()


def finish_of(ticket: int, facts: FinishFacts, actor: Person | None, now_ns: int) -> Finish:
    """A FINISH record as a crossing that ended, with how long its traveller waited."""
    spans = dict(facts.spans_ms)
    if actor is not None and actor.served_ns is not None:
        spans["wait"] = (actor.served_ns - actor.came_ns) / MS
        spans["lane"] = (now_ns - actor.served_ns) / MS
    name = actor.traveller.name if actor is not None else ""
    reasons = tuple(reason.value for reason in facts.reasons)
    return Finish(ticket, facts.outcome, reasons, spans, name)
