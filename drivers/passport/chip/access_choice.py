"""Which way a chip is opened, and with which PACE protocol: a choice from data alone.

Doc 9303-11, 4.2: a terminal uses PACE where the chip offers it. The profile may prefer BAC,
and decides whether BAC may follow a PACE that failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from drivers.passport.chip.domain_parameters import CURVE_NAMES, STRENGTH_BITS
from drivers.passport.chip.modp import MODP_GROUPS
from drivers.passport.chip.security_infos import CHIP_MAPPING, PaceInfo

CIPHER_BITS = {"3DES": 80, "AES-128": 128, "AES-192": 192, "AES-256": 256}
"""Security strength of the ciphers of PACE (NIST SP 800-57 part 1, table 2): 3DES has two keys."""
UNMAPPED = 10
"""secp224r1, whose prime is 1 modulo 4: integrated mapping is not defined on it."""
_CURVES = frozenset(CURVE_NAMES)
_GROUPS = frozenset(MODP_GROUPS)
IMPLEMENTED = {
    "ECDH-GM": _CURVES,
    "ECDH-IM": _CURVES - {UNMAPPED},
    "ECDH-CAM": _CURVES,
    "DH-GM": _GROUPS,
    "DH-IM": _GROUPS,
}
"""Domain parameters by mapping (Doc 9303-11, tables 2, 3 and 12)."""


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


def strongest(offered: Sequence[PaceInfo]) -> PaceInfo | None:
    """The strongest offer that is implemented, the chip's first among equals.

    A protocol is as strong as the weaker of its group and its cipher. Of two that are equally
    strong, the stronger cipher is taken, then the stronger group, then chip authentication
    mapping, which proves the chip's key besides.

    Args:
        offered: what EF.CardAccess offers, in its order.

    Returns:
        None where no offer is implemented.
    """
    return max(filter(implemented, offered), key=_strength, default=None)


def implemented(info: PaceInfo) -> bool:
    """Whether this offer can be taken."""
    if info.mapping == CHIP_MAPPING and info.cipher == "3DES":
        return False  # Doc 9303-11, table 3
    return info.group in IMPLEMENTED[info.mapping]


def _strength(info: PaceInfo) -> tuple[int, int, int, bool]:
    cipher, group = CIPHER_BITS[info.cipher], STRENGTH_BITS[info.group or 0]
    return min(cipher, group), cipher, group, info.mapping == CHIP_MAPPING
