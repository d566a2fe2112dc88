"""The base of every part of a profile, and the bounds that parts share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

BudgetMs = Annotated[int, Meta(ge=10, le=600_000)]
Baud = Annotated[int, Meta(ge=1200, le=4_000_000)]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
ZoneName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9/_+-]+$")]
"""A zone of the IANA time zone database; `firmware_cfg.time_zone` says whether it is one."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a profile."""
