"""Chip authentication version 1 (ICAO Doc 9303-11, 6.2; BSI TR-03110-3, 3.4 and B.2).

The chip's static key agrees on new session keys; that it can talk under them is the proof.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from drivers.passport import tlv
from drivers.passport.chip.agreement import new_session
from drivers.passport.chip.apdu import Command, Steps
from drivers.passport.chip.chip_keys import StaticKey, public_keys
from drivers.passport.chip.files import SHORT_READ, FileReader
from drivers.passport.chip.security_infos import (
    CHIP_AUTHENTICATION,
    CHIP_AUTHENTICATION_DH,
    CHIP_AUTHENTICATION_ECDH,
    CIPHERS,
    PUBLIC_KEY_DH,
    PUBLIC_KEY_ECDH,
    SecurityInfo,
)
from drivers.passport.errors import AlgorithmUnknown, ApduError, CardRefused

MAX_KEYS = 4
"""So many are tried; a chip has one, or one beside that of its successor."""
STRENGTH = ("AES-256", "AES-192", "AES-128", "3DES")


class ChipKey(NamedTuple):
    """A static key of the chip, and the protocol to prove it by.

    Attributes:
        protocol: object identifier as encoded.
    """

    protocol: bytes
    cipher: str
    key: StaticKey

    def __str__(self) -> str:
        return f"{self.key.group.kind} {self.cipher} {self.key.group.name}"


_PROTOCOLS = {"ECDH": CHIP_AUTHENTICATION_ECDH, "DH": CHIP_AUTHENTICATION_DH}


def chip_keys(infos: tuple[SecurityInfo, ...]) -> tuple[ChipKey, ...]:
    """Keys for chip authentication that DG14 offers, the strongest cipher first.

    A key without ChipAuthenticationInfo is for 3DES, as in some early passports; one that only
    a later version names, as identity cards have them beside, is not for this.

    Raises:
        AlgorithmUnknown: there are keys, and none that we do.
        CertificateError: a key does not parse.
    """
    protocols: list[tuple[bytes, int | None]] = []
    later: set[int | None] = set()
    for info in infos:
        if info.oid.startswith(CHIP_AUTHENTICATION) and (info.number(0) or 0) > 1:
            later.add(info.number(1))
        elif info.oid[:-1] in _PROTOCOLS.values() and info.number(0) == 1:
            protocols.append((info.oid, info.number(1)))
    keys, unknown = public_keys(infos)
    found: list[ChipKey] = []
    for key in keys:
        prefix = _PROTOCOLS[key.group.kind]
        fitting = [(oid, named) for oid, named in protocols if oid[:-1] == prefix]
        offered = [oid for oid, named in fitting if named == key.key_id]
        if not offered and key.key_id in later:
            unknown = AlgorithmUnknown("chip authentication of a later version")
            continue
        offered = offered or [oid for oid, named in fitting if None in (named, key.key_id)]
        for protocol in offered or [prefix + b"\x01"]:
            cipher = CIPHERS.get(protocol[-1])
            if cipher is not None:
                found.append(ChipKey(protocol, cipher, key))
    if not found and unknown is not None:
        raise unknown
    return tuple(sorted(found, key=lambda item: STRENGTH.index(item.cipher)))


def offered(infos: tuple[SecurityInfo, ...]) -> bool:
    """Whether DG14 mentions chip authentication."""
    return any(
        info.oid in (PUBLIC_KEY_DH, PUBLIC_KEY_ECDH) or info.oid.startswith(CHIP_AUTHENTICATION)
        for info in infos
    )


def authenticate(
    reader: FileReader, keys: tuple[ChipKey, ...], random: Callable[[int], bytes]
) -> Steps[ChipKey]:
    """Let the chip prove that it has one of these keys: the first that it does not refuse.

    Raises:
        CardRefused: it refuses each of them, or there is none.
        SessionDead: it does not know the key; the session is lost.
    """
    refused = CardRefused("chip authentication: no key", 0)
    for chip in keys[:MAX_KEYS]:
        try:
            yield from _prove(reader, chip, random)
        except CardRefused as error:
            refused = error
        else:
            return chip
    raise refused


def _prove(reader: FileReader, chip: ChipKey, random: Callable[[int], bytes]) -> Steps[None]:
    """Agree on new keys, and go on under them."""
    group, key_id = chip.key.group, chip.key.key_id
    if group.public_bytes > SHORT_READ and not reader.extended:
        raise ApduError(
            f"chip authentication: a key of {group.public_bytes} bytes needs extended length, "
            "which the chip does not answer"
        )
    scalar, public = group.key_pair(random)
    shared = group.agree(scalar, chip.key.public)
    named = b"" if key_id is None else tlv.encode(0x84, _integer(key_id))
    if chip.cipher == "3DES":
        data = tlv.encode(0x91, public) + named
        yield from _expect_ok(reader, Command(0x00, 0x22, 0x41, 0xA6, data), "MSE:Set KAT")
    else:
        data = tlv.encode(0x80, chip.protocol) + named
        yield from _expect_ok(reader, Command(0x00, 0x22, 0x41, 0xA4, data), "MSE:Set AT")
        dynamic = tlv.encode(0x7C, tlv.encode(0x80, public))
        command = Command(0x00, 0x86, 0, 0, dynamic, le=256)
        yield from _expect_ok(reader, command, "GENERAL AUTHENTICATE")
    reader.new_session(new_session(chip.cipher, shared))
    # Any command will do: its answer must come under the new keys.
    yield from reader.probe()


def _expect_ok(reader: FileReader, command: Command, what: str) -> Steps[None]:
    response = yield from reader.transmit(command)
    if not response.ok:
        raise CardRefused(f"chip authentication: {what}", response.sw)


def _integer(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
