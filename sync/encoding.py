"""Canonical bytes of records, batches and receipts, and their hashes and signatures.

Canonical means: msgpack with the keys of every map sorted, every field present, the
shortest form of each number. Two encoders that follow this give the same bytes, so that
a SHA-256 over them names the record. Whoever decodes encodes again and compares: bytes
in any other form are refused.

What is signed always begins with a context string, so that no signature given for one
purpose can be shown for another (Ed25519, RFC 8032).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from sync.errors import BatchMalformed, ReceiptForged, ReceiptMalformed, RecordMalformed, SyncError
from sync.keys import SigningKey, VerifyingKey
from sync.types import Batch, Receipt, Record

MAX_RECORD_BYTES = 65_536
"""A record is text and numbers, a few kilobytes at most; more is a mistake."""

MAX_BATCH_BYTES = 512 * 1024
"""Largest batch the central system reads: the profile's largest, one record, a margin."""

MAX_RECEIPT_BYTES = 1024

GENESIS = "00" * 32
"""`previous` of the first record, and the hash in a receipt that confirms nothing yet."""

_RECEIPT_CONTEXT = b"egate receipt 1\n"
_BATCH_CONTEXT = b"egate batch 1\n"

_encoder = msgspec.msgpack.Encoder(order="sorted")
_record_decoder = msgspec.msgpack.Decoder(Record)
_receipt_decoder = msgspec.msgpack.Decoder(Receipt)
_batch_decoder = msgspec.msgpack.Decoder(Batch)

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


def record_sha256(data: bytes) -> str:
    """Give the hash that names a record: SHA-256 of its canonical bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def seal_receipt(receipt: Receipt, key: SigningKey) -> bytes:
    """Sign a receipt with the central system's key and encode it."""
    bare = msgspec.structs.replace(receipt, signature="")
    signature = key.sign(_RECEIPT_CONTEXT + _encoder.encode(bare))
    return _encoder.encode(msgspec.structs.replace(receipt, signature=signature.hex()))


def open_receipt(data: bytes, key: VerifyingKey) -> Receipt:
    """Read a receipt and check that the central system signed it.

    Raises:
        ReceiptMalformed: the bytes are no receipt.
        ReceiptForged: the signature is not by `key`.
    """
    receipt = _decode(data, _receipt_decoder, MAX_RECEIPT_BYTES, ReceiptMalformed, "receipt")
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


def seal_batch(batch: Batch, key: SigningKey) -> bytes:
    """Sign a batch with the gate's key and encode it."""
    bare = msgspec.structs.replace(batch, signature=b"")
    signature = key.sign(_BATCH_CONTEXT + _encoder.encode(bare))
    return _encoder.encode(msgspec.structs.replace(batch, signature=signature))


def open_batch(data: bytes) -> Batch:
    """Read a batch. Its signature is not checked: that needs the key of the gate it names.

    Raises:
        BatchMalformed: the bytes are no batch.
    """
    return _decode(data, _batch_decoder, MAX_BATCH_BYTES, BatchMalformed, "batch")


def batch_is_by(batch: Batch, key: VerifyingKey) -> bool:
    """Whether the gate with this key signed the batch."""
    bare = msgspec.structs.replace(batch, signature=b"")
    return key.verify(batch.signature, _BATCH_CONTEXT + _encoder.encode(bare))


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
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        # The library's own text may quote a field's value, so it goes no further.
        raise refusal(f"{len(data)} bytes do not decode as a {name}") from error
    if canonical != data:
        raise refusal(f"a {name} is not in canonical form")
    return message
