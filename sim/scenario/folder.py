"""Where the scenarios lie that come with egate."""

from __future__ import annotations

from pathlib import Path

SCENARIOS = Path(__file__).parents[1] / "scenarios"
