"""Keys of documents on a list."""

from __future__ import annotations

import pytest

from sync.lists.document_keys import document_keys

KEY = b"a key for tests only, 32 bytes.."


@pytest.mark.parametrize(("one", "other"), [("D<<", "DEU"), ("GBN", "GBR"), ("ROM", "ROU")])
def test_codes_of_one_state_give_one_key(one: str, other: str) -> None:
    assert document_keys(KEY, one, "T22000129") == document_keys(KEY, other, "T22000129")


def test_a_misread_character_keeps_the_folded_key_alone() -> None:
    printed, typed = document_keys(KEY, "IDN", "B1G05S8"), document_keys(KEY, "IDN", "8IGO558")
    assert printed.folded == typed.folded
    assert printed.exact != typed.exact
    assert printed.stateless != typed.stateless


def test_another_state_keeps_the_key_without_state_alone() -> None:
    one, other = document_keys(KEY, "IDN", "X1234567"), document_keys(KEY, "MYS", "X1234567")
    assert one.stateless == other.stateless
    assert one.exact != other.exact
    assert one.folded != other.folded


def test_a_long_number_counts_whole() -> None:
    one, other = document_keys(KEY, "BEL", "000590448301"), document_keys(KEY, "BEL", "000590448")
    assert not set(one) & set(other)


def test_another_key_shares_nothing() -> None:
    one, other = document_keys(KEY, "BEL", "A<12-3 4"), document_keys(KEY[:31], "BEL", "A1234")
    assert not set(one) & set(other)
    assert document_keys(KEY, "BEL", "A<12-3 4") == document_keys(KEY, "BEL", "A1234")


@pytest.mark.parametrize(("key", "number"), [(KEY, "<<<"), (b"short", "A1"), (b"", "A1")])
def test_unusable_input_is_refused(key: bytes, number: str) -> None:
    with pytest.raises(ValueError, match=r"number|key"):
        document_keys(key, "BEL", number)
