"""The steps of a reading, as the lane follows them."""

from __future__ import annotations

from drivers.passport.chip.apdu import Emit, Steps
from drivers.ports import Emission
from drivers.types import ReadStep


def report_step(ticket: int, step: str) -> Steps[None]:
    """Report a step.

    It refers to no inspection: a reference from its own parts would keep one, with the holder's
    zone, in memory until the next collection.
    """
    yield Emit(Emission(ReadStep(ticket=ticket, step=step), {}))
