"""The cryptography that takes longest to compute in an inspection, as an argument.

Two functions make up most of it, and their results depend on their arguments alone. So a
simulation that reads one passport a hundred times may pass functions that remember; a gate
computes every time, and its composition passes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from drivers.passport.chip.agreement import Multiply, multiply
from drivers.passport.trust.passive_authentication import PassiveAuthentication, authenticate_sod
from drivers.passport.trust.store import TrustStore


class CryptoBackend(NamedTuple):
    """The functions of an inspection that take longest.

    Attributes:
        multiply: points of a curve, as `drivers.passport.chip.agreement.multiply`.
        authenticate_sod: as `drivers.passport.trust.passive_authentication.authenticate_sod`.
    """

    multiply: Multiply = multiply
    authenticate_sod: Callable[[bytes, TrustStore, date | None], PassiveAuthentication] = (
        authenticate_sod
    )


COMPUTED = CryptoBackend()
"""Computed every time."""
