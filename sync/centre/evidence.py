"""Evidence in a file: what an auditor needs to check logs without either end's database.

JSON lines. The first names the format and the central system's key; then, for each log, a
line with the gate's key, the countersigned checkpoint, the newest size that the gate
signed and the notes of erasures, and for a gate's trimmed log after which record it begins
with the peaks of the tree there; then a line for each record with its commitment and,
unless it was erased, its salt and its canonical bytes, in which identities are sealed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from sync.centre.audit import AuditFinding, audit
from sync.centre.types import LogEnd, LogStart
from sync.log.chain import Stored
from sync.log.encoding import GENESIS
from sync.log.errors import EvidenceMalformed, KeyRefused
from sync.log.keys import VerifyingKey
from sync.log.types import Item

FORMAT = "egate evidence 1"
MAX_LINE_CHARACTERS = 16 * 1024 * 1024


class LogEvidence(NamedTuple):
    """One log: who, how far, what was signed, and its records."""

    gate: str
    epoch: str
    key: VerifyingKey
    end: LogEnd
    head: tuple[int, str]
    erasures: list[tuple[int, str]]
    rows: Iterable[Stored]
    start: LogStart = LogStart()


def write_evidence(file: TextIO, centre: VerifyingKey, logs: Iterable[LogEvidence]) -> int:
    """Write logs as evidence; give the number of records."""
    count = 0
    _line(file, {"format": FORMAT, "centre": centre.raw.hex()})
    for log in logs:
        head = {
            "gate": log.gate,
            "epoch": log.epoch,
            "key": log.key.raw.hex(),
            "end": list(log.end),
            "head": list(log.head),
            "erasures": [list(each) for each in log.erasures],
        }
        if log.start.seq:
            head["trimmed"] = [log.start.seq, log.start.commitment, log.start.peaks.hex()]
        _line(file, {"log": head})
        for row in log.rows:
            encoded = base64.b64encode(row.encoded).decode()
            _line(file, [row.seq, row.commitment.hex(), row.salt.hex(), encoded])
            count += 1
    return count


class EvidenceFile:
    """A file of evidence, read line by line; only where its logs begin is kept in memory."""

    def __init__(self, path: Path) -> None:
        """Find the logs.

        Raises:
            EvidenceMalformed: it is no evidence; names the line.
            OSError: it cannot be read.
        """
        self._path = path
        self.records = 0
        self._logs: dict[tuple[str, str], tuple[int, int, LogEvidence]] = {}
        self._commitments: dict[tuple[str, str, int], bytes] = {}
        wanted: dict[int, None] = {}
        log: tuple[str, str] | None = None
        for number, offset, value in self._lines(0, 0):
            if number == 1:
                self.centre = _centre(value)
            elif isinstance(value, dict):
                found = _log(value, number)
                log = (found.gate, found.epoch)
                if log in self._logs:
                    raise EvidenceMalformed(f"line {number}: a log stands twice")
                self._logs[log] = (number, offset, found)
                wanted = dict.fromkeys(seq for seq, _ in found.erasures)
            elif log is None:
                raise EvidenceMalformed(f"line {number}: a record of no log")
            else:
                row = _row(value, number)
                self.records += 1
                if row.seq in wanted:
                    self._commitments[*log, row.seq] = row.commitment
        if not hasattr(self, "centre"):
            raise EvidenceMalformed("the file is empty")

    def audit(self, key: VerifyingKey | None = None) -> list[AuditFinding]:
        """Check every log, with this central system's key or with the one in the file."""
        return audit(self, key or self.centre)

    def logs(self) -> list[tuple[str, str, LogEnd]]:
        """Gate, epoch and end of every log."""
        return [(gate, epoch, log.end) for (gate, epoch), (_, _, log) in self._logs.items()]

    def key_of(self, gate: str) -> VerifyingKey | None:
        """The gate's key, as the file says."""
        keys = [log.key for (name, _), (_, _, log) in self._logs.items() if name == gate]
        return keys[0] if keys and set(keys) == {keys[0]} else None

    def head_of(self, gate: str, epoch: str) -> tuple[int, str]:
        """The newest size that the gate signed, and that note."""
        return self._logs[gate, epoch][2].head

    def stored(self, gate: str, epoch: str) -> Iterator[Stored]:
        """The log's rows in the order of the file."""
        start, offset, _ = self._logs[gate, epoch]
        for number, _, value in self._lines(offset, start - 1):
            if number > start and isinstance(value, dict):
                return
            if number > start:
                yield _row(value, number)

    @property
    def trimmed(self) -> int:
        """How many records gates removed from their copies once the central system had them."""
        return sum(log.start.seq for _, _, log in self._logs.values())

    def erasures(self, gate: str, epoch: str) -> list[tuple[int, str]]:
        """The notes of erasures by place."""
        return self._logs[gate, epoch][2].erasures

    def item(self, gate: str, epoch: str, seq: int) -> Item | None:
        """The commitment to an erased record."""
        found = self._commitments.get((gate, epoch, seq))
        return None if found is None else Item(commitment=found)

    def peaks_of(self, gate: str, epoch: str) -> bytes | None:  # noqa: ARG002 (one shape for all)
        """A file has none."""
        return None

    def start_of(self, gate: str, epoch: str) -> LogStart:
        """After which record the log begins."""
        return self._logs[gate, epoch][2].start

    def hour_keys(self, gate: str, epoch: str) -> dict[int, bytes]:  # noqa: ARG002
        """A file has none: identities stay sealed."""
        return {}

    def orphan(self) -> tuple[str, str, int] | None:
        """No record of the file is without a log."""
        return None

    def _lines(self, offset: int, number: int) -> Iterator[tuple[int, int, Any]]:
        """Go through lines from an offset: number, offset, value."""
        with self._path.open("rb") as file:
            file.seek(offset)
            while data := file.readline(MAX_LINE_CHARACTERS):
                number += 1
                try:
                    value = json.loads(data)
                except (ValueError, RecursionError) as error:
                    raise EvidenceMalformed(f"line {number}: no JSON") from error
                yield number, offset, value
                offset += len(data)


def _line(file: TextIO, value: Any) -> None:
    file.write(json.dumps(value, separators=(",", ":")) + "\n")


def _centre(value: Any) -> VerifyingKey:
    """Read the first line."""
    try:
        if value["format"] == FORMAT:
            return VerifyingKey(bytes.fromhex(value["centre"]))
    except (TypeError, KeyError, ValueError, KeyRefused) as error:
        raise EvidenceMalformed("line 1: not the head of a file of evidence") from error
    raise EvidenceMalformed("line 1: another format")


def _log(value: dict[str, Any], number: int) -> LogEvidence:
    """Read the line that begins a log."""
    try:
        log = value["log"]
        seq, commitment, checkpoint = log["end"]
        size, head = log["head"]
        after, before, peaks = log.get("trimmed", (0, GENESIS, ""))
        erasures = [(int(place), str(note)) for place, note in log["erasures"]]
        return LogEvidence(
            str(log["gate"]),
            str(log["epoch"]),
            VerifyingKey(bytes.fromhex(log["key"])),
            LogEnd(int(seq), str(commitment), str(checkpoint)),
            (int(size), str(head)),
            erasures,
            (),
            LogStart(int(after), str(before), bytes.fromhex(peaks)),
        )
    except (TypeError, KeyError, ValueError, KeyRefused) as error:
        raise EvidenceMalformed(f"line {number}: not the head of a log") from error


def _row(value: Any, number: int) -> Stored:
    """Read the line of a record."""
    try:
        seq, commitment, salt, encoded = value
        data = base64.b64decode(encoded, validate=True)
        return Stored(int(seq), bytes.fromhex(commitment), data, bytes.fromhex(salt), None)
    except (TypeError, ValueError, binascii.Error) as error:
        raise EvidenceMalformed(f"line {number}: no record") from error
