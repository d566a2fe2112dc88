"""Which of DG14's keys chip authentication is tried with (Doc 9303-11, 6.2 and 9.2)."""

import pytest

from drivers.passport.chip.chip_authentication import chip_keys
from drivers.passport.chip.security_infos import parse_security_infos
from drivers.passport.errors import AlgorithmUnknown
from sim.chip import der
from sim.chip.key_derivation import CipherSuite
from sim.chip.security_infos import (
    CHIP_AUTHENTICATION,
    chip_authentication_info,
    security_infos,
    standardised_public_key_info,
)

AES_128, TRIPLE = CipherSuite.AES_128, CipherSuite.TRIPLE_DES


def key(key_id=None):
    return standardised_public_key_info(13, b"\x04" + bytes(64), key_id)


def info(suite, key_id=None, version=1):
    made = chip_authentication_info(suite, key_id)
    return made.replace(der.integer(1), der.integer(version), 1)


BARE = der.sequence(der.oid(CHIP_AUTHENTICATION), der.integer(1))

ROWS = {
    "one key": ([info(AES_128), key()], [("AES-128", None)]),
    "key named, protocol not": ([info(AES_128), key(1)], [("AES-128", 1)]),
    "protocol named, key not": ([info(AES_128, 1), key()], [("AES-128", None)]),
    "the strongest first": (
        [info(TRIPLE, 1), info(AES_128, 2), key(1), key(2)],
        [("AES-128", 2), ("3DES", 1)],
    ),
    "no protocol": ([key()], [("3DES", None)]),
    "a protocol without cipher": ([BARE, key()], [("3DES", None)]),
    "an unknown entry": (
        [der.sequence(der.oid("1.2.3.4")), info(AES_128), key()],
        [("AES-128", None)],
    ),
    "an identity card's key beside": (
        [info(AES_128), key(), info(AES_128, 41, version=2), key(41)],
        [("AES-128", None)],
    ),
    "a key of both versions": (
        [info(AES_128, 41), info(AES_128, 41, version=2), key(41)],
        [("AES-128", 41)],
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_keys_and_their_ciphers(row):
    entries, wanted = ROWS[row]
    found = chip_keys(parse_security_infos(security_infos(entries)))
    assert [(item.cipher, item.key.key_id) for item in found] == wanted


@pytest.mark.parametrize("version", [2, 3])
def test_a_later_version_alone_is_not_ours_to_judge(version):
    infos = parse_security_infos(security_infos([info(AES_128, 41, version), key(41)]))
    with pytest.raises(AlgorithmUnknown, match="later version"):
        chip_keys(infos)
