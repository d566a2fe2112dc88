"""Chip authentication version 1 with ECDH or DH from the chip's side (ICAO Doc 9303-11, 6.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sim.chip.key_derivation import CipherSuite, new_session
from sim.chip.prime_fields import FIELDS, group_of
from sim.chip.secure_messaging import SecureSession
from sim.chip.security_infos import (
    chip_authentication_info,
    chip_public_key_info,
    modp_public_key_info,
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
    def private_scalar(self) -> int:
        """The private key that the chip computes with; of a clone that misagrees, another."""
        return self.scalar + 1 if self.misagrees else self.scalar

    @property
    def infos(self) -> tuple[bytes, ...]:
        """The SecurityInfos of DG14 for this key."""
        group: Any = group_of(self.parameter_id)
        public = group.encode(group.generator * self.scalar)
        over_field = self.parameter_id in FIELDS
        describe = modp_public_key_info if over_field else chip_public_key_info
        describe = standardised_public_key_info if self.standardised else describe
        return (
            describe(self.parameter_id, public, self.key_id),
            *(
                chip_authentication_info(suite, self.key_id, over_field=over_field)
                for suite in self.suites
            ),
        )

    def agree(self, suite: CipherSuite, terminal_key: bytes) -> SecureSession | None:
        """The session with the terminal's ephemeral key; None when that is no valid one."""
        group: Any = group_of(self.parameter_id)
        public = group.decode(terminal_key)
        if public is None:
            return None
        return new_session(suite, group.x(public * self.private_scalar))
