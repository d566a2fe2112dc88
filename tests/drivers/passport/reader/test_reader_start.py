"""A passport reader comes up: identity, conditions, and the speed of the PN532's line."""

from datetime import date, timedelta

import pytest
from reader_bench import Bench, country, passport, trust_of, verified

from drivers.passport.reader.pn532 import ACK
from drivers.passport.reader.pn532_supervisor import MAX_FAST_FAULTS
from drivers.passport.trust.store import TrustStore
from drivers.types import (
    Condition,
    DeviceReady,
    DocumentVerified,
    MrzRead,
    Result,
)
from sim.chip.keys import seeded_random
from sim.chip.pn532 import Pn532Peer

AT = date(2026, 11, 22)
TRUST = trust_of(country())
GENUINE = passport()
LINES = [GENUINE.printed.text[:44], GENUINE.printed.text[44:]]


def bench(**changes):
    made = Bench(TRUST, AT, **changes)
    made.start()
    return made


def test_ready_names_the_firmware_once_both_ports_are_open():
    made = Bench(TRUST, AT)
    made.call(made.reader.opened, "chip")
    made.run(1_000)
    assert made.named(DeviceReady) == []
    made.call(made.reader.opened, "mrz")
    identities = [event.identity for event in made.named(DeviceReady)]
    assert identities == ["PN532 firmware 1.6, 921600 baud; trust anchors: 1"]
    assert made.baud == made.peer.baud == 921_600


def test_a_lane_without_anchors_reports_it():
    made = Bench(trust_of(), AT)
    made.start()
    (ready,) = made.named(DeviceReady)
    assert ready.conditions == (Condition.TRUST_EMPTY,)


def test_what_a_reader_lacks_is_re_sent_on_change():
    made = bench()
    for day, lacks in [
        (None, (Condition.CLOCK_UNTRUSTED,)),
        (AT, ()),
    ]:
        made.events.clear()
        made.at = made.utc_day = day
        made.run(6_000)
        assert [ready.conditions for ready in made.named(DeviceReady)] == [lacks]
    made.events.clear()
    made.run(12_000)
    assert made.named(DeviceReady) == []


@pytest.mark.parametrize(("days", "lacks"), [(30, ()), (31, (Condition.TRUST_OLD,))])
def test_a_trust_list_grows_old(days, lacks):
    trust = TrustStore(TRUST, accept_demo=True, newest=AT - timedelta(days=days))
    made = Bench(trust, AT)
    made.start()
    (ready,) = made.named(DeviceReady)
    assert ready.conditions == lacks
    assert f"newest list of {trust.newest}" in ready.identity


def test_without_a_trusted_clock_dates_are_undetermined():
    made = Bench(TRUST, None)
    made.start()
    made.present(LINES, personalisation=GENUINE)
    made.run(7_000)
    checks = verified(made)
    for dated in ("expiry", "ds_validity", "csca_validity"):
        assert checks[dated] is Result.UNDETERMINED
    (read,) = made.named(MrzRead)
    assert (read.attributes.days_to_expiry, read.attributes.age_years) == (None, None)


def test_speed_of_the_line_is_left_where_the_profile_says_so():
    made = bench(baud_max=115_200)
    assert made.baud == made.peer.baud == 115_200
    assert "115200 baud" in made.named(DeviceReady)[0].identity


def test_pn532_that_an_earlier_process_left_fast_is_found():
    made = bench()
    made.call(made.reader.lost, "chip")
    made.baud = 115_200  # a port opens at the speed of the profile
    made.events.clear()
    made.call(made.reader.opened, "chip")
    made.run(1_500)
    assert len(made.named(DeviceReady)) == 1
    assert made.baud == made.peer.baud == 921_600


def test_lost_confirmation_leaves_the_line_at_its_old_speed():
    lose = [True]

    def carry(data):
        if data == ACK and lose:
            lose.clear()
            return b""
        return data

    made = Bench(TRUST, AT, from_reader=carry)
    made.start()
    assert not lose
    assert made.baud == made.peer.baud == 115_200
    made.present(LINES, personalisation=GENUINE)
    made.run(9_000, until=DocumentVerified)
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL


def test_fast_line_that_keeps_failing_is_given_up():
    """It passes the trial and fails under load: after two faults the speed stays low."""
    made = bench()
    made.line_baud_max = 115_200
    for _ in range(MAX_FAST_FAULTS):
        made.peer = Pn532Peer(seeded_random(b"powered again"))
        made.line_baud_max = 1_288_000
        made.run(3_000)
        assert made.baud == 921_600
        made.line_baud_max = 115_200
        made.run(6_000, until=None)
    made.peer = Pn532Peer(seeded_random(b"powered again"))
    made.run(3_000)
    assert made.baud == made.peer.baud == 115_200
    made.events.clear()
    made.present(LINES, personalisation=GENUINE)
    made.run(9_000, until=DocumentVerified)
    assert verified(made)["dg_hash.DG2"] is Result.SUCCESSFUL


def test_bytes_without_lines_are_a_condition_until_a_zone_is_read():
    made = bench()
    made.events.clear()
    for _ in range(3):
        made.call(made.reader.receive, "mrz", b"\x83\xfe\x1c\x80" * 22)
    assert [r.conditions for r in made.named(DeviceReady)] == [(Condition.MRZ_UNREADABLE,)]
    made.call(made.reader.receive, "mrz", f"\n{LINES[0]}\n{LINES[1]}\n".encode())
    assert [r.conditions for r in made.named(DeviceReady)][1:] == [()]
