"""What is wrong with a rule pack."""

from __future__ import annotations


class PackError(Exception):
    """A rule pack cannot be used.

    Attributes:
        name: the pack, as its reader named it.
        row: id of the row, or its place (`refer[3]`) where it has none; empty for the pack.
        field: the field at fault, empty for the row or the pack itself.
        problem: what is wrong, with the bound.
    """

    def __init__(self, name: str, row: str, field: str, problem: str) -> None:
        place = ": ".join(part for part in (name, row, field) if part)
        super().__init__(f"{place}: {problem}")
        self.name = name
        self.row = row
        self.field = field
        self.problem = problem
