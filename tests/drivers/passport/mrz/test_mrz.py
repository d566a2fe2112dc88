"""Machine readable zones: the specimens of ICAO Doc 9303 parts 4 to 7, and rules of dates."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passport.errors import MrzError
from drivers.passport.mrz import zone as mrz
from drivers.passport.mrz.attributes import attributes
from drivers.passport.mrz.zone import MrzFormat

AT = date(2026, 11, 22)
TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
TD1 = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
TD1_LONG = (
    "I<UTOD23145890<7349<<<<<<<<<<<",
    "3407127M9507122UTO<<<<<<<<<<<2",
    "STEVENSON<<PETER<JOHN<<<<<<<<<",
)
MRV_A = (
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
)
MRV_B = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<")
BSI = (
    "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<",
    "C11T002JM4D<<9608122F1310317<<<<<<<<<<<<<<<6",
)


@pytest.mark.parametrize(
    ("lines", "form", "number"),
    [
        (TD3, MrzFormat.TD3, "L898902C3"),
        (TD2, MrzFormat.TD2, "D23145890"),
        (TD1, MrzFormat.TD1, "D23145890"),
        (TD1_LONG, MrzFormat.TD1, "D23145890734"),
        (MRV_A, MrzFormat.MRV_A, "L8988901C"),
        (MRV_B, MrzFormat.MRV_B, "L8988901C"),
        (BSI, MrzFormat.TD3, "C11T002JM"),
    ],
)
def test_specimens_are_consistent(lines, form, number):
    parsed = mrz.parse(lines)
    assert parsed.format is form
    assert parsed.failures == ()
    assert parsed.document_number == number


def test_fields_of_the_passport():
    parsed = mrz.parse(TD3)
    assert (parsed.surname, parsed.given_names) == ("ERIKSSON", "ANNA MARIA")
    assert (parsed.issuing_state, parsed.nationality, parsed.sex) == ("UTO", "UTO", "F")
    assert parsed.optional_data == "ZE184226B"
    assert (parsed.birth_date, parsed.expiry) == ("740812", "120415")


def test_key_input_is_the_worked_example_of_part_11():
    lines = (TD3[0], "L898902C<3UTO6908061F9406236ZE184226B<<<<<14")
    assert mrz.parse(lines).key_input == "L898902C<369080619406236"


@pytest.mark.parametrize(
    ("first", "number", "optional"),
    [
        ("I<UTOD23145890<7349<<<<<<<<<<<", "D23145890734", ""),
        ("I<UTO123456789<07<<<<<<<<<<<<<", "1234567890", ""),
        ("I<UTO123456789<07<AB<12<<<<<<<", "1234567890", "AB<12"),
        ("I<UTOD231458907AB<12<<<<<<<<<<", "D23145890", "AB<12"),
        ("I<UTOD23145890<7<<<<<<<<<<<<<<", "D23145890", "7"),
    ],
)
def test_optional_data_hold_nothing_of_a_long_number(first, number, optional):
    parsed = mrz.parse((first, *TD1_LONG[1:]))
    assert (parsed.document_number, parsed.optional_data) == (number, optional)


def test_key_input_of_a_long_number_holds_all_of_it():
    assert mrz.parse(TD1_LONG).key_input == "D23145890734" + "9" + "3407127" + "9507122"


@pytest.mark.parametrize(
    ("line", "number", "consistent"),
    [
        ("IDBEL000590696<1015<<<<<<<<<<<", "000590696101", True),
        ("IDBEL000610035<7017<<<<<<<<<<<", "000610035701", True),  # before 2020: with the filler
        ("IDBEL000610035<7018<<<<<<<<<<<", "000610035701", False),
        ("I<SWEHVC8N3QW7<ZE17422<<<<<<<<", "HVC8N3QW7ZE1742", True),
    ],
)
def test_a_long_number_is_checked_with_or_without_the_filler_in_it(line, number, consistent):
    second = "8501017F3001011BEL<<<<<<<<<<<"
    composite = mrz.check_digit(line[5:] + second[:7] + second[8:15] + second[18:29])
    parsed = mrz.parse((line, second + composite, TD1[2]))
    assert parsed.document_number == number
    assert ("document_number_check" not in parsed.failures) is consistent
    assert "composite_check" not in parsed.failures


def test_states_lose_their_fillers():
    assert mrz.parse(BSI).issuing_state == "D"


@pytest.mark.parametrize("place", range(44))
def test_every_altered_digit_of_line_two_is_noticed(place):
    character = TD3[1][place]
    if not character.isdigit():
        return
    altered = TD3[1][:place] + str((int(character) + 1) % 10) + TD3[1][place + 1 :]
    assert mrz.parse((TD3[0], altered)).failures


def with_dates(birth, expiry):
    check = mrz.check_digit
    body = f"L898902C36UTO{birth}{check(birth)}F{expiry}{check(expiry)}" + "<" * 15
    composite = check(body[:10] + body[13:20] + body[21:43])
    return mrz.parse((TD3[0], body + composite))


@pytest.mark.parametrize("unknown", ["<<<<<<", "000000", "74<<<<", "7408<<", "740800", "740000"])
def test_unknown_parts_of_a_date_are_no_failure(unknown):
    assert with_dates(unknown, "300101").failures == ()
    assert with_dates("740812", unknown).failures == ()


@pytest.mark.parametrize("birth", ["741312", "740231", "<<0812", "7A0812", "741300", "740012"])
def test_impossible_dates_are_failures_not_errors(birth):
    zone = with_dates(birth, "300101")
    assert "birth_date" in zone.failures


def test_differences_name_the_elements():
    other = (TD3[0].replace("ANNA", "ANNE"), TD3[1])
    assert mrz.differences(mrz.parse(TD3), mrz.parse(other)) == ("names",)


def test_repr_holds_no_personal_data():
    text = repr(mrz.parse(TD3))
    assert not any(word in text for word in ("ERIKSSON", "ANNA", "L898902C", "740812"))


@given(
    st.one_of(
        st.lists(st.text(max_size=50), max_size=4),
        *(
            st.lists(
                st.text("ABCXYZ0129<", min_size=width, max_size=width),
                min_size=count,
                max_size=count,
            )
            for width, count in ((44, 2), (36, 2), (30, 3))
        ),
    )
)
def test_any_lines_parse_or_raise_only_our_error(lines):
    try:
        zone = mrz.parse(lines)
    except MrzError:
        return
    attributes(zone, AT)
    assert zone.key_input
