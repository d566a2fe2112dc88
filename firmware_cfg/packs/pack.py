"""A rule pack: typed decision tables as data, read from TOML.

A `refer` row gives its reason to every traveller that it matches; rows collect. A `grant` row
gives an entitlement; exactly one may match. The machine may admit where no `refer` row and
exactly one `grant` row match; a refusal cannot be written. Columns are closed: sets of codes,
intervals of whole numbers, yes or no. There is no arithmetic and no text to interpret.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from firmware_cfg.packs.columns import SETS, SPANS, Direction, Level
from firmware_cfg.packs.errors import PackError
from firmware_cfg.packs.ladder import LadderRow
from firmware_cfg.packs.reasons import RESERVED, RULE_REASONS

PACK_MAX_BYTES = 262_144
ROWS_MAX = 512
LANGUAGES_MIN = 2

Id = Annotated[str, Meta(min_length=1, max_length=48, pattern=r"^[a-z0-9][a-z0-9_.-]*\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9_.-]+\Z")]
Interval = tuple[int, int]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Sentence = Annotated[str, Meta(min_length=1, max_length=300)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every part of a pack: an unknown key is refused."""


class Except(Table, frozen=True, kw_only=True):
    """Every code but these: a set's name, or the codes."""

    exclude: str | tuple[Code, ...] = msgspec.field(name="not")


Codes = str | tuple[Code, ...] | Except
"""Codes that match: the name of a set, the codes themselves, or all but some."""


class Row(Table, frozen=True, kw_only=True):
    """The conditions that rows share; a column without a condition matches every traveller.

    Attributes:
        first: first calendar day at the crossing point on which the row is in force (`from`).
        until: the last such day.
        cite: the law behind it.
    """

    id: Id
    cite: Annotated[str, Meta(min_length=1, max_length=300)]
    first: datetime.date | None = msgspec.field(name="from", default=None)
    until: datetime.date | None = None
    document_type: Codes | None = None
    issuing_state: Codes | None = None
    nationality: Codes | None = None
    lane_role: Codes | None = None
    age: Interval | None = None
    days_to_expiry: Interval | None = None
    height_cm: Interval | None = None
    hour: Interval | None = None
    direction: tuple[Direction, ...] | None = None
    ladder: tuple[Level, ...] | None = None
    staff: bool | None = None
    accompanied: bool | None = None
    entitlements_any: tuple[Code, ...] | None = None
    entitlements_none: tuple[Code, ...] | None = None
    list_classes_any: tuple[Code, ...] | None = None
    list_classes_none: tuple[Code, ...] | None = None


class Refer(Row, frozen=True, kw_only=True):
    """Refers every traveller that it matches to an officer, with its reason."""

    reason: Code


class Grant(Row, frozen=True, kw_only=True):
    """Gives an entitlement to the travellers that it matches.

    Attributes:
        grant: the entitlement's code.
        regime: name of the regime of stay that it falls under; none for a citizen or an exit.
    """

    grant: Code
    regime: Id | None = None


class Rolling(Table, frozen=True, kw_only=True, tag="rolling", tag_field="kind"):
    """At most so many days in any period of so many (90 in any 180)."""

    days: Annotated[int, Meta(ge=1, le=3650)]
    period: Annotated[int, Meta(ge=1, le=3650)]


class PerEntry(Table, frozen=True, kw_only=True, tag="per_entry", tag_field="kind"):
    """So many days from each entry, with extensions by the authority."""

    days: Annotated[int, Meta(ge=1, le=3650)]
    extensions: Annotated[int, Meta(ge=0, le=10)] = 0
    extension_days: Annotated[int, Meta(ge=0, le=3650)] = 0


class RandomReferral(Table, frozen=True, kw_only=True):
    """Share of clean crossings to be referred at random, as it counts in P(listed | referred).

    Above 0 it needs a law.
    """

    share: Share = 0.0
    cite: str = ""


class Expected(Table, frozen=True, kw_only=True):
    """Shares of travellers that an authority expects, for the cover of list referrals."""

    listed: Share = 0.0001
    referred: Share = 0.05


class Pack(Table, frozen=True, kw_only=True):
    """A whole pack.

    Attributes:
        to_be_set: values that the authority has still to set; the pack is then an example.
        texts: sentences of reserved reasons, by reason and language.
        ladder: greatest ages of what the lane depends on; what has no row limits nothing.
    """

    name: Id
    version: Annotated[int, Meta(ge=1)]
    authority: Annotated[str, Meta(min_length=1, max_length=120)]
    to_be_set: tuple[str, ...] = ()
    sets: dict[Id, tuple[Code, ...]] = {}
    regimes: dict[Id, Rolling | PerEntry] = {}
    refer: Annotated[tuple[Refer, ...], Meta(max_length=ROWS_MAX)] = ()
    grant: Annotated[tuple[Grant, ...], Meta(max_length=ROWS_MAX)] = ()
    texts: dict[Code, dict[str, Sentence]] = {}
    random_referral: RandomReferral = RandomReferral()
    expected: Expected = Expected()
    ladder: tuple[LadderRow, ...] = ()


def parse(raw: bytes, name: str) -> Pack:
    """Read a pack from TOML.

    Raises:
        PackError: it is too long, not TOML, or a row, a field or a name is wrong; it names which.
    """
    if len(raw) > PACK_MAX_BYTES:
        raise PackError(name, "", "", f"longer than {PACK_MAX_BYTES} bytes")
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PackError(name, "", "", f"not UTF-8 at byte {error.start}") from error
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise PackError(name, "", "", f"not TOML: {error}") from error
    try:
        pack = msgspec.convert(data, Pack)
    except msgspec.ValidationError as error:
        raise _located(name, data, str(error)) from error
    for row, field, problem in _problems(pack):
        raise PackError(name, row, field, problem)
    return pack


def codes(pack: Pack, condition: str | tuple[str, ...]) -> tuple[str, ...]:
    """The codes of a condition: those of the set that it names, or its own."""
    return pack.sets[condition] if isinstance(condition, str) else condition


def rows(pack: Pack) -> tuple[Row, ...]:
    """All rows, those that refer first: their places are the bits of a compiled table."""
    return (*pack.refer, *pack.grant)


_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<name>[^`]*)`")


def _located(name: str, data: dict[str, Any], message: str) -> PackError:
    """Name the row by its id where the error lies in one."""
    problem, _, at = message.partition(" - at `$")
    named = _NAMED.search(problem)
    at = ".".join(part for part in (at.rstrip("`").lstrip("."), named and named["name"]) if part)
    table, _, rest = at.partition("[")
    if table in ("refer", "grant", "ladder") and rest:
        number, _, field = rest.partition("]")
        row = f"{table}[{number}]"
        if number.isdigit():
            found = data[table][int(number)]
            row = str(found.get("id", row)) if isinstance(found, dict) else row
        return PackError(name, row, field.lstrip("."), problem)
    return PackError(name, "", at, problem)


def _problems(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """Every wrong name across rows: row, field, problem."""
    seen: set[str] = set()
    for row in rows(pack):
        if row.id in seen:
            yield row.id, "id", "used by two rows; an id is for ever one rule"
        seen.add(row.id)
        yield from _row_problems(pack, row)
    yield from _text_problems(pack)
    yield from _ladder_problems(pack)
    if pack.random_referral.share and not pack.random_referral.cite:
        yield "", "random_referral.cite", "a share above 0 needs the law that allows it"


def _row_problems(pack: Pack, row: Row) -> Iterator[tuple[str, str, str]]:
    for field, (least, most) in SPANS.items():
        bounds = getattr(row, field)
        if bounds is None:
            continue
        if bounds[0] > bounds[1]:
            yield row.id, field, f"{bounds[0]} is above {bounds[1]}: the lower bound comes first"
        if bounds[0] < least or bounds[1] > most:
            yield row.id, field, f"the column holds {least} to {most}"
    for field in SETS:
        condition = getattr(row, field)
        wanted = condition.exclude if isinstance(condition, Except) else condition
        if isinstance(wanted, str) and wanted not in pack.sets:
            yield row.id, field, f"no set is named {wanted!r}; codes are written as a list"
    if row.first is not None and row.until is not None and row.first > row.until:
        yield row.id, "until", "lies before `from`"
    if isinstance(row, Refer) and row.reason not in RULE_REASONS:
        yield (
            row.id,
            "reason",
            f"{row.reason!r} is none of {', '.join(RULE_REASONS[:-32])}, rule_1 to rule_32",
        )
    if isinstance(row, Grant) and row.regime is not None and row.regime not in pack.regimes:
        yield row.id, "regime", f"no regime is named {row.regime!r}"


def _text_problems(pack: Pack) -> Iterator[tuple[str, str, str]]:
    for row in pack.refer:
        if row.reason in RESERVED and len(pack.texts.get(row.reason, {})) < LANGUAGES_MIN:
            yield (
                row.id,
                "reason",
                f"{row.reason} needs sentences in {LANGUAGES_MIN} languages in [texts]",
            )


def _ladder_problems(pack: Pack) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for row in pack.ladder:
        if row.dependency in seen:
            yield row.dependency, "dependency", "has two rows in [[ladder]]"
        seen.add(row.dependency)
        if row.auto_officer_max_s < row.auto_max_s:
            yield row.dependency, "auto_officer_max_s", "lies below auto_max_s"
        if row.manual_max_s is not None and row.manual_max_s < row.auto_officer_max_s:
            yield row.dependency, "manual_max_s", "lies below auto_officer_max_s"
