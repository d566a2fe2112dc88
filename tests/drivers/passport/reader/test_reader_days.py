"""By which day a reader judges: the gate's for documents, UTC's for certificates."""

from datetime import date, timedelta

import pytest
from reader_bench import Bench, country, passport, trust_of, verified

from drivers.types import DocumentVerified, MrzRead, Result
from sim.chip.pki import signer_validity

COUNTRY = country()
LAST = date(2027, 4, 30)
DOCUMENT = passport(expiry=LAST)
LINES = [DOCUMENT.printed.text[:44], DOCUMENT.printed.text[44:]]
DAY = timedelta(days=1)


def read(asked: date | None, read_on: date | None, utc_day: date | None = None) -> Bench:
    """Ask on one day, and put the document down when another has begun."""
    bench = Bench(trust_of(COUNTRY), asked)
    bench.start()
    bench.utc_day = utc_day or asked
    bench.present([], personalisation=DOCUMENT)
    bench.at = bench.utc_day = read_on
    for line in LINES:
        bench.call(bench.reader.receive, "mrz", line.encode() + b"\r")
    bench.run(10_000, until=DocumentVerified)
    return bench


@pytest.mark.parametrize(
    ("asked", "result", "text"),
    [
        (LAST, Result.SUCCESSFUL, "2027-04-30"),
        (LAST + DAY, Result.FAILED, "2027-05-01"),
        (None, Result.UNDETERMINED, ""),
    ],
)
def test_a_document_is_judged_to_the_end_by_the_day_of_the_question(asked, result, text) -> None:
    bench = read(asked, LAST + DAY)
    assert verified(bench)["expiry"] is result
    (zone,) = bench.named(MrzRead)
    assert zone.day == text


def test_certificates_are_judged_by_the_day_in_utc() -> None:
    """East of Greenwich a day begins while certificates of the day before are valid."""
    last = signer_validity(COUNTRY.at).not_after.date()
    assert verified(read(last + DAY, last + DAY, utc_day=last))["ds_validity"] is Result.SUCCESSFUL
    assert verified(read(last, last, utc_day=last + DAY))["ds_validity"] is Result.FAILED
