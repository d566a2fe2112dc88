"""Candidate readings: what was meant is found, and nothing is corrected silently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.errors import MrzError
from drivers.passport.mrz.candidates import CONFUSED, candidates, doubts
from drivers.passport.mrz.zone import parse

LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


def damaged(line, column, character):
    rows = [list(row) for row in LINES]
    rows[line][column] = character
    return tuple("".join(row) for row in rows)


def test_a_good_zone_is_its_own_and_only_candidate():
    found = candidates(LINES)
    assert [(item.mrz.lines, item.changes) for item in found] == [(LINES, ())]


@pytest.mark.parametrize(
    ("line", "column", "character"),
    [(1, 13, "T"), (1, 19, "Z"), (0, 7, "1"), (0, 9, "5"), (0, 2, "U"), (1, 12, "0"), (1, 6, "Z")],
)
def test_what_was_meant_is_among_the_candidates(line, column, character):
    found = candidates(damaged(line, column, character))
    assert LINES in [item.mrz.lines for item in found]


@given(st.integers(0, 8), st.integers(0, 2))
def test_confusions_in_the_document_number_are_found_and_named(column, which):
    was = LINES[1][column]
    others = [now for now, means in CONFUSED.items() if was in means]
    if not others:
        return
    zone = damaged(1, column, others[which % len(others)])
    for item in candidates(zone):
        rebuilt = [list(row) for row in zone]
        for change in item.changes:
            assert rebuilt[change.line][change.column] == change.was
            rebuilt[change.line][change.column] = change.now
        assert tuple("".join(row) for row in rebuilt) == item.mrz.lines


@given(
    st.lists(
        st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<", min_size=44, max_size=44),
        min_size=2,
        max_size=2,
    )
)
def test_any_zone_has_a_bounded_number_of_candidates(lines):
    assert 1 <= len(candidates(lines)) <= 8


def test_no_zone_has_none():
    with pytest.raises(MrzError):
        candidates(["P<UTO"])


def test_good_zone_that_a_chip_refuses_has_readings_that_pass_its_check_digits():
    """L and 1, 0 and U, 6 and G have the same weight modulo 10."""
    found = [item.mrz.document_number for item in doubts(parse(LINES))]
    assert "1898902C3" in found
    assert "L8989U2C3" in found
    assert all(not item.mrz.failures and len(item.changes) == 1 for item in doubts(parse(LINES)))


def test_misread_check_digit_of_the_number_is_a_candidate():
    zone = damaged(1, 9, "3")
    assert LINES in [item.mrz.lines for item in candidates(zone)]
