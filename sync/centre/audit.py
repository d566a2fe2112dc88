"""The audit of the central system's own store: every log against what was signed.

What both ends signed lies in `logs`: the newest checkpoint, by the gate and countersigned
by the central system, and the newest size that the gate claimed. Contents, links, places,
stored nodes and erasures are checked against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from sync.centre.types import LogEnd, LogStart
from sync.log.chain import LogCheck, Stored, erased_by
from sync.log.envelope import RecordPlace, centre_hour, open_identity
from sync.log.errors import NoteRefused, RecordMalformed, SealBroken
from sync.log.hpke import OpeningKey
from sync.log.keys import SigningKey, VerifyingKey
from sync.log.merkle import HASH_BYTES, Frontier
from sync.log.notes import CENTRE_NAME, open_checkpoint, open_note, origin_of, sign_text
from sync.log.types import Item, Record

ERASURE_ORIGIN = "egate/erasure"


class AuditFinding(NamedTuple):
    """What an audit found wrong, and where."""

    gate: str
    epoch: str
    seq: int
    what: str


class AuditSource(Protocol):
    """What an audit reads: a store, or what was exported from one."""

    def logs(self) -> list[tuple[str, str, LogEnd]]:
        """Gate, epoch and end of every log."""

    def key_of(self, gate: str) -> VerifyingKey | None:
        """The gate's key."""

    def head_of(self, gate: str, epoch: str) -> tuple[int, str]:
        """The newest size that the gate signed, and that note."""

    def stored(self, gate: str, epoch: str) -> Iterator[Stored]:
        """The log's rows in order."""

    def erasures(self, gate: str, epoch: str) -> list[tuple[int, str]]:
        """The notes of erasures by place."""

    def item(self, gate: str, epoch: str, seq: int) -> Item | None:
        """One record."""

    def peaks_of(self, gate: str, epoch: str) -> bytes | None:
        """The stored peaks of a log's tree, None if there are none to check."""

    def start_of(self, gate: str, epoch: str) -> LogStart:
        """After which record the log begins: 0, but in a gate's own trimmed copy."""

    def hour_keys(self, gate: str, epoch: str) -> dict[int, bytes]:
        """The keys of a log's hours, sealed for the central system, by their numbers."""

    def orphan(self) -> tuple[str, str, int] | None:
        """A record whose log is not listed."""


def erasure_note(
    place: tuple[str, str, int], commitment: bytes, utc: str, reason: str, key: SigningKey
) -> str:
    """Make the signed note that a record was erased: where, what, when, why."""
    lines = (ERASURE_ORIGIN, *map(str, place), commitment.hex(), utc, reason)
    return sign_text("".join(f"{line}\n" for line in lines), CENTRE_NAME, key)


def audit(
    evidence: AuditSource, key: VerifyingKey | None, opening: OpeningKey | None = None
) -> list[AuditFinding]:
    """Check every log.

    Args:
        evidence: what to check.
        key: the central system's key; with it its signatures are checked, too.
        opening: with it, whether every sealed identity still opens.
    """
    findings: list[AuditFinding] = []
    for gate, epoch, end in evidence.logs():
        check = _Log(evidence, gate, epoch, key, opening)
        check.run(end)
        findings += [AuditFinding(gate, epoch, at, what) for at, what in check.found]
    orphan = evidence.orphan()
    if orphan is not None:
        findings.append(AuditFinding(*orphan, "rows of a log or record that is not listed"))
    return findings


class _Erased:
    """The places that may stand without a record; the gate's own erasures are read if asked."""

    def __init__(self, by_centre: set[int], evidence: AuditSource, gate: str, epoch: str) -> None:
        self._places = by_centre
        self._evidence: AuditSource | None = evidence
        self._log = (gate, epoch)

    def __contains__(self, seq: object) -> bool:
        if seq not in self._places and self._evidence is not None:
            self._places = self._places | _by_gate(self._evidence, *self._log)
            self._evidence = None
        return seq in self._places


class _Log:
    """The audit of one log."""

    def __init__(
        self,
        evidence: AuditSource,
        gate: str,
        epoch: str,
        centre: VerifyingKey | None,
        opening: OpeningKey | None,
    ) -> None:
        self._evidence = evidence
        self._gate, self._epoch = gate, epoch
        self._origin = origin_of(gate, epoch)
        self._key = evidence.key_of(gate)
        self._centre = centre
        self._roots: dict[int, bytes] = {}
        self._hours: dict[int, bytes] = {}
        self._opening = opening
        self.found: list[tuple[int, str]] = []

    def run(self, end: LogEnd) -> None:
        """Check everything about the log that claims to end at `end`."""
        if self._key is None:
            self.found.append((0, "the gate is not enrolled"))
        head_size, head = self._evidence.head_of(self._gate, self._epoch)
        self._note(end.seq, end.checkpoint, end.seq, countersigned=True)
        self._note(end.seq, head, head_size, countersigned=False)
        peaks = self._evidence.peaks_of(self._gate, self._epoch)
        if head_size < end.seq and (head_size or peaks is not None):
            self.found.append((end.seq, "no size that the gate signed covers the log"))
        if self._opening is not None:
            self._open_hours(self._opening)
        by_centre = self._erased()
        erased = _Erased(by_centre, self._evidence, self._gate, self._epoch)
        start = self._evidence.start_of(self._gate, self._epoch)
        check = LogCheck(
            self._gate,
            self._epoch,
            roots=self._roots,
            erased=erased,
            frontier=self._begin(start, end),
            previous=start.commitment,
            inspect=None if self._opening is None else self._identity,
        )
        size, last = start.seq, start.commitment

        def rows() -> Iterator[Stored]:
            nonlocal last, size
            for row in self._evidence.stored(self._gate, self._epoch):
                last, size = row.commitment.hex(), row.seq
                if row.nodes is None and peaks is not None:
                    self.found.append((row.seq, "the stored nodes of the tree are gone"))
                if row.encoded and row.seq in by_centre:
                    self.found.append((row.seq, "the record was erased and is back"))
                if not row.encoded and row.seq in by_centre and (row.salt or row.wrapped):
                    self.found.append((row.seq, "the record is gone, its salt or key is not"))
                yield row

        self.found += check.walk(rows())
        if (size, last) != (end.seq, end.commitment):
            self.found.append((end.seq, "the log does not end where receipts say"))
        if peaks not in (None, check.frontier.peaks):
            self.found.append((end.seq, "the stored peaks of the tree are not the log's"))

    def _begin(self, start: LogStart, end: LogEnd) -> Frontier:
        """The tree after which a copy begins; nothing before it may be out of a signature's reach.

        The countersigned checkpoint distinguishes what was trimmed from what was lost: its root
        follows from these peaks and the rows after them, or from the peaks alone.
        """
        frontier = Frontier.joined(start.seq, start.peaks)
        if start.seq < 0 or len(start.peaks) != start.seq.bit_count() * HASH_BYTES:
            self.found.append((start.seq, "the peaks of the trimmed tree are not whole"))
            return Frontier()
        if start.seq > end.seq:
            self.found.append((start.seq, "records are gone that no signature covers"))
        elif start.seq and self._roots.get(start.seq, frontier.root()) != frontier.root():
            self.found.append((start.seq, "the tree up to the trim is not the one that was signed"))
        return frontier

    def _open_hours(self, opening: OpeningKey) -> None:
        """Open the keys of the log's hours."""
        for key_id, sealed in self._evidence.hour_keys(self._gate, self._epoch).items():
            try:
                hour = centre_hour(sealed, opening, self._gate, self._epoch, key_id)
            except SealBroken:
                self.found.append((0, f"the key of hour {key_id} does not open"))
            else:
                self._hours[key_id] = hour

    def _identity(self, row: Stored, record: Record) -> str | None:
        """Say what is wrong with a record's sealed identity, or None."""
        if not isinstance(record.identity, bytes):
            kept = row.wrapped or row.key_id
            return "a key stands beside a record without an identity" if kept else None
        hour = self._hours.get(row.key_id)
        if hour is None:
            return "the key of the identity's hour is missing"
        place = RecordPlace(self._gate, self._epoch, row.seq)
        try:
            open_identity(place, record.identity, row.wrapped, hour)
        except SealBroken as error:
            return error.diagnosis
        return None

    def _note(self, seq: int, note: str, size: int, *, countersigned: bool) -> None:
        """Check a checkpoint and remember its root."""
        if not note:
            if size:
                self.found.append((seq, "a signed checkpoint is missing"))
            return
        signers = [] if self._key is None else [(self._origin, self._key)]
        if countersigned and self._centre is not None:
            signers.append((CENTRE_NAME, self._centre))
        try:
            checkpoint = open_checkpoint(note, self._origin, *signers)
        except NoteRefused as error:
            self.found.append((seq, error.diagnosis))
            return
        if checkpoint.size != size:
            self.found.append((seq, "a signed checkpoint is for another size"))
        elif self._roots.setdefault(size, checkpoint.root) != checkpoint.root:
            self.found.append((seq, "two signed checkpoints of this size differ"))

    def _erased(self) -> set[int]:
        """Give the places that the central system erased, after checking what says so."""
        places: set[int] = set()
        for seq, note in self._evidence.erasures(self._gate, self._epoch):
            item = self._evidence.item(self._gate, self._epoch, seq)
            commitment = "" if item is None else item.commitment.hex()
            signers = () if self._centre is None else ((CENTRE_NAME, self._centre),)
            expected = [ERASURE_ORIGIN, self._gate, self._epoch, str(seq), commitment]
            try:
                good = open_note(note, *signers).split("\n")[:5] == expected
            except NoteRefused:
                good = False
            if good:
                places.add(seq)
            else:
                self.found.append((seq, "the note of an erasure is not good"))
        return places


def _by_gate(evidence: AuditSource, gate: str, epoch: str) -> set[int]:
    """Give the places that the gate's own log says were erased at the gate."""
    places: set[int] = set()
    for row in evidence.stored(gate, epoch):
        if b"erasure" in row.encoded:
            try:
                places.update(erased_by(row.encoded))
            except RecordMalformed:
                continue  # reported where the log is walked
    return places
