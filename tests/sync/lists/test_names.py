"""Names as lists compare them."""

from __future__ import annotations

import itertools

import pytest

from sync.lists.names import latin, read_name, skeleton


@pytest.mark.parametrize(
    ("primary", "secondary", "tokens"),
    [
        ("SUKARTI", "", ("SUKARTI",)),
        ("SUKARTI", "FNU", ("SUKARTI",)),
        ("SUKARTI", "SUKARTI", ("SUKARTI",)),
        ("BIN<SALEH", "OMAR", ("OMAR", "SALEH")),
        ("D'ARCY", "ZOË-ANNE", ("ANNE", "DARCY", "ZOE")),
        ("LNU", "XXX", ()),
        ("VAN", "DE", ("DE", "VAN")),
    ],
)
def test_tokens_leave_out_particles_and_placeholders(
    primary: str, secondary: str, tokens: tuple[str, ...]
) -> None:
    assert read_name(primary, secondary).tokens == tokens


def test_order_never_counts() -> None:
    words = ("RAHMAT", "HIDAYAT", "PUTRA")
    orders = {read_name(a, f"{b}<{c}").tokens for a, b, c in itertools.permutations(words)}
    assert len(orders) == 1


def test_chinese_given_names_join() -> None:
    assert read_name("OUYANG", "MEI LIN").joined == read_name("OUYANG", "MEILIN").joined


def test_a_cut_token_is_a_beginning_and_no_token() -> None:
    name = read_name("WICKRAMASINGHE", "THARINDU<CHAMI", may_be_cut=True)
    assert name.cut == "CHAMI"
    assert "CHAMI" not in name.tokens
    assert not read_name("SITI", "NUR", may_be_cut=True).mononym
    assert read_name("SITI", "NU", may_be_cut=True).cut == ""


def test_special_letters_are_spelled_out() -> None:
    assert latin("Þórsøn Weiß") == "THORSOEN WEISS"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MOHAMMED", "MUHAMAD"), ("KHALIL", "KALIL"), ("YUSUF", "YOUSSEF"),
        ("SHEVCHENKO", "SCHEWTSCHENKO"), ("PHILIPP", "FILIP"), ("ZULKIFLI", "ZULKIFLY"),
    ],
)  # fmt: skip
def test_transliterations_share_a_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
