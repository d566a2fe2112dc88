"""Canonical bytes of records, batches and receipts, and their hashes and signatures.

Canonical means: msgpack with the keys of every map sorted, every field present, the
shortest form of each number. Two encoders that follow this give the same bytes, so that
a hash over them stands for the record. A reader encodes again and compares: bytes
in any other form are refused.

What is signed always begins with a context string, so that no signature given for one
purpose can be shown for another (Ed25519, RFC 8032).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from sync.log.errors import (
    BatchMalformed,
    ReceiptForged,
    ReceiptMalformed,
    RecordMalformed,
    SyncError,
)
from sync.log.hpke import OpeningKey, SealingKey
from sync.log.keys import SigningKey, VerifyingKey
from sync.log.types import Batch, Contents, Receipt, Record

MAX_RECORD_BYTES = 65_536
"""A record is text and numbers, a few kilobytes at most; more is a mistake."""

MAX_BATCH_BYTES = 768 * 1024
"""Largest batch the central system reads: the profile's largest, one record, their proofs."""

MAX_RECEIPT_BYTES = 2048

SALT_BYTES = 32

GENESIS = "00" * 32
"""`previous` of the first record, and what a receipt names that confirms nothing yet."""

_RECEIPT_CONTEXT = b"egate receipt 2\n"
_BATCH_CONTEXT = b"egate batch 3\n"
_RECORD_CONTEXT = b"egate record 2\n"  # numbers the commitment's form, not the record's version
_CONTENTS_CONTEXT = b"egate contents 2\n"

_encoder = msgspec.msgpack.Encoder(order="sorted")
_record_decoder = msgspec.msgpack.Decoder(Record)
_receipt_decoder = msgspec.msgpack.Decoder(Receipt)
_batch_decoder = msgspec.msgpack.Decoder(Batch)
_contents_decoder = msgspec.msgpack.Decoder(Contents)

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)

T = TypeVar("T", bound=msgspec.Struct)


def encode_record(record: Record) -> bytes:
    """Give the canonical bytes of a record.

    Raises:
        RecordMalformed: it holds something that is not plain data, or is too long.
    """
    try:
        data = _encoder.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RecordMalformed(f"a record of kind {record.kind} is not plain data") from error
    if len(data) > MAX_RECORD_BYTES:
        raise RecordMalformed(f"a record of {len(data)} bytes exceeds {MAX_RECORD_BYTES}")
    return data


def decode_record(data: bytes) -> Record:
    """Read the canonical bytes of a record.

    Raises:
        RecordMalformed: the bytes are no record, or not in canonical form.
    """
    return _decode(data, _record_decoder, MAX_RECORD_BYTES, RecordMalformed, "record")


def decode_records(data: list[bytes]) -> list[Record]:
    """Read many records: the same as one by one, but quicker.

    Raises:
        RecordMalformed: one of them is no record, or not in canonical form.
    """
    if max(map(len, data), default=0) > MAX_RECORD_BYTES:
        raise RecordMalformed(f"a record exceeds {MAX_RECORD_BYTES} bytes")
    try:
        records = list(map(_record_decoder.decode, data))
        canonical = list(map(_encoder.encode, records))
    except _UNREADABLE as error:
        raise RecordMalformed("bytes do not decode as a record") from error
    if canonical != data:
        raise RecordMalformed("a record is not in canonical form")
    return records


def record_sha256(data: bytes) -> str:
    """Give the plain SHA-256 of a record's canonical bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def commitment(salt: bytes, data: bytes) -> bytes:
    """Commit to a record's canonical bytes without disclosing them: 32 bytes.

    With the salt the record can be shown to be the one; without it no one can find out by
    trying. Records of version 1 have no salt: theirs is the plain SHA-256.
    """
    if not salt:
        return hashlib.sha256(data).digest()
    return hashlib.sha256(_RECORD_CONTEXT + salt + data).digest()


def seal_receipt(receipt: Receipt, key: SigningKey) -> bytes:
    """Sign a receipt with the central system's key and encode it."""
    bare = msgspec.structs.replace(receipt, signature="")
    signature = key.sign(_RECEIPT_CONTEXT + _encoder.encode(bare))
    return _encoder.encode(msgspec.structs.replace(receipt, signature=signature.hex()))


def read_receipt(data: bytes) -> Receipt:
    """Read a receipt without checking who signed it.

    Raises:
        ReceiptMalformed: the bytes are no receipt.
    """
    return _decode(data, _receipt_decoder, MAX_RECEIPT_BYTES, ReceiptMalformed, "receipt")


@lru_cache(64)  # the publisher asks first, then the journal: the signature is checked once
def open_receipt(data: bytes, key: VerifyingKey) -> Receipt:
    """Read a receipt and check that the central system signed it.

    Raises:
        ReceiptMalformed: the bytes are no receipt.
        ReceiptForged: the signature is not by `key`.
    """
    receipt = read_receipt(data)
    bare = msgspec.structs.replace(receipt, signature="")
    try:
        signature = bytes.fromhex(receipt.signature)
    except ValueError as error:
        raise ReceiptMalformed("the signature of a receipt is not hexadecimal") from error
    # The same signature in capitals would be another message: only one form is accepted.
    canonical = signature.hex() == receipt.signature
    if not canonical or not key.verify(signature, _RECEIPT_CONTEXT + _encoder.encode(bare)):
        raise ReceiptForged("a receipt is not signed by the central system")
    return receipt


def seal_batch(
    batch: Batch,
    contents: Contents,
    key: SigningKey,
    centre: SealingKey,
    random: Callable[[int], bytes],
) -> bytes:
    """Encrypt a batch's contents for the central system, sign with the gate's key, encode.

    `batch` gives everything but `sealed` and `signature`.
    """
    sealed = centre.seal(_encoder.encode(contents), _contents_info(batch), random)
    whole = msgspec.structs.replace(batch, sealed=sealed)
    return _encoder.encode(msgspec.structs.replace(whole, signature=key.sign(_signed(whole))))


def open_contents(batch: Batch, key: OpeningKey) -> Contents:
    """Decrypt what a batch brings.

    Raises:
        SealBroken: it was not encrypted for this key, or not for this place of the log.
        BatchMalformed: it holds something else.
    """
    data = key.open(batch.sealed, _contents_info(batch))
    return _decode(data, _contents_decoder, MAX_BATCH_BYTES, BatchMalformed, "batch's contents")


def open_batch(data: bytes) -> Batch:
    """Read a batch. Its signature is not checked: that needs the key of the gate it names.

    Raises:
        BatchMalformed: the bytes are no batch.
    """
    return _decode(data, _batch_decoder, MAX_BATCH_BYTES, BatchMalformed, "batch")


def batch_is_by(batch: Batch, key: VerifyingKey) -> bool:
    """Whether the gate with this key signed the batch."""
    return key.verify(batch.signature, _signed(batch))


def _signed(batch: Batch) -> bytes:
    """What a gate signs: the batch with the SHA-256 of what it brings in its place.

    Ed25519 goes through a message twice to sign it, with SHA-512; for a large batch that
    costs more than its encryption.
    """
    digest = hashlib.sha256(batch.sealed).digest()
    return _BATCH_CONTEXT + _encoder.encode(
        msgspec.structs.replace(batch, sealed=digest, signature=b"")
    )


def _contents_info(batch: Batch) -> bytes:
    """What a batch's contents are encrypted for."""
    return _CONTENTS_CONTEXT + f"{batch.gate}\n{batch.epoch}\n{batch.first_seq}\n".encode()


def _decode(
    data: bytes,
    decoder: msgspec.msgpack.Decoder[T],
    limit: int,
    refusal: Callable[[str], SyncError],
    name: str,
) -> T:
    """Decode strictly: within the limit, of the type, and in canonical form."""
    if len(data) > limit:
        raise refusal(f"a {name} of {len(data)} bytes exceeds {limit}")
    try:
        message = decoder.decode(data)
        canonical: Any = _encoder.encode(message)
    except _UNREADABLE as error:
        # The library's own text may quote a field's value, so it goes no further.
        raise refusal(f"{len(data)} bytes do not decode as a {name}") from error
    if canonical != data:
        raise refusal(f"a {name} is not in canonical form")
    return message
