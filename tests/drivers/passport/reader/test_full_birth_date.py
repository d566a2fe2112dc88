"""The date of birth of EF.DG11: read where the zone's is open, and counted where it is proven."""

from dataclasses import replace
from datetime import date

import pytest
from msgspec import UNSET
from reader_bench import HOLDER, Bench, country, trust_of

from drivers.passport.errors import TlvError
from drivers.passport.inspection.personal_details import full_birth_date
from drivers.types import DocumentVerified, MrzRead, PortraitRead, Result
from gate_agent.records.identity import identity
from sim.chip.data_groups import birth_details, personal_details
from sim.chip.personalise import Layout, personalise
from sim.chip.portrait import placeholder_portrait

AT = date(2026, 11, 22)
BORN = date(1919, 6, 7)
COUNTRY = country()
DG11 = 0x010B


def passport(dg11, **holder):
    layout = Layout(groups={} if dg11 is None else {11: dg11})
    person = replace(HOLDER, **{"birth_date": BORN, **holder})
    return personalise(person, placeholder_portrait(), COUNTRY, layout=layout)


def inspect(document, at=AT, trust=None):
    bench = Bench(trust_of(COUNTRY) if trust is None else trust, at)
    bench.start()
    bench.present(document.printed.lines, None, document)
    bench.run(20_000, until=DocumentVerified)
    (verified,) = bench.named(DocumentVerified)
    return bench, verified, {check.id: check.result for check in verified.checks}


@pytest.mark.parametrize("bcd", [False, True])
def test_it_settles_the_century(bcd):
    bench, verified, checks = inspect(passport(birth_details(BORN, bcd=bcd)))
    (read,) = bench.named(MrzRead)
    assert (read.attributes.age_years, read.attributes.age_range_years) == (None, (7, 107))
    assert (verified.attributes.age_years, verified.attributes.age_range_years) == (107, UNSET)
    assert checks["dg_hash.DG11"] is Result.SUCCESSFUL
    assert identity(bench.payloads[read.holder], AT)["birth_date"] == "190607"
    assert identity(bench.payloads[verified.holder], AT)["birth_date"] == "1919-06-07"
    assert "1919" not in repr(bench.events)


def test_it_completes_a_date_that_is_known_in_part():
    document = passport(birth_details(date(1942, 11, 3)), birth_text="42<<<<")
    _, verified, _ = inspect(document)
    assert verified.attributes.age_years == 84
    assert inspect(passport(None, birth_text="42<<<<"))[1].attributes is None


def test_it_is_not_read_where_the_zone_says_it_all():
    bench, verified, checks = inspect(passport(birth_details(BORN), birth_date=date(1974, 8, 12)))
    without, _, _ = inspect(passport(None, birth_date=date(1974, 8, 12)))
    assert checks["dg_hash.DG11"] is Result.UNDETERMINED
    assert (verified.attributes, verified.holder) == (None, None)
    assert bench.exchanges <= without.exchanges + 2  # EF.COM and EF.SOD are longer by an entry


@pytest.mark.parametrize("dg11", [None, personal_details("A", "B", "C"), birth_details(AT)])
def test_without_it_or_where_it_contradicts_the_date_stays_open(dg11):
    _, verified, _ = inspect(passport(dg11))
    assert (verified.attributes, verified.holder) == (None, None)


def test_it_does_not_count_unless_its_hash_is_good():
    genuine = passport(birth_details(BORN))
    _, verified, checks = inspect(genuine.with_file(DG11, birth_details(date(2019, 6, 7))))
    assert checks["dg_hash.DG11"] is Result.FAILED
    assert verified.attributes is None


def test_it_does_not_count_under_a_signer_that_is_not_trusted():
    _, verified, checks = inspect(passport(birth_details(BORN)), trust=trust_of())
    assert checks["dg_hash.DG11"] is Result.UNDETERMINED
    assert verified.attributes is None


def test_no_date_is_settled_without_a_trusted_clock():
    _, verified, _ = inspect(passport(birth_details(BORN)), at=None)
    assert verified.attributes is None


def test_a_chip_that_hides_it_gives_the_rest():
    genuine = passport(birth_details(BORN))
    files = {fid: content for fid, content in genuine.files.items() if fid != DG11}
    bench, verified, checks = inspect(replace(genuine, files=files))
    assert checks["dg_hash.DG11"] is Result.UNDETERMINED
    assert verified.attributes is None
    assert len(bench.named(PortraitRead)) == 1
    assert {checks["dg_hash.DG1"], checks["dg_hash.DG2"]} == {Result.SUCCESSFUL}


@pytest.mark.parametrize("value", [b"", b"1919", b"191906", b"19191332", b"\x19\x19\x06\xaa"])
def test_what_is_no_date_is_none(value):
    tags = bytes.fromhex("5c025f2b") + b"\x5f\x2b" + bytes([len(value)]) + value
    assert full_birth_date(b"\x6b" + bytes([len(tags)]) + tags) is None


@pytest.mark.parametrize("content", [b"", b"\x61\x00", b"\x6b\x02\x5f\x2b"])
def test_what_is_no_dg11_is_an_error(content):
    with pytest.raises(TlvError):
        full_birth_date(content)
