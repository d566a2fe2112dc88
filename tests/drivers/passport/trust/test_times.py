"""Times in certificates and lists: the day in UTC, whatever offset a producer wrote."""

import os
import time

import pytest
from asn1crypto import core

from drivers.passport.trust.asn1 import utc_day


@pytest.mark.parametrize(
    ("kind", "text", "day"),
    [
        (core.UTCTime, "261231235900Z", "2026-12-31"),
        (core.UTCTime, "261231235900-0330", "2027-01-01"),
        (core.UTCTime, "270101075900+0800", "2026-12-31"),
        (core.GeneralizedTime, "20510301010000+1245", "2051-02-28"),
        (core.GeneralizedTime, "20520229120000", "2052-02-29"),
    ],
)
def test_a_time_has_its_day_in_utc(kind: type[core.Asn1Value], text: str, day: str) -> None:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Auckland"  # the computer's own zone plays no part
    time.tzset()
    try:
        assert utc_day(kind(contents=text.encode())).isoformat() == day
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
