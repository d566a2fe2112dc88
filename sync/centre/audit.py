"""The audit of the central system's own store: every log against what was signed.

What both ends signed lies in `logs`: the newest checkpoint, by the gate and countersigned
by the central system, and the newest size that the gate claimed. Contents, links, places,
stored nodes and erasures are checked against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from sync.chain import LogCheck, Stored, erased_by
from sync.errors import NoteRefused, RecordMalformed
from sync.keys import SigningKey, VerifyingKey
from sync.notes import CENTRE_NAME, open_checkpoint, open_note, origin_of, sign_text
from sync.types import Item

ERASURE_ORIGIN = "egate/erasure"


class Finding(NamedTuple):
    """What an audit found wrong, and where."""

    gate: str
    epoch: str
    seq: int
    what: str


class LogEnd(NamedTuple):
    """The newest record of a gate's log, its commitment in hex, and the countersigned note.

    0, `GENESIS` and no note for an empty log.
    """

    seq: int
    commitment: str
    checkpoint: str


class Evidence(Protocol):
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

    def orphan(self) -> tuple[str, str, int] | None:
        """A record whose log is not listed."""


def erasure_note(
    place: tuple[str, str, int], commitment: bytes, utc: str, reason: str, key: SigningKey
) -> str:
    """Make the signed note that a record was erased: where, what, when, why."""
    lines = (ERASURE_ORIGIN, *map(str, place), commitment.hex(), utc, reason)
    return sign_text("".join(f"{line}\n" for line in lines), CENTRE_NAME, key)


def audit(evidence: Evidence, key: VerifyingKey | None) -> list[Finding]:
    """Check every log; with the central system's key its signatures, too."""
    findings: list[Finding] = []
    for gate, epoch, (seq, commitment, note) in evidence.logs():
        check = _Log(evidence, gate, epoch, key)
        check.run(seq, commitment, note)
        findings += [Finding(gate, epoch, at, what) for at, what in check.found]
    orphan = evidence.orphan()
    if orphan is not None:
        findings.append(Finding(*orphan, "records of a log that is not listed"))
    return findings


class _Log:
    """The audit of one log."""

    def __init__(
        self, evidence: Evidence, gate: str, epoch: str, centre: VerifyingKey | None
    ) -> None:
        self._evidence = evidence
        self._gate, self._epoch = gate, epoch
        self._origin = origin_of(gate, epoch)
        self._key = evidence.key_of(gate)
        self._centre = centre
        self._roots: dict[int, bytes] = {}
        self.found: list[tuple[int, str]] = []

    def run(self, seq: int, commitment: str, note: str) -> None:
        """Check everything about the log that is said to end at `seq`."""
        if self._key is None:
            self.found.append((0, "the gate is not enrolled"))
        head_size, head = self._evidence.head_of(self._gate, self._epoch)
        self._note(seq, note, seq, countersigned=True)
        self._note(seq, head, head_size, countersigned=False)
        erased = self._erased()
        check = LogCheck(self._gate, self._epoch, roots=self._roots, erased=erased)
        last = "00" * 32
        size = 0

        def rows() -> Iterator[Stored]:
            nonlocal last, size
            for row in self._evidence.stored(self._gate, self._epoch):
                last, size = row.commitment.hex(), row.seq
                if row.seq in erased and row.encoded and row.seq in self._by_centre:
                    self.found.append((row.seq, "the record was erased and is back"))
                yield row

        self.found += check.walk(rows())
        if (size, last) != (seq, commitment):
            self.found.append((seq, "the log does not end where receipts say"))

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
        """Give the places that may stand without a record, after checking what says so."""
        self._by_centre: set[int] = set()
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
                self._by_centre.add(seq)
            else:
                self.found.append((seq, "the note of an erasure is not good"))
        return self._by_centre | self._by_gate()

    def _by_gate(self) -> set[int]:
        """Give the places that the gate's own log says were erased at the gate."""
        places: set[int] = set()
        for row in self._evidence.stored(self._gate, self._epoch):
            if b"erasure" in row.encoded:
                try:
                    places.update(erased_by(row.encoded))
                except RecordMalformed:
                    continue  # reported where the log is walked
        return places
