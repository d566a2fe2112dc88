"""Cards that lie with the passport: passed over, and named where no passport answers."""

from datetime import date

import pytest
from reader_bench import Bench, country, passport, trust_of, verified

from drivers.types import DocumentVerified, ReadStep, Result
from sim.chip.other_card import OtherCard

AT = date(2026, 11, 22)
RANDOM = bytes.fromhex("08A1B2C3")


def read(*cards, with_passport=True, chip_ms=7_000):
    made = Bench(trust_of(country()), AT)
    made.start()
    made.peer.put_beside(*cards)
    document = passport()
    lines = (document.printed.line1, document.printed.line2)
    made.present(lines, None, document if with_passport else None, chip_ms=chip_ms)
    made.run(10_000, until=DocumentVerified)
    return made


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "card",
    [
        {"status": 0x6A82},
        {"status": 0x6D00},
        {"status": 0x6E00},
        {"status": 0x6A82, "uid": RANDOM},
        {"iso_dep": False},
        {"type_b": True},
        {"type_b": True, "status": 0x6D00},
    ],
)
def test_the_passport_is_read_among_other_cards(card, before):
    made = read(OtherCard(before=before, **card))
    assert verified(made)["access_control"] is Result.SUCCESSFUL
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL


@pytest.mark.parametrize("card", [{}, {"uid": RANDOM}, {"iso_dep": False}, {"type_b": True}])
@pytest.mark.parametrize("chip_ms", [7_000, 3_000])
def test_another_card_alone_is_named_and_asked_away(card, chip_ms):
    made = read(OtherCard(**card), with_passport=False, chip_ms=chip_ms)
    (event,) = made.named(DocumentVerified)
    access = next(check for check in event.checks if check.id == "access_control")
    assert access.result is Result.UNDETERMINED
    assert "another card answers" in access.detail
    assert not [check for check in event.checks if check.result is Result.FAILED]
    assert "another_card" in [step.step for step in made.named(ReadStep)]
