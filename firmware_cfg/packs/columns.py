"""The columns of a rule: what a rule may read about one traveller."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from firmware_cfg.types import CodeText, Sha256, StateCode

Direction = Literal["entry", "exit"]
Level = Literal["auto", "auto_officer", "manual", "closed"]
LEVELS: tuple[Level, ...] = ("auto", "auto_officer", "manual", "closed")
"""Levels of the degradation ladder, from the best to the worst."""

AGE_MAX_YEARS = 150
DAYS_MAX = 40_000
HEIGHT_MAX_CM = 280
HELD_MAX = 16

SETS = ("document_type", "issuing_state", "nationality", "lane_role")
"""Columns of one code each."""
SPANS = {
    "age": (0, AGE_MAX_YEARS),
    "days_to_expiry": (-DAYS_MAX, DAYS_MAX),
    "height_cm": (0, HEIGHT_MAX_CM),
    "hour": (0, 23),
}
"""Columns of whole numbers, with the least and the greatest that they hold."""
RANGED = ("age", "days_to_expiry")
"""Those of them of which a traveller may have a range."""

AgeYears = Annotated[int, Meta(ge=0, le=AGE_MAX_YEARS)]
Days = Annotated[int, Meta(ge=-DAYS_MAX, le=DAYS_MAX)]
HeightCm = Annotated[int, Meta(ge=0, le=HEIGHT_MAX_CM)]
Hour = Annotated[int, Meta(ge=0, le=23)]
Codes = Annotated[tuple[CodeText, ...], Meta(max_length=HELD_MAX)]


class RuleFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One traveller as the rules see him: one column a field. None is unknown.

    No column identifies a person. An unknown fact never grants anything, and a row that refers
    counts it as possibly true.

    Attributes:
        age: youngest and oldest age in years that the document allows; equal where it is exact.
        days_to_expiry: fewest and most days that the document is still valid; negative: expired.
        date: calendar day at the crossing point.
        hour: hour of that day, 0 to 23.
        entitlements: classes that the entitlement list gave this document: visa, permit,
            declaration. Empty is "asked, and there is none".
        list_classes: classes of list answers that the lane may know of.
        ladder: level of the degradation ladder at the time.
    """

    document_type: Annotated[str, Meta(max_length=2)] | None = None
    issuing_state: StateCode | None = None
    nationality: StateCode | None = None
    age: tuple[AgeYears, AgeYears] | None = None
    days_to_expiry: tuple[Days, Days] | None = None
    height_cm: HeightCm | None = None
    direction: Direction | None = None
    date: date | None = None
    hour: Hour | None = None
    lane_role: CodeText | None = None
    staff: bool | None = None
    accompanied: bool | None = None
    entitlements: Codes | None = None
    list_classes: Codes | None = None
    ladder: Level | None = None


class RuleInputs(RuleFacts, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The facts that a decision was made on and the pack that made it.

    On record as `inputs` of a decision, so that the rules can be run again. A column that came
    later is absent from older records, which is: unknown.
    """

    rules_sha256: Sha256
