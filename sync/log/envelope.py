"""Envelope encryption of identities: who can read them, until when, and how they are erased.

    identity   AES-256-GCM, with a key of this record alone
    that key   wrapped (RFC 3394) with the key of the hour
    the hour's sealed once for the central system (HPKE); and wrapped (RFC 3394) with the
    key       gate's own key file, if it has one, until the central system has the records

The record carries the ciphertext; the wrapped key and the salt of the commitment lie
beside it. Without those two no one can read the identity, or guess it and compare: that
is what erasing deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from sync.log.errors import SealBroken
from sync.log.hpke import OpeningKey, SealingKey

KEY_BYTES = 32
HOUR_NS = 3_600_000_000_000

_CONTEXT = b"egate identity 2\n"
_HOUR_CONTEXT = b"egate hour 2\n"
_ONCE = bytes(12)
"""The nonce: a key that encrypts one message needs no other."""

_encoder = msgspec.msgpack.Encoder(order="sorted")
_decoder = msgspec.msgpack.Decoder(dict[str, str])


class RecordPlace(NamedTuple):
    """The record that an identity belongs to."""

    gate: str
    epoch: str
    seq: int


class Sealed(NamedTuple):
    """An encrypted identity, and its key wrapped with the key of the hour."""

    data: bytes
    key_id: int
    wrapped: bytes


class NewHour(NamedTuple):
    """A key of an hour as it is stored. `for_gate` is empty if the gate keeps no copy."""

    key_id: int
    for_centre: bytes
    for_gate: bytes


class Sealer:
    """Encrypts the identities of one journal. Holds the key of the current hour, no older."""

    def __init__(
        self, centre: SealingKey, random: Callable[[int], bytes], own: bytes | None = None
    ) -> None:
        """Begin without an hour.

        Args:
            centre: the central system's public key.
            random: source of keys.
            own: 32 bytes of the gate's own key file, None for a gate that shall not be
                able to read what it recorded.
        """
        self._centre = centre
        self._random = random
        self._own = own
        self._key = b""
        self._began_ns: int | None = None
        self.key_id = 0

    def forget(self) -> None:
        """Begin a new hour with the next record."""
        self._began_ns = None

    def hour(self, place: RecordPlace, last_key_id: int, at_ns: int) -> NewHour | None:
        """Begin a new hour if it is time (by the lane's monotonic clock): store what it gives."""
        if self._began_ns is not None and 0 <= at_ns - self._began_ns < HOUR_NS:
            return None
        self._began_ns, self.key_id = at_ns, last_key_id + 1
        self._key = self._random(KEY_BYTES)
        info = _hour_info(place.gate, place.epoch, self.key_id)
        for_gate = b"" if self._own is None else aes_key_wrap(self._own, self._key)
        return NewHour(self.key_id, self._centre.seal(self._key, info, self._random), for_gate)

    def seal(self, place: RecordPlace, identity: Mapping[str, str]) -> Sealed:
        """Encrypt one identity with a key of its own."""
        key = self._random(KEY_BYTES)
        data = AESGCM(key).encrypt(_ONCE, _encoder.encode(dict(identity)), _info(place))
        return Sealed(data, self.key_id, aes_key_wrap(self._key, key))


def centre_hour(for_centre: bytes, key: OpeningKey, gate: str, epoch: str, key_id: int) -> bytes:
    """Open the key of an hour at the central system.

    Raises:
        SealBroken: it was not sealed for this key, gate and hour.
    """
    return key.open(for_centre, _hour_info(gate, epoch, key_id))


def gate_hour(for_gate: bytes, own: bytes) -> bytes:
    """Open the key of an hour at the gate.

    Raises:
        SealBroken: the gate keeps no copy of it any more, or has another key file.
    """
    try:
        return aes_key_unwrap(own, for_gate)
    except (InvalidUnwrap, ValueError) as error:
        raise SealBroken("the key of an hour does not open with this key file") from error


def open_identity(place: RecordPlace, data: bytes, wrapped: bytes, hour: bytes) -> dict[str, str]:
    """Decrypt an identity.

    Raises:
        SealBroken: its key was erased, or it belongs to another record.
    """
    try:
        key = aes_key_unwrap(hour, wrapped)
        return _decoder.decode(AESGCM(key).decrypt(_ONCE, data, _info(place)))
    except (InvalidUnwrap, InvalidTag, ValueError, msgspec.MsgspecError) as error:
        raise SealBroken("an identity does not open: erased, or another record's") from error


def _info(place: RecordPlace) -> bytes:
    return _CONTEXT + f"{place.gate}\n{place.epoch}\n{place.seq}\n".encode()


def _hour_info(gate: str, epoch: str, key_id: int) -> bytes:
    return _HOUR_CONTEXT + f"{gate}\n{epoch}\n{key_id}\n".encode()
