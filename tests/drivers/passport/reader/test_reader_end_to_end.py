"""The whole reader against the simulated PN532 and chip, which another hand wrote."""

from datetime import date

import pytest
from reader_bench import MS, Bench, country, passport, trust_of

from drivers.types import (
    CHECK_IDS,
    CheckMode,
    DeviceReady,
    DocumentPresented,
    DocumentRemoved,
    DocumentVerified,
    MrzRead,
    PortraitRead,
    ReadStep,
    Result,
)
from sim.chip.faults import FAULTS
from sim.chip.forgeries import FORGERIES

AT = date(2026, 11, 22)
COUNTRY = country()
GENUINE = passport()


def lines_of(document):
    return [document.printed.text[:44], document.printed.text[44:]]


def inspect(document, behaviour=None, at=AT, trust=None, remove_after_ms=None, **chip_reader):
    bench = Bench(trust if trust is not None else trust_of(COUNTRY), at, **chip_reader)
    bench.start()
    bench.present(lines_of(document), behaviour, document)
    if remove_after_ms is not None:
        bench.remove_at_ns = bench.now_ns + remove_after_ms * MS
    bench.run(20_000, until=DocumentVerified)
    return bench


def results(bench):
    (verified,) = bench.named(DocumentVerified)
    found = {check.id: check for check in verified.checks}
    assert len(found) == len(verified.checks)
    assert {check.id.partition(".")[0] for check in verified.checks} == set(CHECK_IDS)
    return found


def test_genuine_passport_is_successful_in_every_mandatory_check():
    bench = inspect(GENUINE)
    assert bench.faults == []
    bad = {
        name: check
        for name, check in results(bench).items()
        if check.mode is CheckMode.MANDATORY and check.result is not Result.SUCCESSFUL
    }
    assert bad == {}
    kinds = [type(event) for event in bench.events if not isinstance(event, ReadStep)]
    assert kinds == [DeviceReady, DocumentPresented, MrzRead, PortraitRead, DocumentVerified]
    assert [event.step for event in bench.named(ReadStep)] == ["access", "sod", "dg1", "dg2"]


def test_portrait_and_zone_travel_beside_the_events():
    bench = inspect(GENUINE)
    (portrait,), (zone,) = bench.named(PortraitRead), bench.named(MrzRead)
    assert bench.payloads[portrait.portrait] == GENUINE.files[0x0102]
    assert bench.payloads[zone.holder].decode().split("\n") == lines_of(GENUINE)
    assert zone.attributes.age_years == 52
    assert "ERIKSSON" not in repr(bench.events)


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_is_caught_by_its_check(name):
    forgery = FORGERIES[name]
    bench = inspect(forgery.apply(GENUINE))
    found = results(bench)
    assert found[forgery.caught_by].result in (Result.FAILED, Result.UNDETERMINED)
    if forgery.caught_by in ("sod_signature", "ds_chain", "dg_hash.DG2", "access_control"):
        assert bench.named(PortraitRead) == []


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_overcome_or_ends_as_aborted(name):
    fault = FAULTS[name]
    bench = inspect(GENUINE, fault.behaviour)
    found = results(bench)
    if fault.caught_by:
        listed = found.get(fault.caught_by) or found["dg_hash"]
        assert listed.result is not Result.SUCCESSFUL
        assert bench.named(PortraitRead) == []
    else:
        assert found["dg_hash.DG2"].result is Result.SUCCESSFUL
        assert len(bench.named(PortraitRead)) == 1


def test_passport_pulled_away_aborts_what_is_left():
    bench = inspect(GENUINE, remove_after_ms=1_000)
    found = results(bench)
    assert len(bench.named(DocumentRemoved)) == 1
    assert found["access_control"].result is Result.SUCCESSFUL
    assert found["sod_signature"].result in (Result.SUCCESSFUL, Result.ABORTED)
    assert found["face_image"].result is Result.ABORTED
    assert bench.named(PortraitRead) == []


def test_no_trust_anchor_leaves_the_chain_undetermined_and_gives_no_portrait():
    bench = inspect(GENUINE, trust=trust_of())
    assert results(bench)["ds_chain"].result is Result.UNDETERMINED
    assert bench.named(PortraitRead) == []


def test_without_a_trusted_clock_validity_and_expiry_are_undetermined():
    found = results(inspect(GENUINE, at=None))
    for name in ("ds_validity", "csca_validity", "expiry"):
        assert found[name].result is Result.UNDETERMINED
    assert found["sod_signature"].result is Result.SUCCESSFUL


def test_budget_ends_a_read_that_takes_too_long():
    bench = Bench(trust_of(COUNTRY), AT)
    bench.start()
    bench.present(lines_of(GENUINE), None, GENUINE, chip_ms=800)
    bench.run(820, until=DocumentVerified)
    found = results(bench)
    assert found["face_image"].result is Result.ABORTED
    assert bench.named(DocumentRemoved) == []
