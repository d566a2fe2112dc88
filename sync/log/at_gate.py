"""The time at the gate of a record: its UTC by the zone that it names."""

from __future__ import annotations

from firmware_cfg.time_zone import UnknownTimeZone, time_at_gate, time_zone
from sync.log.encoding import decode_record
from sync.log.errors import RecordMalformed
from sync.log.types import Record


def at_gate(record: Record) -> str | None:
    """RFC 9557, such as 2026-12-02T01:30:00.000+07:00[Asia/Jakarta].

    None where the record names no zone, as older ones do, or one that this machine's time zone
    database does not have.
    """
    zone = record.facts.get("time_zone")
    try:
        return time_at_gate(zone, record.utc) if isinstance(zone, str) else None
    except UnknownTimeZone:
        return None


def zone_of(encoded: bytes | None) -> str:
    """The zone that a stored record names.

    "" where it names none that this machine's database has, was erased or is damaged.
    """
    try:
        zone = decode_record(encoded).facts.get("time_zone") if encoded else None
        return time_zone(zone).key if isinstance(zone, str) else ""
    except (RecordMalformed, UnknownTimeZone):
        return ""
