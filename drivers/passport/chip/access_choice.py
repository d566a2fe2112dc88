"""Which way a chip is opened, and with which PACE protocol: a choice from data alone.

Doc 9303-11, 4.2: a terminal uses PACE where the chip offers it. The profile may prefer BAC,
and decides whether BAC may follow a PACE that failed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from drivers.passport.chip.security_infos import PaceInfo

CIPHER_STRENGTH = {"3DES": 0, "AES-128": 1, "AES-192": 2, "AES-256": 3}
"""Ciphers of PACE; more is stronger."""
MAPPING = "ECDH-GM"
"""The only mapping that is implemented."""


class AccessWay(StrEnum):
    """A protocol that opens a chip, as the profile names it."""

    PACE = "pace"
    BAC = "bac"


def ways_to_open(
    order: Sequence[str], *, pace_offered: bool, mrz_known: bool, bac_fallback: bool
) -> tuple[AccessWay, ...]:
    """The ways to be tried, the first at first; empty where there is none.

    Args:
        order: the profile's ways, the first preferred.
        pace_offered: whether EF.CardAccess offers PACE.
        mrz_known: whether the printed zone is known, without which there is no BAC.
        bac_fallback: whether BAC may open a chip whose PACE failed.
    """
    bac_possible = AccessWay.BAC in order and mrz_known
    if not pace_offered or AccessWay.PACE not in order:
        return (AccessWay.BAC,) if bac_possible else ()
    if bac_possible and order[0] == AccessWay.BAC:
        return (AccessWay.BAC,)
    if bac_possible and bac_fallback:
        return (AccessWay.PACE, AccessWay.BAC)
    return (AccessWay.PACE,)


def strongest(offered: Sequence[PaceInfo], parameters: Collection[int]) -> PaceInfo | None:
    """The offer with the strongest cipher, the chip's first among equals.

    Args:
        offered: what EF.CardAccess offers, in its order.
        parameters: domain parameters that are implemented.

    Returns:
        None where no offer is implemented.
    """
    implemented = [
        info for info in offered if info.mapping == MAPPING and info.parameter_id in parameters
    ]
    return max(implemented, key=lambda info: CIPHER_STRENGTH[info.cipher], default=None)
