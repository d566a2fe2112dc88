"""Fillers read as letters: open in the comparison with DG1, and a reading of the zone."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.inspection.checks import DIFFER_BY_FILLERS, dg1_checks
from drivers.passport.mrz.candidates import candidates, key_candidates
from drivers.passport.mrz.fillers import FILLER_LIKE
from drivers.passport.mrz.zone import parse
from drivers.passport.trust.passive_authentication import PassiveAuthentication
from drivers.types import Result
from sim.chip import der
from sim.chip.mrz import Holder, td1, td2, td3

HOLDER = Holder(
    surname="RAHAYU",
    given_names="DEWI",
    number="B4711008",
    birth_date=date(1991, 7, 6),
    sex="F",
    expiry=date(2033, 5, 1),
)
NOTHING = PassiveAuthentication(None, None, None, ())


def lines_of(holder=HOLDER, form=td3):
    return form(holder).printed.split("\n")


def put(lines, number, column, text):
    line = lines[number]
    changed = line[:column] + text + line[column + len(text) :]
    return [changed if n == number else other for n, other in enumerate(lines)]


def compared(printed, chip):
    dg1 = der.tlv(0x61, der.tlv(0x5F1F, "".join(chip).encode()))
    checks = dg1_checks(dg1, parse(printed), NOTHING, date(2026, 12, 1))
    return next(check for check in checks if check.id == "mrz_dg1")


@pytest.mark.parametrize("letter", FILLER_LIKE)
@pytest.mark.parametrize("column", [11, 12, 17, 30, 43])
def test_a_filler_of_the_names_read_as_a_letter_is_open(letter, column):
    chip = lines_of()
    found = compared(put(chip, 0, column, letter), chip)
    assert (found.result, found.codes) == (Result.UNDETERMINED, (DIFFER_BY_FILLERS,))
    assert found.detail == "names differ by fillers"


@pytest.mark.parametrize(("form", "line"), [(td1, 2), (td2, 0), (td3, 0)])
def test_in_every_format(form, line):
    chip = lines_of(form=form)
    width = len(chip[line])
    found = compared(put(chip, line, width - 4, "KCKE"), chip)
    assert (found.result, found.codes) == (Result.UNDETERMINED, (DIFFER_BY_FILLERS,))


@pytest.mark.parametrize(
    ("number", "column", "text"),
    [
        (0, 30, "A"),  # no letter that a filler is taken for
        (0, 30, "KA"),
        (0, 5, "K"),  # a letter of the name for another
        (0, 10, "<"),  # a filler for a letter of the name
        (0, 1, "E"),  # another type of document
        (1, 8, "K"),  # another number
    ],
)
def test_a_real_difference_is_failed(number, column, text):
    chip = lines_of()
    found = compared(put(chip, number, column, text), chip)
    assert (found.result, found.codes) == (Result.FAILED, ())


def test_true_letters_at_the_end_are_kept():
    full = replace(HOLDER, surname="X" * 18, given_names="MARIA ANNE LISE KKKKKKK")
    chip = lines_of(full)
    assert compared(chip, chip).result is Result.SUCCESSFUL
    end = len(chip[0].rstrip("<"))
    cut = put(chip, 0, end - 2, "<<")
    assert compared(cut, chip).result is Result.FAILED
    assert candidates(chip)[0].mrz.lines == tuple(chip)


def test_optional_data_that_differ_otherwise_are_open_without_a_code():
    chip = lines_of(replace(HOLDER, optional="ABC123"))
    printed = put(put(lines_of(replace(HOLDER, optional="ABC124")), 0, 40, "K"), 1, 0, "B4711008<")
    found = compared(printed, chip)
    assert (found.result, found.codes) == (Result.UNDETERMINED, ())


@pytest.mark.parametrize("text", ["K", "KK", "CKSXEL", "K<K"])
def test_letters_after_the_names_are_read_as_fillers_first(text):
    true = lines_of()
    read = put(true, 0, 44 - len(text), text)
    first, second = candidates(read)[:2]
    assert (first.mrz.lines, second.mrz.lines) == (tuple(true), tuple(read))
    assert {change.now for change in first.changes} == {"<"}
    assert [item.mrz.lines for item in key_candidates(read)] == [tuple(read)]


@pytest.mark.parametrize(
    ("number", "column", "text"),
    [(0, 17, "K" * 27), (0, 11, "KK"), (0, 11, "<K"), (1, 28, "<<<<<<<<<<KKK<")],
)
def test_letters_that_may_be_names_are_read_as_fillers_too(number, column, text):
    true = lines_of()
    found = [item.mrz.lines for item in candidates(put(true, number, column, text))]
    assert tuple(true) in found


def test_a_name_of_such_letters_stays_the_first_reading():
    lee = lines_of(replace(HOLDER, surname="LEE", given_names="ELSE"))
    assert candidates(lee)[0].mrz.lines == tuple(lee)
    assert candidates(lee)[0].changes == ()


WORDS = st.lists(st.text("ABCEKLMSXZ", min_size=1, max_size=9), min_size=1, max_size=3).map(
    " ".join
)


@given(WORDS, WORDS)
def test_a_zone_as_printed_is_its_own_first_reading(surname, given_names):
    lines = lines_of(replace(HOLDER, surname=surname, given_names=given_names))
    assert candidates(lines)[0].mrz.lines == tuple(lines)
