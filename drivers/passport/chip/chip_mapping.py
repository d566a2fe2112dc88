"""The chip's proof in PACE with chip authentication mapping (Doc 9303-11, 4.4.3.5; example in I.1).

The chip sends SK_Map / SK_IC, encrypted: only who knows the static key SK_IC can give a number
that leads from its public half to the public mapping key that the chip used before. It counts
only once that public key is known to be the issuer's.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from drivers.passport.chip.agreement import Multiply, block_cipher, multiply
from drivers.passport.chip.domain_parameters import CURVE_NAMES, group_of
from drivers.passport.chip.secure_messaging import unpad
from drivers.passport.chip.security_infos import PaceInfo
from drivers.passport.curves import by_name
from drivers.passport.errors import SessionDead, SignatureInvalid

MINUS_ONE = b"\xff" * 16
"""What the initialisation vector is the encryption of."""


class MappingProof(NamedTuple):
    """What a chip gave to prove its static key.

    Attributes:
        info: the PACE that it was given in.
        mapping_key: the chip's public mapping key, as it was sent.
        factor: SK_Map / SK_IC; 0 where the chip gave none.
        fault: why there is none, "" otherwise.
    """

    info: PaceInfo
    mapping_key: bytes
    factor: int
    fault: str = ""

    @property
    def curve(self) -> str:
        """Name of the curve."""
        return CURVE_NAMES[self.info.group or 0]

    def verify(self, public_key: bytes, times: Multiply = multiply) -> None:
        """Check the proof against one static public key of the chip, on the same curve.

        Raises:
            SignatureInvalid: the chip did not prove that it has the private half.
        """
        if self.fault:
            raise SignatureInvalid(f"{self.info}: {self.fault}")
        try:
            reached = group_of(self.info.group or 0, times).multiple(self.factor, public_key)
        except SessionDead as error:
            raise SignatureInvalid(f"{self.info}: {error}") from None
        if not hmac.compare_digest(reached, self.mapping_key):
            raise SignatureInvalid(f"{self.info}: the chip's data do not fit its key")


def read_proof(info: PaceInfo, mapping_key: bytes, key: bytes, data: bytes | None) -> MappingProof:
    """The proof in the chip's last answer; never an error, for the session is good without.

    Args:
        info: the PACE that was done.
        mapping_key: the chip's public mapping key.
        key: encryption key of the new session.
        data: the encrypted chip authentication data; None where the chip gave none.
    """
    if not data:
        return MappingProof(info, mapping_key, 0, "no chip authentication data")
    if len(data) % 16:
        return MappingProof(info, mapping_key, 0, "chip authentication data are not whole blocks")
    try:
        plain = unpad(block_cipher(info.cipher, key, key).decrypt(data, MINUS_ONE))
    except SessionDead:
        return MappingProof(info, mapping_key, 0, "chip authentication data are not padded")
    order = int(by_name(CURVE_NAMES[info.group or 0]).foreign.order)
    factor = int.from_bytes(plain, "big")
    if not 0 < factor < order:
        return MappingProof(info, mapping_key, 0, "chip authentication data are no scalar")
    return MappingProof(info, mapping_key, factor)
