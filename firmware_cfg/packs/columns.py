"""The columns of a rule: what a rule may read about one traveller."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from firmware_cfg.types import CodeText, Sha256, StateCode


class RuleInputs(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everything that the rules read about one traveller: one column a field.

    It is on record (`inputs` of a decision), so that the rules can be run again. A column that
    came later is `TYPE | UnsetType = UNSET`: absent where it was not read, so that the bytes of
    older records stay what they were. No column identifies a person.

    To be filled by the rules. `hour` is local at the crossing point; `entitlement` is the class
    that the entitlement list gave, "" for none; `rules_sha256` names the pack.
    """

    rules_sha256: Sha256
    document_type: Annotated[str, Meta(max_length=2)]
    issuing_state: StateCode
    nationality: StateCode
    age_years: Annotated[int, Meta(ge=0, le=150)] | None
    days_to_expiry: int | None
    direction: Literal["entry", "exit"]
    lane_role: CodeText = ""
    entitlement: CodeText = ""
    hour: Annotated[int, Meta(ge=0, le=23)]
