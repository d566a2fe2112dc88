"""`egate rules` at the command line: packs by name and by file, facts, and recorded days."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from firmware_cfg.packs.columns import RuleFacts
from firmware_cfg.packs.compiled import Compiled
from firmware_cfg.packs.pack import parse
from gate_agent.cli import main
from gate_agent.inspect.rule_records import flips

GAP = """
name = "gap"
version = 1
authority = "x"
[[grant]]
id = "grown"
cite = "law"
age = [18, 150]
grant = "any"
"""


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    """Exit code and JSON of `egate rules`."""
    code = main(["rules", *words, "--json"])
    return code, json.loads(capsys.readouterr().out or "{}")


def test_check_ends_with_1_and_a_witness_where_a_pack_has_a_gap(tmp_path: Path, capsys) -> None:
    pack = tmp_path / "gap.toml"
    pack.write_text(GAP)
    code, found = printed(capsys, "check", str(pack))
    assert (code, found["ok"]) == (1, False)
    assert found["gaps"] == [{"witness": {"age": [17, 17]}}]
    assert printed(capsys, "check", "schengen")[0] == 0


def test_decide_takes_entries_of_the_entitlement_list_and_plain_classes(
    tmp_path: Path, capsys
) -> None:
    facts = {
        "nationality": "D",
        "age": 34,
        "direction": "entry",
        "date": "2026-12-01",
        "days_to_expiry": [900, 900],
    }
    file = tmp_path / "facts.json"
    for entitlements in (["evoa", "declaration"], [{"kind": "evoa", "declaration": True}]):
        file.write_text(json.dumps(facts | {"entitlements": entitlements}))
        code, found = printed(capsys, "decide", "indonesia", "--facts", str(file))
        assert code == 0
        assert (found["outcome"], found["grants"]) == ("auto", ["evoa_30"])
        assert found["us"] > 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"shoe_size": 43}',
        '{"age": [9, 3]}',
        '{"age": "old"}',
        "\x00\xff",
        '{"entitlements": [[]]}',
    ],
)
def test_unusable_facts_are_one_line_and_exit_code_2(tmp_path: Path, capsys, text: str) -> None:
    file = tmp_path / "facts.json"
    file.write_text(text)
    assert main(["rules", "decide", "default", "--facts", str(file)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("text", [None, "", "x = ", "[[grant]]", "\x00"])
def test_unusable_packs_are_one_line_and_exit_code_2(tmp_path: Path, capsys, text) -> None:
    file = tmp_path / "pack.toml"
    if text is not None:
        file.write_text(text)
    assert main(["rules", "check", str(file)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_recorded_travellers_are_counted_as_often_as_they_came() -> None:
    old, new = (Compiled(parse(GAP.replace("18", age).encode(), "t")) for age in ("18", "21"))
    counts = Counter({RuleFacts(age=(19, 19)): 3, RuleFacts(age=(30, 30)): 5, RuleFacts(): 2})
    assert flips(old, new, counts) == (3, 0, 3)
    assert flips(new, old, counts) == (3, 3, 0)
