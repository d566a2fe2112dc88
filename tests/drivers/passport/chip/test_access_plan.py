"""The plan of access against a chip, command by command: what it tries, how often, and what not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from drivers.passport.chip.access import ATTEMPTS, AccessPlan, PaceFailed, _readings
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import AccessDenied
from drivers.passport.mrz.candidates import candidates
from drivers.passport.mrz.zone import Mrz, check_digit, parse
from sim.chip.card import Chip, card_of
from sim.chip.keys import seeded_random
from sim.chip.model import EF_CARD_ACCESS, Behaviour
from sim.chip.specimens import SPECIMENS

PACE, BAC_ONLY = "pace_aa_ca", "bac_ecdsa_p256"
SET_AT, CHALLENGE, EXTERNAL_AUTHENTICATE, SELECT = 0x22, 0x84, 0x82, 0xA4
OFFERS_NOTHING = bytes.fromhex("3100")
NO_SUCH_GROUP = bytes.fromhex("31143012060A04007F00070202040402020102020103")
MALFORMED = bytes.fromhex("3103300101")


@cache
def personalised(name: str) -> Any:
    return SPECIMENS[name].personalisation()


def chip_of(name: str, card_access: bytes | None = None, **behaviour: Any) -> Chip:
    card = card_of(personalised(name), Behaviour(**behaviour))
    if card_access is not None:
        card = replace(card, master_files={EF_CARD_ACCESS: card_access})
    return Chip(card, seeded_random(b"chip"))


def zone_of(name: str) -> Mrz:
    text = personalised(name).printed.text
    return parse([text[:44], text[44:]])


def put(mrz: Mrz, column: int, character: str) -> Mrz:
    """The zone with one character of its second line read differently."""
    second = mrz.lines[1]
    return parse([mrz.lines[0], second[:column] + character + second[column + 1 :]])


def plan_of(mrz: Mrz | None, **how: Any) -> AccessPlan:
    return AccessPlan(mrz=mrz, random=seeded_random(b"reader"), **how)


def opened(
    plan: AccessPlan, chip: Chip, reader: FileReader, sent: list[int] | None = None
) -> tuple[str, list[int]]:
    """How the plan opened the chip, and the INS of every command that it took (in `sent`, too)."""
    sent = [] if sent is None else sent
    steps = plan.open(reader)
    try:
        op = next(steps)
        while True:
            sent.append(op.apdu[1])
            op = steps.send(chip.transmit(op.apdu)[0])
    except StopIteration as end:
        return end.value, sent


def commands_until(refusal: type[Exception], plan: AccessPlan, chip: Chip) -> list[int]:
    """The INS of every command up to a failure of this kind."""
    sent: list[int] = []
    with pytest.raises(refusal):
        opened(plan, chip, FileReader(), sent)
    return sent


@pytest.mark.parametrize("order", [("bac", "pace"), ("bac",)])
def test_where_bac_comes_first_no_other_file_is_asked_for(order: tuple[str, ...]) -> None:
    how, sent = opened(plan_of(zone_of(PACE), order=order), chip_of(PACE), FileReader())
    assert how == "BAC"
    assert sent == [SELECT, CHALLENGE, EXTERNAL_AUTHENTICATE]


@pytest.mark.parametrize(
    ("card_access", "how"),
    [
        (None, "BAC; no EF.CardAccess"),
        (OFFERS_NOTHING, "BAC; EF.CardAccess offers no PACE"),
        (MALFORMED, "BAC; EF.CardAccess is malformed: "),
        (
            NO_SUCH_GROUP,
            "BAC after PACE failed: not supported: PACE ECDH-IM AES-128, parameters 3",
        ),
    ],
)
def test_why_bac_opened_the_chip_is_stated(card_access: bytes | None, how: str) -> None:
    plan = plan_of(zone_of(BAC_ONLY))
    found, _ = opened(plan, chip_of(BAC_ONLY, card_access), FileReader())
    assert found.startswith(how)
    assert found == how or how.endswith(": ")


@pytest.mark.parametrize(
    ("card_access", "why"),
    [
        (None, "no EF.CardAccess, and BAC is not possible"),
        (OFFERS_NOTHING, "EF.CardAccess offers no PACE, and BAC is not possible"),
        (NO_SUCH_GROUP, "not supported: PACE ECDH-IM AES-128, parameters 3"),
    ],
)
def test_a_chip_without_usable_pace_is_not_opened_where_pace_alone_is_allowed(
    card_access: bytes | None, why: str
) -> None:
    plan = plan_of(zone_of(BAC_ONLY), order=("pace",))
    with pytest.raises(PaceFailed, match=why):
        opened(plan, chip_of(BAC_ONLY, card_access), FileReader())


def test_without_a_printed_zone_there_is_no_bac() -> None:
    can = personalised(PACE).features.can
    with pytest.raises(PaceFailed, match="BAC needs the MRZ"):
        opened(plan_of(None, can=can, order=("bac",)), chip_of(PACE), FileReader())


def test_without_any_password_there_is_no_pace() -> None:
    with pytest.raises(PaceFailed, match="neither MRZ nor card access number"):
        opened(plan_of(None), chip_of(PACE), FileReader())


def test_pace_with_a_wrong_zone_is_tried_as_often_as_bac_and_then_denied() -> None:
    wrong = put(zone_of(PACE), 0, "Z")
    sent = commands_until(AccessDenied, plan_of(wrong), chip_of(PACE))
    assert sent.count(SET_AT) == ATTEMPTS
    sent = commands_until(AccessDenied, plan_of(wrong, order=("bac",)), chip_of(PACE))
    assert sent.count(EXTERNAL_AUTHENTICATE) == ATTEMPTS


def test_a_card_access_number_opens_whatever_was_read_of_the_zone() -> None:
    """The zone is then no password, so that no reading of it is reported as the right one."""
    zone = zone_of(PACE)
    misread = put(zone, 9, str((int(zone.lines[1][9]) + 1) % 10))
    assert misread.failures
    plan = plan_of(misread, can=personalised(PACE).features.can)
    how, sent = opened(plan, chip_of(PACE), FileReader())
    assert how.startswith("PACE ECDH-GM AES")
    assert sent.count(SET_AT) == 1
    assert plan.reading is None


def test_bac_takes_the_zone_where_the_card_access_number_is_known_too() -> None:
    plan = plan_of(zone_of(BAC_ONLY), can="123456")
    how, _ = opened(plan, chip_of(BAC_ONLY), FileReader())
    assert how == "BAC; no EF.CardAccess"


@pytest.mark.parametrize(
    ("name", "authenticates"), [(BAC_ONLY, EXTERNAL_AUTHENTICATE), ("pace_only", SET_AT)]
)
def test_the_reading_that_opened_a_chip_opens_it_again_at_once(
    name: str, authenticates: int
) -> None:
    genuine = zone_of(name)
    twins = {"1": "L", "L": "1", "0": "U", "U": "0", "6": "G", "G": "6"}  # by check digit, too
    column = next(c for c in range(9) if genuine.lines[1][c] in twins)
    chip, reader = chip_of(name), FileReader()
    plan = plan_of(put(genuine, column, twins[genuine.lines[1][column]]))
    _, sent = opened(plan, chip, reader)
    assert sent.count(authenticates) > 1
    first = plan.reading
    assert first is not None
    assert first.mrz.key_input == genuine.key_input
    _, sent = opened(plan, chip, reader)
    assert sent.count(authenticates) == 1
    assert plan.reading == first


def test_no_two_tries_use_the_same_keys() -> None:
    """Either 0 of the optional data may be a D: readings that differ, with the same keys."""
    lines = zone_of(BAC_ONLY).lines
    optional = "D<<0<<<<<<<<<<"
    kept, given = lines[1][:28], optional + check_digit(optional)
    composite = check_digit(kept[:10] + kept[13:20] + kept[21:28] + given)
    doubtful = put(parse([lines[0], kept + given + composite]), 28, "0")
    keys = [each.mrz.key_input for each in candidates(doubtful.lines)]
    each_once = list(dict.fromkeys(keys))
    assert len(each_once) < len(keys)
    assert [each.mrz.key_input for each in _readings(doubtful)] == each_once


def test_a_chip_is_opened_again_in_the_middle_of_its_application() -> None:
    """What was malformed when it was read is read again, in the master file, in the clear."""
    chip, reader = chip_of(PACE), FileReader()
    plan = plan_of(zone_of(PACE))
    first, _ = opened(plan, chip, reader)
    card_access = bytes(reader.files["CARDACCESS"])
    reader.files["CARDACCESS"] = bytearray(MALFORMED)
    again, _ = opened(plan, chip, reader)
    assert again == first
    assert bytes(reader.files["CARDACCESS"]) == card_access


def test_a_file_that_was_read_is_not_read_again() -> None:
    chip, reader = chip_of(PACE), FileReader()
    plan = plan_of(zone_of(PACE))
    opened(plan, chip, reader)
    _, sent = opened(plan, chip, reader)
    assert 0xB0 not in sent


def test_a_file_that_the_chip_refuses_is_not_kept_as_one_that_was_asked_for() -> None:
    reader = FileReader()
    opened(plan_of(zone_of(BAC_ONLY)), chip_of(BAC_ONLY), reader)
    assert "CARDACCESS" not in reader.files
