"""What an operator of the central system sees: gates, lag, alarms; and the same as metrics.

The metrics are in Prometheus' text format 0.0.4. Names of gates are their only labels from
outside, and those cannot hold a character that would need escaping (`CentreStore.enrol`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sync.centre.audit import AuditFinding
from sync.centre.store import CentreStore
from sync.centre.types import LogStanding, QuarantineReason
from sync.log.at_gate import zone_of

SILENT_S = 180
"""A gate states its size every minute; after three missing statements it is silent."""

_MEANING = {
    QuarantineReason.MALFORMED: "bytes that are no batch; another client publishes on its topic",
    QuarantineReason.UNKNOWN_GATE: "a gate that is not enrolled sends records",
    QuarantineReason.FORGED: "not signed with the enrolled key; a sender pretends to be this gate",
    QuarantineReason.INCONSISTENT: "records that do not match their batch; a fault of the gate",
    QuarantineReason.CONFLICT: "another record at a known place; a cloned or restored gate",
    QuarantineReason.BROKEN_CHAIN: "records that do not follow ours; a cloned or restored gate",
    QuarantineReason.UNREADABLE: "not encrypted for this centre; the gate has another centre's key",
    QuarantineReason.REVOKED: "a revoked gate still sends",
    QuarantineReason.FORK: "another history than the one it signed before",
    QuarantineReason.ENROLMENT: "a request to enrol whose token or key is not good",
    QuarantineReason.DAMAGED: "our own copy of its log is damaged; audit and restore it",
}


class GateRow(NamedTuple):
    """One gate: its newest log. `lag` counts records it signed for and we do not have yet."""

    gate: str
    state: str
    records: int
    lag: int
    silent_s: int | None
    heard_utc: str
    erased: int


class CentreAlarm(NamedTuple):
    """Something that a person must look into."""

    gate: str
    what: str
    since_utc: str
    times: int


class Overview(NamedTuple):
    """Everything at one moment.

    `zones`: each gate's time zone by its newest record; gates whose record names none are absent.
    """

    at_utc: str
    gates: list[GateRow]
    alarms: list[CentreAlarm]
    zones: Mapping[str, str] = MappingProxyType({})


def overview(store: CentreStore, lost: Sequence[AuditFinding], at_utc: str) -> Overview:
    """Look at the store as of one moment.

    Args:
        store: the central system's.
        lost: what it lacks of what was signed earlier; see `sync.centre.heads`.
        at_utc: now, RFC 3339.
    """
    with store.snapshot():
        newest = {standing.gate: standing for standing in store.standing()}
        enrolled = store.registry()
        quarantined = store.quarantine.messages()
    rows = [_row(each.gate, each.revoked_utc, newest.get(each.gate), at_utc) for each in enrolled]
    silent = [row for row in rows if row.state == "silent"]
    alarms = [
        *(CentreAlarm(each.gate, each.what, "", 1) for each in lost),
        *(CentreAlarm(row.gate, "no message from it", row.heard_utc, 1) for row in silent),
        *(
            CentreAlarm(
                each.gate, _MEANING[QuarantineReason(each.reason)], each.first_utc, each.times
            )
            for each in quarantined
        ),
    ]
    zones = {gate: zone for gate, log in newest.items() if (zone := zone_of(log.newest))}
    return Overview(at_utc, rows, alarms, zones)


def _row(gate: str, revoked_utc: str, log: LogStanding | None, at_utc: str) -> GateRow:
    """Describe one gate."""
    if log is None:
        return GateRow(gate, "revoked" if revoked_utc else "new", 0, 0, None, "", 0)
    silent_s = seconds_between(log.heard_utc, at_utc)
    state = "silent" if silent_s is None or silent_s > SILENT_S else "well"
    lag = max(0, log.head_size - log.seq)
    if state == "well" and lag:
        state = "behind"
    if revoked_utc:
        state = "revoked"
    return GateRow(gate, state, log.seq, lag, silent_s, log.heard_utc, log.erased)


def seconds_between(first_utc: str, second_utc: str) -> int | None:
    """Whole seconds from one RFC 3339 time to another; None if one is none."""
    try:
        between = datetime.fromisoformat(second_utc) - datetime.fromisoformat(first_utc)
    except (ValueError, TypeError):
        return None
    return int(between.total_seconds())


def metrics_text(seen: Overview) -> str:
    """Give the same in Prometheus' text format."""
    lines: list[str] = []

    def family(name: str, what: str, samples: Sequence[tuple[str, int]]) -> None:
        lines.append(f"# HELP egate_centre_{name} {what}")
        lines.append(f"# TYPE egate_centre_{name} gauge")
        lines.extend(f"egate_centre_{name}{labels} {value}" for labels, value in samples)

    def by_gate(pick: int) -> list[tuple[str, int]]:
        return [
            (f'{{gate="{row.gate}"}}', value)
            for row in seen.gates
            if isinstance(value := row[pick], int)
        ]

    states = Counter(row.state for row in seen.gates)
    names = ("well", "behind", "silent", "new", "revoked")
    family("gates", "gates by state", [(f'{{state="{n}"}}', states[n]) for n in names])
    family("records", "records of a gate's newest log", by_gate(2))
    family("lag_records", "records that a gate signed for and that are not here", by_gate(3))
    family("silent_seconds", "time since a gate's last message", by_gate(4))
    family("erased_records", "records of a gate's newest log that were erased", by_gate(6))
    family("alarms", "alarms that stand", [("", len(seen.alarms))])
    return "\n".join(lines) + "\n"
