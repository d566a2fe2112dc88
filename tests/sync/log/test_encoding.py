"""Canonical bytes: golden vectors typed by hand from the msgpack specification."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_support import CENTRE_KEY, CENTRE_KEYS, GATE_KEY, seeded

from sync.log.encoding import (
    GENESIS,
    batch_is_by,
    commitment,
    decode_record,
    decode_records,
    encode_record,
    open_batch,
    open_contents,
    open_receipt,
    record_sha256,
    seal_batch,
    seal_receipt,
)
from sync.log.errors import (
    BatchMalformed,
    ReceiptForged,
    ReceiptMalformed,
    RecordMalformed,
    SealBroken,
)
from sync.log.types import RECORD_VERSION, Batch, Contents, Item, Receipt, Record, RecordKind

RECORD = Record(
    gate="g",
    epoch="0a",
    seq=1,
    kind=RecordKind.FINISH,
    ticket=300,
    at_ns=70_000,
    utc="u",
    previous="p",
    facts={"b": None, "a": [True, -1, 0.5], "c": b"\x03"},
    identity=b"\x01\x02",
)

# fixmap of 12 pairs; each key is a fixstr (0xa0 + length), sorted.
GOLDEN = bytes.fromhex(
    "8c"
    "a5 61745f6e73 ce00011170"  # at_ns: uint32 70000
    "a4 64656d6f c2"  # demo: false
    "a5 65706f6368 a2 3061"  # epoch: "0a"
    "a5 6661637473 83 a161 93 c3 ff cb3fe0000000000000 a162 c0"  # facts: sorted
    "a163 c4 01 03"  # of version 3 alone: bytes, bin8
    "a4 67617465 a1 67"  # gate: "g"
    "a8 6964656e74697479 c4 02 0102"  # identity: bin8, two bytes
    "a4 6b696e64 a6 66696e697368"  # kind: "finish"
    "a8 70726576696f7573 a170"  # previous: "p"
    "a3 736571 01"  # seq: 1
    "a6 7469636b6574 cd012c"  # ticket: uint16 300
    "a3 757463 a175"  # utc: "u"
    "a7 76657273696f6e 03"  # version: 3
)
VERSION_2 = (
    GOLDEN[:-1].replace(b"\xa1c\xc4\x01\x03", b"").replace(b"facts\x83", b"facts\x82") + b"\x02"
)
"""The same record in version 2: no bytes among its facts."""
VERSION_1 = VERSION_2[:-1].replace(b"\xc4\x02\x01\x02", b"\x81\xa1s\xa2\xc3\x89") + b"\x01"
"""The same record in version 1: its identity is readable."""


def test_golden_record() -> None:
    assert encode_record(RECORD) == GOLDEN
    assert decode_record(GOLDEN) == RECORD
    assert record_sha256(GOLDEN) == hashlib.sha256(GOLDEN).hexdigest()


def test_a_record_of_version_1_is_still_read() -> None:
    record = decode_record(VERSION_1)
    assert (record.version, record.identity) == (1, {"s": "\u00c9"})
    assert encode_record(record) == VERSION_1


def test_a_record_of_version_2_is_still_read() -> None:
    record = decode_record(VERSION_2)
    assert (record.version, record.identity) == (2, b"\x01\x02")
    assert record.facts == {"a": [True, -1, 0.5], "b": None}
    assert encode_record(record) == VERSION_2


@pytest.mark.parametrize("version", [0, RECORD_VERSION + 1])
def test_a_record_of_an_unknown_version_is_refused(version: int) -> None:
    unknown = encode_record(msgspec.structs.replace(RECORD, version=version))
    with pytest.raises(RecordMalformed):
        decode_record(unknown)
    with pytest.raises(RecordMalformed):
        decode_records([GOLDEN, unknown])


def test_golden_commitment() -> None:
    salt = b"\x07" * 32
    assert commitment(salt, GOLDEN) == hashlib.sha256(b"egate record 2\n" + salt + GOLDEN).digest()
    assert commitment(b"", GOLDEN) == hashlib.sha256(GOLDEN).digest()


def test_same_facts_in_another_order_are_the_same_bytes() -> None:
    other = msgspec.structs.replace(RECORD, facts={"c": b"\x03", "a": [True, -1, 0.5], "b": None})
    assert encode_record(other) == GOLDEN


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), plain, max_size=5))
def test_records_round_trip(facts: dict[str, Any]) -> None:
    record = msgspec.structs.replace(RECORD, facts=facts)
    assert decode_record(encode_record(record)) == record


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RecordMalformed):
        decode_record(data)
    with pytest.raises(BatchMalformed):
        open_batch(data)
    with pytest.raises(ReceiptMalformed):
        open_receipt(data, CENTRE_KEY.public)


@pytest.mark.parametrize(
    "data",
    [
        GOLDEN[:-1],
        GOLDEN + b"\x00",
        GOLDEN.replace(bytes.fromhex("cd012c"), bytes.fromhex("ce0000012c")),  # not shortest
        GOLDEN.replace(b"finish", b"finism"),
        GOLDEN.replace(b"\xa3utc", b"\xa3utd"),
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        GOLDEN[: GOLDEN.index(b"\x93")] + b"\x91" * 5000,
        VERSION_1.replace(b"\xa2\xc3\x89", b"\xa2\xc3\xc3"),  # not UTF-8
        b"\x00" * 100_000,
    ],
)
def test_near_misses_are_refused(data: bytes) -> None:
    with pytest.raises(RecordMalformed) as caught:
        decode_record(data)
    assert "finis" not in str(caught.value)


@given(st.data())
def test_one_flipped_bit_of_a_receipt_is_refused(data: st.DataObject) -> None:
    good = seal_receipt(Receipt(gate="g", epoch="e", seq=7, commitment=GENESIS), CENTRE_KEY)
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    with pytest.raises((ReceiptForged, ReceiptMalformed)):
        open_receipt(bytes(bad), CENTRE_KEY.public)
    assert open_receipt(good, CENTRE_KEY.public).seq == 7


def test_a_signature_in_capitals_is_another_message() -> None:
    good = seal_receipt(Receipt(gate="g", epoch="e", seq=7, commitment=GENESIS), CENTRE_KEY)
    signature = open_receipt(good, CENTRE_KEY.public).signature.encode()
    with pytest.raises(ReceiptForged):
        open_receipt(good.replace(signature, signature.upper()), CENTRE_KEY.public)


def test_signatures_do_not_serve_another_purpose() -> None:
    batch = Batch(gate="g", epoch="e", first_seq=1, sealed=b"", checkpoint="")
    contents = Contents(items=(Item(commitment=bytes(32), encoded=GOLDEN),))
    data = seal_batch(batch, contents, GATE_KEY, CENTRE_KEYS.public.sealing, seeded())
    sealed = open_batch(data)
    assert batch_is_by(sealed, GATE_KEY.public)
    assert not batch_is_by(sealed, CENTRE_KEY.public)
    assert not batch_is_by(batch, GATE_KEY.public)
    bare = msgspec.msgpack.encode(batch, order="sorted")
    stray = msgspec.structs.replace(batch, signature=GATE_KEY.sign(bare))
    assert not batch_is_by(stray, GATE_KEY.public)
    assert open_contents(sealed, CENTRE_KEYS.opening) == contents
    for other in ({"gate": "h"}, {"epoch": "f"}, {"first_seq": 2}):
        with pytest.raises(SealBroken):
            open_contents(msgspec.structs.replace(sealed, **other), CENTRE_KEYS.opening)
