"""The rules: decided, checked and compared, held against a plain reading of the same rows."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_cfg.packs.check import check, difference
from firmware_cfg.packs.columns import RuleFacts
from firmware_cfg.packs.compiled import Compiled
from firmware_cfg.packs.errors import PackError
from firmware_cfg.packs.pack import Except, Grant, Pack, Refer, Row, codes, parse, rows
from firmware_cfg.packs.reasons import FACTS_UNKNOWN, NOT_ELIGIBLE, RULES_OVERLAP

SHIPPED = Path(__file__).parents[3] / "firmware_cfg" / "packs" / "rules"
TODAY = datetime.date(2026, 12, 1)


def pack_of(text: str, head: str = "") -> Pack:
    """A small pack: `text` holds its rows."""
    start = 'name = "t"\nversion = 1\nauthority = "x"\n'
    return parse((start + head + text).encode(), "t.toml")


def shipped(name: str) -> Pack:
    """A pack of the product."""
    return parse((SHIPPED / f"{name}.toml").read_bytes(), name)


def row(kind: str, name: str, text: str) -> str:
    """One row as TOML."""
    gives = {"refer": 'reason = "under_age"', "grant": 'grant = "any"'}[kind]
    return f'[[{kind}]]\nid = "{name}"\ncite = "law"\n{gives}\n{text}\n'


def matches(pack: Pack, one: Row, facts: RuleFacts) -> bool:
    """Whether a row matches a traveller of whom everything is known: the plain reading."""
    day = facts.date or TODAY
    return (
        (one.first or day) <= day <= (one.until or day)
        and code_conditions_hold(pack, one, facts)
        and span_conditions_hold(one, facts)
        and choices_hold(one, facts)
    )


def code_conditions_hold(pack: Pack, one: Row, facts: RuleFacts) -> bool:
    """Columns of one code."""
    for field in ("document_type", "issuing_state", "nationality", "lane_role"):
        condition = getattr(one, field)
        if isinstance(condition, Except):
            if getattr(facts, field) in codes(pack, condition.exclude):
                return False
        elif condition is not None and getattr(facts, field) not in codes(pack, condition):
            return False
    return True


def span_conditions_hold(one: Row, facts: RuleFacts) -> bool:
    """Columns of whole numbers."""
    for field in ("age", "days_to_expiry", "height_cm", "hour"):
        bounds, value = getattr(one, field), getattr(facts, field)
        value = value[0] if isinstance(value, tuple) else value
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            return False
    return True


def choices_hold(one: Row, facts: RuleFacts) -> bool:
    """Columns of few values, and held codes."""
    for field in ("direction", "ladder"):
        chosen = getattr(one, field)
        if chosen is not None and getattr(facts, field) not in chosen:
            return False
    for field in ("staff", "accompanied"):
        wanted = getattr(one, field)
        if wanted is not None and getattr(facts, field) is not wanted:
            return False
    for field in ("entitlements", "list_classes"):
        held = set(getattr(facts, field))
        some, none = getattr(one, f"{field}_any"), getattr(one, f"{field}_none")
        if (some is not None and not held & set(some)) or (none and held & set(none)):
            return False
    return True


CODES = ("AAA", "BBB", "CCC", "DDD")
LEVELS = ("auto", "auto_officer", "manual", "closed")
spans = st.tuples(st.integers(0, 23), st.integers(0, 23)).map(lambda pair: tuple(sorted(pair)))
held = st.lists(st.sampled_from(("evoa", "evisa", "declaration")), unique=True).map(tuple)
known = st.fixed_dictionaries(
    {
        "document_type": st.sampled_from(("P", "I")),
        "issuing_state": st.sampled_from(CODES),
        "nationality": st.sampled_from(CODES),
        "lane_role": st.sampled_from(("staff", "any")),
        "age": st.integers(0, 24).map(lambda years: (years, years)),
        "days_to_expiry": st.integers(0, 24).map(lambda days: (days, days)),
        "height_cm": st.integers(0, 24),
        "hour": st.integers(0, 23),
        "direction": st.sampled_from(("entry", "exit")),
        "ladder": st.sampled_from(LEVELS),
        "staff": st.booleans(),
        "accompanied": st.booleans(),
        "entitlements": held,
        "list_classes": held,
        "date": st.integers(-3, 3).map(lambda days: TODAY + datetime.timedelta(days)),
    }
)
some_codes = st.lists(st.sampled_from(CODES), max_size=3).map(tuple)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "first": st.integers(-3, 0).map(lambda days: TODAY + datetime.timedelta(days)),
        "until": st.integers(0, 3).map(lambda days: TODAY + datetime.timedelta(days)),
        "nationality": st.one_of(
            some_codes, some_codes.map(lambda c: Except(exclude=c)), st.just("s")
        ),
        "issuing_state": some_codes.map(lambda c: Except(exclude=c)),
        "lane_role": st.just(("staff",)),
        "age": spans,
        "days_to_expiry": spans,
        "height_cm": spans,
        "hour": spans,
        "direction": st.sampled_from((("entry",), ("exit",), ("entry", "exit"))),
        "ladder": st.lists(st.sampled_from(LEVELS), min_size=1, max_size=3).map(tuple),
        "staff": st.booleans(),
        "accompanied": st.booleans(),
        "entitlements_any": held,
        "entitlements_none": held,
        "list_classes_any": held,
    },
)


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    """Any small pack."""
    refer = draw(st.lists(conditions, max_size=4))
    grant = draw(st.lists(conditions, max_size=4))
    return Pack(
        name="any",
        version=1,
        authority="x",
        sets={"s": ("AAA", "BBB")},
        refer=tuple(
            Refer(id=f"r{at}", cite="x", reason=f"rule_{at + 1}", **each)
            for at, each in enumerate(refer)
        ),
        grant=tuple(
            Grant(id=f"g{at}", cite="x", grant=f"g{at}", **each) for at, each in enumerate(grant)
        ),
    )


@given(packs(), known)
@settings(max_examples=400)
def test_a_traveller_matches_the_rows_that_a_plain_reading_matches(
    pack: Pack, columns: dict[str, object]
) -> None:
    facts = RuleFacts(**columns)
    found = [one for one in rows(pack) if matches(pack, one, facts)]
    verdict = Compiled(pack).decide(facts)
    assert list(verdict.rows) == [one.id for one in found]
    granting = [one for one in found if isinstance(one, Grant)]
    referring = [one for one in found if isinstance(one, Refer)]
    assert (verdict.outcome == "auto") is (len(granting) == 1 and not referring)


@given(packs(), known, st.sets(st.sampled_from(RuleFacts.__struct_fields__)))
@settings(max_examples=300)
def test_knowing_less_never_opens(
    pack: Pack, columns: dict[str, object], forgotten: set[str]
) -> None:
    if check(pack).overlaps:
        return
    compiled = Compiled(pack)
    less = {name: value for name, value in columns.items() if name not in forgotten}
    if compiled.decide(RuleFacts(**less)).outcome == "auto":
        assert compiled.decide(RuleFacts(**columns)).outcome == "auto"


@given(packs(), known)
@settings(max_examples=200)
def test_the_check_calls_no_pack_good_that_has_a_gap_or_an_overlap(
    pack: Pack, columns: dict[str, object]
) -> None:
    facts = RuleFacts(**columns)
    found = [one for one in rows(pack) if matches(pack, one, facts)]
    findings = check(pack)
    if not found:
        assert findings.gaps
    if sum(isinstance(one, Grant) for one in found) > 1:
        assert findings.overlaps
    assert not {one.id for one in found if isinstance(one, Refer)} & set(findings.dead_rows)


@given(packs(), packs(), known)
@settings(max_examples=200)
def test_every_difference_between_two_packs_is_found(
    old: Pack, new: Pack, columns: dict[str, object]
) -> None:
    facts = RuleFacts(**columns)
    was, now = Compiled(old).decide(facts), Compiled(new).decide(facts)
    changes = difference(old, new)
    if (was.outcome, was.grants, was.reasons) != (now.outcome, now.grants, now.reasons):
        pairs = [
            (c.before.outcome, c.before.reasons, c.after.outcome, c.after.reasons) for c in changes
        ]
        assert (was.outcome, was.reasons, now.outcome, now.reasons) in pairs
    for change in changes:
        assert Compiled(old).decide(change.witness).outcome == change.before.outcome
        assert Compiled(new).decide(change.witness).outcome == change.after.outcome


def test_planted_overlap_gap_and_dead_row_are_named_with_a_traveller() -> None:
    pack = pack_of(
        row("grant", "young", "age = [0, 30]")
        + row("grant", "thirties", "age = [30, 40]")
        + row("refer", "never", "nationality = []")
    )
    found = check(pack)
    assert not found.ok
    assert [each.witness.age for each in found.gaps] == [(41, 41)]
    assert [(each.rows, each.witness.age) for each in found.overlaps] == [
        (("young", "thirties"), (30, 30))
    ]
    assert found.dead_rows == ("never",)


def test_a_grant_that_a_row_always_refers_is_dead() -> None:
    pack = pack_of(row("refer", "all", "") + row("grant", "useless", ""))
    assert check(pack).dead_rows == ("useless",)


def test_unknown_facts_are_called_unknown_and_not_failed() -> None:
    pack = pack_of(row("refer", "young", "age = [0, 5]") + row("grant", "all", ""))
    compiled = Compiled(pack)
    assert compiled.decide(RuleFacts()).reasons == (FACTS_UNKNOWN,)
    assert compiled.decide(RuleFacts(age=(1, 101))).reasons == (FACTS_UNKNOWN,)
    assert compiled.decide(RuleFacts(age=(2, 4))).reasons == ("under_age",)
    assert compiled.decide(RuleFacts(age=(6, 101))).outcome == "auto"


def test_nothing_granted_and_two_grants_refer() -> None:
    none = Compiled(pack_of(row("grant", "exit", 'direction = ["exit"]')))
    assert none.decide(RuleFacts(direction="entry")).reasons == (NOT_ELIGIBLE,)
    assert none.decide(RuleFacts()).reasons == (FACTS_UNKNOWN,)
    two = Compiled(pack_of(row("grant", "a", "") + row("grant", "b", "")))
    assert two.decide(RuleFacts()).reasons == (RULES_OVERLAP,)


LADDER = '[[ladder]]\ndependency = "uplink"\nauto_max_s = 5\nauto_officer_max_s = 9\n'


@pytest.mark.parametrize(
    ("text", "row_id", "field"),
    [
        (row("refer", "r", "age = [6, 5]"), "r", "age"),
        (row("refer", "r", "age = [5, 151]"), "r", "age"),
        (row("refer", "r", "agee = [5, 6]"), "r", "agee"),
        (row("refer", "r", 'nationality = "nowhere"'), "r", "nationality"),
        (row("refer", "r", "from = 2026-01-02\nuntil = 2026-01-01"), "r", "until"),
        (row("refer", "r", "") + row("grant", "r", ""), "r", "id"),
        (row("grant", "g", 'regime = "none"'), "g", "regime"),
        (row("refer", "r", "").replace("under_age", "made_up"), "r", "reason"),
        (row("refer", "r", "").replace("under_age", "rule_1"), "r", "reason"),
        (row("refer", "r", "").replace('reason = "under_age"', "refuse = true"), "r", "refuse"),
        ("[random_referral]\nshare = 0.1\n", "", "random_referral.cite"),
        ("[[refer]]\nage = 3\n", "refer[0]", "age"),
        ("nonsense", "", ""),
        (
            LADDER.replace("auto_officer_max_s = 9", "auto_officer_max_s = 4"),
            "uplink",
            "auto_officer_max_s",
        ),
        (LADDER + "manual_max_s = 8\n", "uplink", "manual_max_s"),
        (LADDER + LADDER, "uplink", "dependency"),
        (LADDER.replace("uplink", "weather"), "ladder[0]", "dependency"),
    ],
)
def test_a_wrong_pack_is_refused_naming_row_and_field(text: str, row_id: str, field: str) -> None:
    with pytest.raises(PackError) as caught:
        pack_of(text)
    assert (caught.value.row, caught.value.field) == (row_id, field)


@pytest.mark.parametrize("name", ["default", "indonesia", "schengen"])
def test_packs_of_the_product_have_no_gap_no_overlap_and_no_dead_row(name: str) -> None:
    assert check(shipped(name)).ok


def test_the_default_pack_refers_no_traveller() -> None:
    compiled = Compiled(shipped("default"))
    for direction, level in itertools.product(("entry", "exit"), LEVELS):
        assert compiled.decide(RuleFacts(direction=direction, ladder=level)).outcome == "auto"
    assert compiled.decide(RuleFacts()).outcome == "auto"


INDONESIA = [
    ("citizen", {"nationality": "IDN", "entitlements": ("declaration",)}, "citizen", ()),
    ("citizen without declaration", {"nationality": "IDN"}, "", ("declaration_missing",)),
    ("citizen leaving", {"nationality": "IDN", "direction": "exit"}, "exit", ()),
    ("visa-free", {"nationality": "SGP", "entitlements": ("declaration",)}, "visa_free_30", ()),
    ("e-VoA", {"nationality": "D", "entitlements": ("declaration", "evoa")}, "evoa_30", ()),
    (
        "no e-VoA",
        {"nationality": "D", "entitlements": ("declaration",)},
        "",
        ("entitlement_missing",),
    ),
    ("not served", {"nationality": "UTO", "entitlements": ("declaration",)}, "", ("not_eligible",)),
    (
        "a child of five",
        {"nationality": "IDN", "entitlements": ("declaration",), "age": (5, 5)},
        "",
        ("under_age",),
    ),
    (
        "a minor",
        {"nationality": "IDN", "entitlements": ("declaration",), "age": (6, 6)},
        "",
        ("release_by_officer",),
    ),
    (
        "the day before the order, aged 13",
        {"nationality": "IDN", "age": (13, 13), "date": datetime.date(2024, 8, 25)},
        "",
        ("under_age",),
    ),
]


@pytest.mark.parametrize(
    ("who", "columns", "grant", "reasons"), INDONESIA, ids=[r[0] for r in INDONESIA]
)
def test_the_pack_for_indonesia_serves_whom_its_sources_name(
    who: str, columns: dict[str, object], grant: str, reasons: tuple[str, ...]
) -> None:
    usual = {
        "direction": "entry",
        "age": (34, 34),
        "date": TODAY,
        "days_to_expiry": (900, 900),
        "entitlements": (),
    }
    verdict = Compiled(shipped("indonesia")).decide(RuleFacts(**(usual | columns)))
    assert verdict.reasons == reasons, who
    if not reasons:
        assert (verdict.outcome, verdict.grants) == ("auto", (grant,))
