"""Standardised domain parameters by their number (Doc 9303-11, 9.5.1, table 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from drivers.passport.chip.agreement import CurveGroup, Multiply, multiply
from drivers.passport.chip.modp import MODP_GROUPS, ModpGroup
from drivers.passport.curves import by_name

CURVE_NAMES = {
    8: "secp192r1", 9: "brainpoolP192r1", 10: "secp224r1", 11: "brainpoolP224r1",
    12: "secp256r1", 13: "brainpoolP256r1", 14: "brainpoolP320r1", 15: "secp384r1",
    16: "brainpoolP384r1", 17: "brainpoolP512r1", 18: "secp521r1",
}  # fmt: skip
"""Elliptic curves."""

STRENGTH_BITS = {
    0: 80, 1: 112, 2: 112,
    8: 96, 9: 96, 10: 112, 11: 112, 12: 128, 13: 128, 14: 160, 15: 192, 16: 192, 17: 256, 18: 256,
}  # fmt: skip
"""Security strength of each, as NIST SP 800-57 part 1, table 2, estimates it."""


class AgreementGroup(Protocol):
    """A group that keys are agreed in: a curve's, or that of a prime field."""

    @property
    def kind(self) -> str:
        """The key agreement: "ECDH" or "DH"."""

    @property
    def name(self) -> str:
        """Name of the domain parameters."""

    @property
    def prime(self) -> int:
        """The prime of the field."""

    @property
    def public_tag(self) -> int:
        """Tag of a public value in a public key data object (9.4.3 and 9.4.4)."""

    @property
    def public_bytes(self) -> int:
        """The greatest length of an encoded public value."""

    def key_pair(self, random: Callable[[int], bytes]) -> tuple[int, bytes]:
        """A private scalar and the encoded public value."""

    def multiple(self, scalar: int, theirs: bytes) -> bytes:
        """Of a public value of the chip, encoded.

        Raises:
            SessionDead: it is no public value of this group, or the end is the neutral element.
        """

    def agree(self, scalar: int, theirs: bytes) -> bytes:
        """The shared secret with a public value of the chip.

        Raises:
            SessionDead: as `multiple`.
        """

    def mapped(self, nonce: bytes, shared: bytes) -> AgreementGroup:
        """The group with the generator of generic mapping.

        Raises:
            SessionDead: it is the neutral element.
        """

    def integrated(self, element: int) -> AgreementGroup:
        """The group with the generator that belongs to a field element (integrated mapping).

        Raises:
            SessionDead: there is none.
        """


def group_of(parameter_id: int, times: Multiply = multiply) -> AgreementGroup:
    """The group of standardised parameters; `times` multiplies the points of a curve.

    Raises:
        KeyError: there are no such parameters.
    """
    if parameter_id in MODP_GROUPS:
        return ModpGroup(MODP_GROUPS[parameter_id])
    return CurveGroup(by_name(CURVE_NAMES[parameter_id]), times=times)
