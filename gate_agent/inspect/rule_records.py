"""What-if over recorded days: the inputs of recorded decisions, counted and decided again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from firmware_cfg.packs.columns import RuleFacts, RuleInputs
from firmware_cfg.packs.compiled import Compiled
from sync.centre.evidence import EvidenceFile
from sync.log.encoding import decode_record
from sync.log.types import RecordKind


class Extract(NamedTuple):
    """Inputs of recorded decisions.

    Attributes:
        counts: how often each traveller's facts were recorded.
        records: decisions with inputs.
        without_inputs: decisions of a time when no rules were asked.
    """

    counts: Counter[RuleFacts]
    records: int
    without_inputs: int


class Flips(NamedTuple):
    """How many recorded decisions two packs decide differently."""

    flipped: int
    more_open: int
    more_closed: int


def evidence_files(path: Path) -> list[Path]:
    """The file, or every `.jsonl` file below a folder, by name.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    if not found or not path.exists():
        raise FileNotFoundError(f"{path} holds no exported records (.jsonl)")
    return found


def extract(path: Path) -> Extract:
    """Count the distinct inputs in one exported file.

    Raises:
        EvidenceMalformed, RecordMalformed: the file is no export.
        OSError: it cannot be read.
    """
    counts: Counter[RuleFacts] = Counter()
    without = 0
    file = EvidenceFile(path)
    for gate, epoch, _ in file.logs():
        for row in file.stored(gate, epoch):
            record = decode_record(row.encoded) if row.encoded else None
            if record is None or record.kind is not RecordKind.DECISION:
                continue
            raw = record.facts.get("inputs")
            if raw is None:
                without += 1
                continue
            inputs = msgspec.convert(raw, RuleInputs)
            columns = {name: getattr(inputs, name) for name in RuleFacts.__struct_fields__}
            counts[RuleFacts(**columns)] += 1
    return Extract(counts=counts, records=counts.total(), without_inputs=without)


def joined(extracts: Iterable[Extract]) -> Extract:
    """Several extracts as one."""
    counts: Counter[RuleFacts] = Counter()
    without = 0
    for each in extracts:
        counts.update(each.counts)
        without += each.without_inputs
    return Extract(counts=counts, records=counts.total(), without_inputs=without)


def flips(old: Compiled, new: Compiled, counts: Counter[RuleFacts]) -> Flips:
    """Decide every recorded traveller by both packs."""
    flipped = opened = closed = 0
    for facts, count in counts.items():
        before, after = old.decide(facts), new.decide(facts)
        if before.outcome != after.outcome:
            flipped += count
            opened += count if after.outcome == "auto" else 0
            closed += count if after.outcome == "refer" else 0
    return Flips(flipped=flipped, more_open=opened, more_closed=closed)
