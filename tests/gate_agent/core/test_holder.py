"""What the chip settles of the holder's birth, and what is decided and recorded of it."""

import pytest
from gate_world import ADULT, GOOD_CHECKS, PROFILE, World, facts

from drivers.types import DocumentVerified, ExpiryKind, HolderAttributes, MrzRead
from gate_agent.core.holder import ages, days_left
from gate_agent.core.messages import Append, Checked, ListState
from gate_agent.core.states import replace
from sync.log.types import RecordKind

OPEN = replace(ADULT, age_years=None, age_range_years=(7, 107))


def decided(*, settled: HolderAttributes | None, read: HolderAttributes = OPEN) -> World:
    lane = World(PROFILE)
    lane.serve()
    lane.present()
    ticket = lane.ticket
    lane.put(MrzRead(ticket=ticket, attributes=read, holder="zone"))
    lane.put(Checked(ticket=ticket, state=ListState.NO_LIST, list_age_s=None))
    handle = "zone and chip" if settled is not None else None
    verified = DocumentVerified(
        ticket=ticket, checks=GOOD_CHECKS, attributes=settled, holder=handle
    )
    lane.put(verified)
    return lane


@pytest.mark.parametrize(
    ("settled", "reasons", "recorded"),
    [
        (None, {"age_open", "portrait_unusable"}, OPEN),
        (replace(ADULT, age_years=107), {"portrait_unusable"}, replace(ADULT, age_years=107)),
        (
            replace(ADULT, age_years=7),
            {"under_age", "portrait_unusable"},
            replace(ADULT, age_years=7),
        ),
    ],
)
def test_what_the_chip_settled_is_decided_on_and_recorded(settled, reasons, recorded):
    lane = decided(settled=settled)
    (found,) = facts(lane.sent, RecordKind.DECISION)
    assert set(found["reasons"]) == reasons
    assert found["attributes"]["age_years"] == recorded.age_years
    assert ("age_range_years" in found["attributes"]) is (settled is None)
    decisions = [
        command.holder
        for command in lane.sent
        if isinstance(command, Append) and command.kind is RecordKind.DECISION
    ]
    assert decisions == ["zone" if settled is None else "zone and chip"]


def test_what_is_known_is_a_range():
    assert (ages(ADULT), days_left(ADULT)) == ((40, 40), (900, 900))
    unknown = replace(ADULT, age_years=None, days_to_expiry=None)
    assert (ages(unknown), days_left(unknown)) == (None, None)
    part = replace(unknown, expiry=ExpiryKind.PART, days_to_expiry_range=(3, 33))
    assert (ages(OPEN), days_left(part)) == ((7, 107), (3, 33))
