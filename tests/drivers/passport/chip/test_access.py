"""Ways of access: order, fallback, readings of a zone that was misread; and what is reported."""

from datetime import date
from functools import cache

import pytest
from reader_bench import Bench, trust_of

from drivers.passport.chip.apdu import Emit, Later, Reconnect, Send, overlap
from drivers.passport.errors import TagLost
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import parse
from drivers.types import CheckMode, DocumentVerified, PortraitRead, ReadStep, Result
from sim.chip.card import Behaviour, Chip, card_of
from sim.chip.keys import seeded_random
from sim.chip.specimens import SPECIMENS

AT = date(2026, 11, 22)


@cache
def specimen(name):
    return SPECIMENS[name].personalisation()


def lines_of(name):
    text = specimen(name).printed.text
    return [text[:44], text[44:]]


def replaced(lines, line, column, character):
    rows = [list(row) for row in lines]
    rows[line][column] = character
    return ["".join(row) for row in rows]


def inspect(name, lines=None, behaviour=None, **profile):
    bench = Bench(trust_of(SPECIMENS[name].country), AT, **profile)
    bench.start()
    bench.present(lines or lines_of(name), behaviour, specimen(name))
    bench.run(20_000, until=DocumentVerified)
    (verified,) = bench.named(DocumentVerified)
    return bench, {check.id: check for check in verified.checks}


@pytest.mark.parametrize(
    ("name", "profile", "detail"),
    [
        ("pace_aa_ca", {}, "PACE ECDH-GM AES"),
        ("pace_aa_ca", {"access": ("bac", "pace")}, "BAC"),
        ("bac_ecdsa_p256", {}, "BAC; no EF.CardAccess"),
        ("bac_ecdsa_p256", {"access": ("bac",)}, "BAC"),
    ],
)
def test_profile_decides_the_order(name, profile, detail):
    _, checks = inspect(name, **profile)
    assert checks["access_control"].result is Result.SUCCESSFUL
    assert checks["access_control"].detail.startswith(detail)


def test_fallback_is_reported_or_not_taken():
    broken = Behaviour(pace_refused_at=1)
    _, checks = inspect("pace_aa_ca", behaviour=broken)
    assert checks["access_control"].result is Result.SUCCESSFUL
    assert checks["access_control"].detail.startswith("BAC after PACE failed: ")
    _, checks = inspect("pace_aa_ca", behaviour=broken, bac_fallback=False)
    assert checks["access_control"].result is Result.FAILED
    _, checks = inspect("pace_aa_ca", behaviour=broken, access=("pace",))
    assert checks["access_control"].result is Result.FAILED


def talk(name, behaviour=None, meanwhile=True, **inspection):
    """An inspection over no wire at all: emissions, commands by their INS, the checks."""
    chip = Chip(card_of(specimen(name), behaviour or Behaviour()), seeded_random(b"chip"))
    made = Inspection(
        ticket=1,
        trust=trust_of(SPECIMENS[name].country),
        at=AT,
        random=seeded_random(b"reader"),
        clock=lambda: 0,
        new_handle=lambda: "handle",
        **{"mrz": parse(lines_of(name))} | inspection,
    )
    steps, seen, answer = made.run(), [], None
    try:
        op = next(steps)
        while True:
            if isinstance(op, Emit):
                seen.append(op.emission.event)
                op = next(steps)
            elif isinstance(op, Reconnect):
                op = steps.send(False)
            else:
                seen.append(op.apdu[1])
                answer, _ = chip.transmit(op.apdu)
                if op.meanwhile is not None and meanwhile and answer is not None:
                    op.meanwhile()
                    seen.append("meanwhile")
                lost = answer is None
                op = steps.throw(TagLost("gone")) if lost else steps.send(answer)
    except StopIteration as end:
        return seen, {check.id: check for check in end.value}


def test_card_access_number_leaves_the_comparison_of_zones_unsupported():
    _, checks = talk("pace_aa_ca", mrz=None, can=specimen("pace_aa_ca").features.can)
    assert checks["access_control"].result is Result.SUCCESSFUL
    assert checks["mrz_dg1"].result is Result.NOT_SUPPORTED
    assert checks["mrz_consistency"].result is Result.UNDETERMINED
    assert checks["dg_hash.DG2"].result is Result.SUCCESSFUL


@pytest.mark.parametrize("meanwhile", [True, False])
def test_portrait_is_reported_before_the_chip_proves_itself_and_judged_while_it_is_read(meanwhile):
    """EF.SOD is judged while DG2 is on its way, or when it is needed: with the same verdict."""
    seen, checks = talk("pace_aa_ca", meanwhile=meanwhile)
    kinds = [type(item) if not isinstance(item, int | str) else item for item in seen]
    portrait = kinds.index(PortraitRead)
    internal, manage = 0x88, 0x22
    assert internal not in kinds[:portrait]
    assert internal in kinds[portrait:]
    assert manage in kinds[portrait:]  # chip authentication; the one before is PACE's
    assert kinds[-1] is DocumentVerified
    assert ("meanwhile" in kinds) is meanwhile
    if meanwhile:
        at = kinds.index("meanwhile")
        dg1 = max(
            i for i, item in enumerate(seen) if isinstance(item, ReadStep) and i < portrait - 1
        )
        assert dg1 < at < portrait
        assert 0xB0 in kinds[at:portrait] or 0xB0 in kinds[dg1:at]
    mandatory = [c for c in checks.values() if c.mode is CheckMode.MANDATORY]
    assert {c.result for c in mandatory} == {Result.SUCCESSFUL}


def test_work_beside_a_command_is_done_once_and_survives_a_lost_chip():
    done = []
    work = Later(lambda: done.append(1) or "result")

    def steps():
        yield Send(b"head")
        try:
            yield Send(b"rest")
        except TagLost:
            yield Send(b"again")
        return "content"

    wrapped = overlap(steps(), work)
    assert next(wrapped).meanwhile is None
    op = wrapped.send(b"")
    op.meanwhile()
    assert wrapped.throw(TagLost("gone")).apdu == b"again"
    with pytest.raises(StopIteration) as end:
        wrapped.send(b"")
    assert end.value.value == "content"
    assert (work(), done) == ("result", [1])


@pytest.mark.parametrize("meanwhile", [True, False])
@pytest.mark.parametrize("lost_at_byte", [3_000, 6_000])
def test_what_was_read_is_judged_even_where_the_chip_is_lost_in_dg2(lost_at_byte, meanwhile):
    seen, checks = talk("bac_ecdsa_p256", Behaviour(lost_at_byte=lost_at_byte), meanwhile)
    assert checks["dg_hash.DG1"].result is Result.SUCCESSFUL
    assert checks["sod_signature"].result is Result.SUCCESSFUL
    assert checks["dg_hash.DG2"].result is Result.ABORTED
    assert not any(isinstance(item, PortraitRead) for item in seen)


@pytest.mark.parametrize("name", ["bac_ecdsa_p256", "pace_only"])
def test_number_that_was_misread_opens_the_chip_and_is_reported(name):
    """A digit read as a letter: the check digit fails, a candidate opens, DG1 confirms it."""
    genuine = lines_of(name)
    column = next(c for c in range(9) if genuine[1][c] in "0158")
    letter = {"0": "O", "1": "I", "5": "S", "8": "B"}[genuine[1][column]]
    bench, checks = inspect(name, replaced(genuine, 1, column, letter))
    place = f"line 2 column {column + 1}"
    assert checks["access_control"].result is Result.SUCCESSFUL
    assert place in checks["access_control"].detail
    assert checks["mrz_dg1"].result is Result.SUCCESSFUL
    assert place in checks["mrz_dg1"].detail
    assert checks["mrz_consistency"].result is Result.FAILED
    assert "document_number_check" in checks["mrz_consistency"].detail
    assert place in checks["mrz_consistency"].detail
    assert len(bench.named(PortraitRead)) == 1


def test_misread_number_that_passes_its_check_digit_is_reported_too():
    genuine = lines_of("bac_ecdsa_p256")
    twins = {"1": "L", "L": "1", "0": "U", "U": "0", "6": "G", "G": "6"}
    column = next(c for c in range(9) if genuine[1][c] in twins)
    _, checks = inspect("bac_ecdsa_p256", replaced(genuine, 1, column, twins[genuine[1][column]]))
    assert checks["access_control"].result is Result.SUCCESSFUL
    assert checks["mrz_consistency"].result is Result.UNDETERMINED
    assert f"line 2 column {column + 1}" in checks["mrz_consistency"].detail


def test_a_chip_is_tried_three_times_and_no_more():
    genuine = lines_of("bac_ecdsa_p256")
    seen, checks = talk(
        "bac_ecdsa_p256",
        mrz=parse([genuine[0], "Z" + genuine[1][1:]]),
    )
    assert seen.count(0x82) == 3
    assert checks["access_control"].result is Result.FAILED
    assert checks["mrz_consistency"].result is Result.FAILED
    assert "reading" not in checks["mrz_consistency"].detail
