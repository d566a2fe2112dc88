"""Chip authentication version 1 with ECDH from the chip's side (ICAO Doc 9303-11, 6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.chip.curves import Group
from sim.chip.key_derivation import CipherSuite, new_session
from sim.chip.secure_messaging import SecureSession
from sim.chip.security_infos import (
    chip_authentication_info,
    chip_public_key_info,
    standardised_public_key_info,
)


@dataclass(frozen=True)
class AgreementKey:
    """A static key pair of the chip.

    Attributes:
        suites: cipher suites it may be used with: 3DES by MSE:Set KAT, AES by GENERAL
            AUTHENTICATE.
        key_id: needed where a chip has several; None leaves it out.
        standardised: DG14 names the parameters by number rather than spelling them out.
        misagrees: a chip whose key agreement comes out wrong, as a clone's must.
    """

    parameter_id: int
    scalar: int = field(repr=False)
    suites: tuple[CipherSuite, ...] = (CipherSuite.AES_128,)
    key_id: int | None = None
    standardised: bool = False
    misagrees: bool = False

    @property
    def infos(self) -> tuple[bytes, ...]:
        """The SecurityInfos of DG14 for this key."""
        group = Group(self.parameter_id)
        point = group.encode(group.generator * self.scalar)
        describe = standardised_public_key_info if self.standardised else chip_public_key_info
        return (
            describe(self.parameter_id, point, self.key_id),
            *(chip_authentication_info(suite, self.key_id) for suite in self.suites),
        )

    def agree(self, suite: CipherSuite, terminal_key: bytes) -> SecureSession | None:
        """The session with the terminal's ephemeral key; None when that is no valid point."""
        group = Group(self.parameter_id)
        point = group.decode(terminal_key)
        if point is None:
            return None
        scalar = self.scalar + 1 if self.misagrees else self.scalar
        return new_session(suite, group.x(point * scalar))
