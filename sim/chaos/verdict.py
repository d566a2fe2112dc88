"""What a campaign comes to: both sides' data, body by body, and the ledger between them."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sim.chaos.gate import body_sha256, number_of, read_ledger
from sync.centre.store import CentreStore
from sync.gate.journal_reader import JournalReader
from sync.log.encoding import decode_record
from sync.log.envelope import RecordPlace, centre_hour, open_identity
from sync.log.errors import RecordMalformed, SealBroken
from sync.log.keys import CentreKeys
from sync.log.types import Item


class Comparison(NamedTuple):
    """The two sides. `acknowledged` is what the gate's writer called durable."""

    records: int
    acknowledged: int
    lost: int
    duplicated: int
    altered: int
    quarantined: int
    findings: int


def compare(home: Path, centre: Path | str, keys: CentreKeys) -> Comparison:
    """Hold the ledger, the journal and the centre's records against one another.

    `centre` is the place of the centre's store.

    lost: a place that was acknowledged or stands in the journal, and not at the centre.
    duplicated: a body that stands at two places of the centre, or a place the gate never had.
    altered: contents that differ from the journal's bytes, or from what was acknowledged;
    for that, every identity is decrypted with the centre's key.
    """
    ledger = read_ledger(home / "ledger")
    with (
        closing(JournalReader(home / "state" / "journal.db")) as reader,
        closing(CentreStore(centre, read_only=True)) as store,
    ):
        log = (reader.gate, reader.epoch)
        ours = {row.seq: row.encoded for row in reader.stored(reader.last_seq())}
        bodies: Counter[int] = Counter()
        hours: dict[int, bytes] = {}
        altered = 0
        stored: set[int] = set()
        extra = sum(end.seq for gate, epoch, end in store.logs() if (gate, epoch) != log)
        for row in store.stored(*log):
            stored.add(row.seq)
            item = store.item(*log, row.seq)
            try:
                number, digest = _opened(store, keys, log, row.seq, item, hours)
            except (RecordMalformed, SealBroken):
                altered += 1
                continue
            bodies[number] += 1
            same = row.encoded == ours.get(row.seq) and number == row.seq
            altered += not same or ledger.get(row.seq, digest) != digest
        doubled = sum(count - 1 for count in bodies.values()) + len(stored - set(ours)) + extra
        problems = len(reader.verify()) + len(store.audit(keys.signing.public))
        return Comparison(
            records=len(ours),
            acknowledged=len(ledger),
            lost=len((set(ours) | set(ledger)) - stored),
            duplicated=doubled,
            altered=altered,
            quarantined=len(store.quarantine.messages()),
            findings=problems,
        )


def _opened(
    store: CentreStore,
    keys: CentreKeys,
    log: tuple[str, str],
    seq: int,
    item: Item | None,
    hours: dict[int, bytes],
) -> tuple[int, str]:
    """Decrypt one record at the centre: the number in its body, and the body's hash."""
    if item is None:
        raise RecordMalformed(f"record {seq} is gone")
    record = decode_record(item.encoded)
    if not isinstance(record.identity, bytes):
        raise SealBroken(f"record {seq} holds no sealed identity")
    if item.key_id not in hours:
        sealed = store.hour_key(*log, item.key_id)
        hours[item.key_id] = centre_hour(sealed, keys.opening, *log, item.key_id)
    identity = open_identity(
        RecordPlace(*log, seq), record.identity, item.wrapped, hours[item.key_id]
    )
    return number_of(record.facts), body_sha256(record.facts, identity)
