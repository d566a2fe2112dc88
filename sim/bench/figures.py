"""Figures that a measurement reports, each with its unit and what is wanted of it."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One figure: what it must not exceed, and what it is; None where it was not measured."""

    name: str
    unit: str
    target: float
    reached: float | None


class LinkFigure(NamedTuple):
    """A whole read at one pair of rates: the link alone, and all that it took."""

    baud: int
    kbit_s: int
    modelled_ms: float
    measured_ms: float

    @property
    def ratio(self) -> float:
        """How much longer than the link alone."""
        return self.measured_ms / self.modelled_ms


class ChipFigures(NamedTuple):
    """Figures that need a chip."""

    figures: list[Figure]
    links: list[LinkFigure]
