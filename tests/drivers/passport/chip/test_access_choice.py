"""The way of access and the PACE protocol, as a table."""

from __future__ import annotations

from itertools import permutations

import pytest

from drivers.passport.chip.access_choice import (
    CIPHER_BITS,
    IMPLEMENTED,
    AccessWay,
    strongest,
    ways_to_open,
)
from drivers.passport.chip.domain_parameters import STRENGTH_BITS
from drivers.passport.chip.security_infos import (
    CIPHERS,
    MAPPINGS,
    PaceInfo,
    pace_infos,
    parse_security_infos,
)

PACE, BAC = AccessWay.PACE, AccessWay.BAC
BOTH, PREFER_BAC = ("pace", "bac"), ("bac", "pace")
P256R1, UNKNOWN = 12, 99


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
        best = strongest([offer(cipher) for cipher in order])
        assert best == offer(chosen)


def test_every_cipher_of_a_security_info_has_a_strength() -> None:
    assert set(CIPHER_BITS) == set(CIPHERS.values())


def test_the_chips_first_among_equals() -> None:
    first, second = offer("AES-128", parameter_id=13), offer("AES-128")
    assert strongest([first, second]) is first
    assert strongest([second, first]) is second


@pytest.mark.parametrize(
    "stronger",
    [
        offer("AES-256", parameter_id=UNKNOWN),
        offer("AES-256", parameter_id=None),
        offer("AES-256", mapping="ECDH-IM", parameter_id=10),
        offer("AES-256", mapping="DH-GM"),
        offer("AES-256", mapping="DH-IM", parameter_id=3),
        offer("AES-256", mapping="ECDH-GM", parameter_id=2),
        offer("3DES", mapping="ECDH-CAM", parameter_id=17),
    ],
)
def test_what_is_not_implemented_is_not_chosen(stronger) -> None:
    assert strongest([stronger, offer("3DES")]) == offer("3DES")
    assert strongest([stronger]) is None


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        # a group of 80 bits holds what a cipher of 256 promises
        (offer("AES-256", "DH-GM", 0), offer("AES-128", "DH-GM", 1)),
        (offer("AES-256", "DH-IM", 2), offer("AES-128", "ECDH-IM", 13)),
        (offer("AES-256", "ECDH-GM", 8), offer("AES-128", "ECDH-GM", 12)),
        (offer("3DES", "ECDH-GM", 17), offer("AES-128", "DH-GM", 0)),
        (offer("AES-256", "ECDH-CAM", 13), offer("AES-256", "ECDH-GM", 16)),
        (offer("AES-128", "ECDH-GM", 13), offer("AES-128", "ECDH-GM", 16)),
        # equally strong: chip authentication mapping proves the chip's key besides
        (offer("AES-128", "ECDH-GM", 13), offer("AES-128", "ECDH-CAM", 13)),
        (offer("AES-128", "ECDH-IM", 13), offer("AES-128", "ECDH-CAM", 12)),
    ],
)
def test_the_strongest_of_cipher_and_group_is_taken_in_either_order(weaker, stronger) -> None:
    assert strongest([weaker, stronger]) == stronger
    assert strongest([stronger, weaker]) == stronger


def test_every_mapping_of_a_security_info_has_its_parameters() -> None:
    assert set(IMPLEMENTED) == set(MAPPINGS.values())
    numbers = set().union(*IMPLEMENTED.values())
    assert numbers == {0, 1, 2, *range(8, 19)} == set(STRENGTH_BITS)


def test_an_offer_without_parameters_is_read_and_not_chosen() -> None:
    """EF.CardAccess of some states gives PACE with protocol and version alone."""
    bare = bytes.fromhex("3111 300f 060a 04007f00070202040202 020102")
    (info,) = pace_infos(parse_security_infos(bare))
    assert info.parameter_id is None
    assert strongest([info]) is None
