"""The way of access and the PACE protocol, as a table."""

from __future__ import annotations

from itertools import permutations

import pytest

from drivers.passport.chip.access_choice import (
    CIPHER_STRENGTH,
    AccessWay,
    strongest,
    ways_to_open,
)
from drivers.passport.chip.security_infos import (
    CIPHERS,
    PaceInfo,
    pace_infos,
    parse_security_infos,
)

PACE, BAC = AccessWay.PACE, AccessWay.BAC
BOTH, PREFER_BAC = ("pace", "bac"), ("bac", "pace")
P256R1, UNKNOWN = 12, 99
PARAMETERS = {P256R1, 13}


def offer(cipher: str, mapping: str = "ECDH-GM", parameter_id: int | None = P256R1) -> PaceInfo:
    return PaceInfo(b"", mapping, cipher, parameter_id)


@pytest.mark.parametrize(
    ("order", "pace_offered", "mrz_known", "bac_fallback", "ways"),
    [
        (BOTH, True, True, True, (PACE, BAC)),
        (BOTH, True, True, False, (PACE,)),
        (BOTH, True, False, True, (PACE,)),
        (BOTH, True, False, False, (PACE,)),
        (BOTH, False, True, True, (BAC,)),
        (BOTH, False, True, False, (BAC,)),
        (BOTH, False, False, True, ()),
        (PREFER_BAC, True, True, True, (BAC,)),
        (PREFER_BAC, True, True, False, (BAC,)),
        (PREFER_BAC, True, False, True, (PACE,)),
        (PREFER_BAC, False, True, True, (BAC,)),
        (PREFER_BAC, False, False, True, ()),
        (("pace",), True, True, True, (PACE,)),
        (("pace",), False, True, True, ()),
        (("bac",), True, True, True, (BAC,)),
        (("bac",), False, True, True, (BAC,)),
        (("bac",), True, False, True, ()),
    ],
)
def test_the_way_of_access(order, pace_offered, mrz_known, bac_fallback, ways) -> None:
    chosen = ways_to_open(
        order, pace_offered=pace_offered, mrz_known=mrz_known, bac_fallback=bac_fallback
    )
    assert chosen == ways


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("3DES",), "3DES"),
        (("3DES", "AES-128"), "AES-128"),
        (("AES-128", "AES-192"), "AES-192"),
        (("AES-192", "AES-256"), "AES-256"),
        (("3DES", "AES-256"), "AES-256"),
        (("3DES", "AES-128", "AES-192"), "AES-192"),
        (("3DES", "AES-128", "AES-192", "AES-256"), "AES-256"),
    ],
)
def test_the_strongest_cipher_in_whatever_order_it_is_offered(offered, chosen) -> None:
    for order in permutations(offered):
        best = strongest([offer(cipher) for cipher in order], PARAMETERS)
        assert best == offer(chosen)


def test_every_cipher_of_a_security_info_has_a_strength() -> None:
    assert set(CIPHER_STRENGTH) == set(CIPHERS.values())


def test_the_chips_first_among_equals() -> None:
    first, second = offer("AES-128", parameter_id=13), offer("AES-128")
    assert strongest([first, second], PARAMETERS) is first
    assert strongest([second, first], PARAMETERS) is second


@pytest.mark.parametrize(
    "stronger",
    [
        offer("AES-256", parameter_id=UNKNOWN),
        offer("AES-256", parameter_id=None),
        offer("AES-256", mapping="ECDH-IM"),
        offer("AES-256", mapping="DH-GM"),
        offer("AES-256", mapping="ECDH-CAM"),
    ],
)
def test_what_is_not_implemented_is_not_chosen(stronger) -> None:
    assert strongest([stronger, offer("3DES")], PARAMETERS) == offer("3DES")
    assert strongest([stronger], PARAMETERS) is None


def test_an_offer_without_parameters_is_read_and_not_chosen() -> None:
    """EF.CardAccess of some states gives PACE with protocol and version alone."""
    bare = bytes.fromhex("3111 300f 060a 04007f00070202040202 020102")
    (info,) = pace_infos(parse_security_infos(bare))
    assert info.parameter_id is None
    assert strongest([info], PARAMETERS) is None
