"""The time at the gate of a record."""

import pytest
from plain_record import plain_record

from sync.log.at_gate import at_gate


@pytest.mark.parametrize(
    ("zone", "utc", "expected"),
    [
        ("Asia/Makassar", "2026-05-01T16:20:03.456Z", "2026-05-02T00:20:03.456+08:00"),
        ("America/St_Johns", "2027-01-01T02:00:00.000Z", "2026-12-31T22:30:00.000-03:30"),
        # The hour that comes twice is distinguished by its offset.
        ("Europe/Rome", "2026-10-25T00:30:00.000Z", "2026-10-25T02:30:00.000+02:00"),
        ("Europe/Rome", "2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000+01:00"),
    ],
)
def test_utc_by_the_zone_of_the_record(zone: str, utc: str, expected: str) -> None:
    assert at_gate(plain_record(utc, time_zone=zone)) == f"{expected}[{zone}]"


def test_none_without_a_zone_or_with_one_from_a_newer_database() -> None:
    assert at_gate(plain_record("2026-05-01T16:20:03.456Z")) is None
    assert at_gate(plain_record("2026-05-01T16:20:03.456Z", time_zone="Mars/Olympus")) is None
