"""Forms of text that profiles, rule packs and records share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
StateCode = Annotated[str, Meta(max_length=3, description="ICAO Doc 9303-3, fillers removed")]
CodeText = Annotated[str, Meta(max_length=64, pattern="^[A-Za-z0-9_.:-]*$")]
"""A stable code of a table or a pack; never free text."""
