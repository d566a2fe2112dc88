"""Signed notes and public-key encryption, against others' vectors and implementations."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st
from record_support import CENTRE_KEY, CENTRE_KEYS, GATE_KEY, STRANGER_KEY, seeded

from sync.log.envelope import HOUR_NS, RecordPlace, Sealer
from sync.log.errors import KeyRefused, NoteRefused, SealBroken
from sync.log.hpke import OpeningKey, SealingKey
from sync.log.keys import VerifyingKey
from sync.log.notes import (
    CENTRE_NAME,
    Checkpoint,
    checkpoint_text,
    countersign,
    open_checkpoint,
    open_note,
    origin_of,
    sign_checkpoint,
    sign_text,
    verifier_text,
)

# The note that the Go project's documentation of signed notes shows.
NAME = "PeterNeumann"
KEY = VerifyingKey(base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:])
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = (
    f"{TEXT}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSN"
    "XgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = origin_of("gate-1", "ab")
SIGNER = (ORIGIN, GATE_KEY.public)
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))


def test_a_note_of_another_implementation() -> None:
    assert verifier_text(NAME, KEY) == (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )
    assert open_note(NOTE, (NAME, KEY)) == TEXT
    more = countersign(NOTE, "egate/centre", CENTRE_KEY)
    assert open_note(more, (NAME, KEY), ("egate/centre", CENTRE_KEY.public)) == TEXT


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        NOTE.replace("answer", "anzwer"),
        NOTE.replace("x08go", "x08gp"),
        NOTE.replace("\u2014 Peter", "- Peter"),
        NOTE.replace("PeterNeumann x", "PeterNewmann x"),
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "x\n",
        NOTE.replace("\n\n", "\n"),
        NOTE + NOTE.split("\n\n")[1] * 8,
        NOTE.replace("JnAM=", "JnAN="),  # the same bytes in another form
        "x" * 5000 + "\n\n" + NOTE.split("\n\n")[1],
    ],
)
def test_notes_that_are_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        open_note(note, (NAME, KEY))


def test_a_checkpoint_and_its_two_signatures() -> None:
    assert checkpoint_text(CHECKPOINT) == (
        "egate/gate-1/ab\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    )
    note = sign_checkpoint(CHECKPOINT, GATE_KEY)
    assert open_checkpoint(note, ORIGIN, SIGNER) == CHECKPOINT
    both = countersign(note, CENTRE_NAME, CENTRE_KEY)
    centre = (CENTRE_NAME, CENTRE_KEY.public)
    assert open_checkpoint(both, ORIGIN, SIGNER, centre) == CHECKPOINT
    for wrong, signers in (
        (note, (SIGNER, centre)),
        (both, ((ORIGIN, STRANGER_KEY.public),)),
        (both, (SIGNER, (CENTRE_NAME, STRANGER_KEY.public))),
    ):
        with pytest.raises(NoteRefused):
            open_checkpoint(wrong, ORIGIN, *signers)
    with pytest.raises(NoteRefused):
        open_checkpoint(note, origin_of("gate-2", "ab"), SIGNER)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n07\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        f"{ORIGIN}\n-7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        f"{ORIGIN}\n7\nAAEC\n",
        f"{ORIGIN}\n7\n?\n",
        f"{ORIGIN}\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nmore\n",
    ],
)
def test_texts_that_are_no_checkpoint(text: str) -> None:
    note = sign_text(text, ORIGIN, GATE_KEY)
    with pytest.raises(NoteRefused):
        open_checkpoint(note, ORIGIN, SIGNER)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    for note in (text, f"{text}\n\n\u2014 {text}\n", f"{text}\n\n\u2014 a {text}\n"):
        with pytest.raises(NoteRefused):
            open_checkpoint(note, ORIGIN, SIGNER)


SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
OWNER = OpeningKey(b"\x04" * 32)


@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(0, 2**32))
def test_our_seals_and_those_of_cryptography_open_alike(
    data: bytes, info: bytes, seed: int
) -> None:
    ours = OWNER.public.seal(data, info, seeded(seed))
    theirs = SUITE.encrypt(data, OWNER.private.public_key(), info)
    assert len(ours) == len(theirs)
    for sealed in (ours, theirs):
        assert SUITE.decrypt(sealed, OWNER.private, info) == data
        assert OWNER.open(sealed, info) == data


@given(st.data())
def test_what_was_changed_does_not_open(draw: st.DataObject) -> None:
    sealed = bytearray(OWNER.public.seal(b"secret", b"purpose", seeded()))
    place = draw.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= draw.draw(st.integers(1, 255)) if place != 31 else 1
    with pytest.raises(SealBroken):
        OWNER.open(bytes(sealed), b"purpose")


def test_keys_and_messages_that_are_refused() -> None:
    sealed = OWNER.public.seal(b"secret", b"purpose", seeded())
    for data, info in ((sealed, b"other"), (sealed[:40], b"purpose"), (b"", b"purpose")):
        with pytest.raises(SealBroken):
            OWNER.open(data, info)
    with pytest.raises(SealBroken):
        OpeningKey(b"\x05" * 32).open(sealed, b"purpose")
    with pytest.raises(SealBroken):
        OWNER.open(bytes(32) + sealed[32:], b"purpose")  # a point of low order
    with pytest.raises(KeyRefused):
        SealingKey(bytes(32)).seal(b"x", b"", seeded())
    with pytest.raises(KeyRefused):
        SealingKey(b"short")
    with pytest.raises(KeyRefused):
        OpeningKey(b"short")


@pytest.mark.parametrize(
    ("later_ns", "new_key"), [(HOUR_NS - 1, False), (HOUR_NS, True), (-1, True)]
)
def test_an_hours_key_lasts_an_hour_and_not_before_it_began(later_ns: int, new_key: bool) -> None:
    sealer = Sealer(CENTRE_KEYS.public.sealing, seeded(3))
    place = RecordPlace("gate-1", "e", 1)
    assert sealer.hour(place, 4, 10 * HOUR_NS) is not None
    assert (sealer.hour(place, 5, 10 * HOUR_NS + later_ns) is not None) is new_key
    assert sealer.key_id == 5 + new_key
