"""A share of the mutants dies; and the machine that makes them makes what it says."""

from __future__ import annotations

import ast
import subprocess
import sys
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest
from mutant_operators import edits
from mutant_source import of_module

MACHINE = Path(__file__).parent / "mutate.py"
CHECKED = "tables,guard,policy,alerts,collector,overview,doctor,planted"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(MACHINE), *arguments],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_a_share_of_the_mutants_is_caught():
    done = run("--quick", "--part", "3/28", "--target", CHECKED)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "in all" in done.stdout


def test_a_name_that_no_mutant_has():
    done = run("--target", "alerts", "--only", "nothing is named so")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "no mutant is named so")


class Colour(Enum):
    RED = 1
    GREEN = 2


def broken(text: str) -> set[str]:
    """Every text that one change makes of this one."""
    found = set()
    count = len(list(edits(ast.parse(text).body, {"Colour": Colour})))
    for number in range(count):
        tree = ast.parse(text)
        list(edits(tree.body, {"Colour": Colour}))[number].make()
        found.add(ast.unparse(ast.fix_missing_locations(tree)))
    assert len(found) <= count
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = a < b", {"x = a <= b"}),
        ("x = a == b", {"x = a != b"}),
        ("x = a is not b", {"x = a is b"}),
        ("x = a and b", {"x = a", "x = b"}),
        ("x = a or b or c", {"x = b or c", "x = a or c", "x = a or b"}),
        ("x = 0", {"x = 1"}),
        ("x = True", {"x = False"}),
        ("x = 7", {"x = 700"}),
        ("x = 'text'", {"x = ''"}),
        ("x = Colour.RED", {"x = list(type(Colour.RED))[1]"}),
        ("x = min(a)", {"x = max(a)"}),
        ("f()", {"pass"}),
        ("self.x = y", {"pass"}),
        ("x += y", {"pass"}),
        ("for x in y:\n    continue", {"for x in y:\n    pass"}),
        ("if a:\n    f()", {"if not a:\n    f()", "if False:\n    f()", "if a:\n    pass"}),
        ("x = [a for a in b if c]", {"x = [a for a in b if not c]", "x = [a for a in b if False]"}),
        ("x = a if b else c", {"x = a if not b else c", "x = a if False else c"}),
        ("raise E('text')", {"pass"}),
    ],
)
def test_what_a_text_becomes(text, expected):
    assert broken(text) == expected


@pytest.mark.parametrize(
    "text", ['"""Text."""', "x = f'{a} text'", "def f(a: 'B' = 1): ...", "x = y"]
)
def test_what_is_left_alone(text):
    assert broken(text) - {"def f(a: 'B'=1):\n    pass"} == set()


@pytest.fixture
def module(tmp_path, monkeypatch) -> ModuleType:
    (tmp_path / "broken_here.py").write_text(
        "LIMIT = 3\n"
        "TABLE = {'a': LIMIT}\n"
        "class Box:\n"
        "    @property\n"
        "    def full(self):\n"
        "        return LIMIT > 2\n"
        "def use():\n"
        "    return TABLE['a']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("broken_here")
    del sys.modules["broken_here"]


def test_a_mutant_runs_wherever_the_module_was_imported(module):
    importer = ModuleType("importer")
    importer.LIMIT, importer.TABLE, importer.use = module.LIMIT, module.TABLE, module.use
    sys.modules["importer"] = importer
    try:
        mutants = {mutant.name: mutant for mutant in of_module("broken_here")}
        mutants["broken_here.LIMIT: `300` for `3`"].apply()
        assert (importer.LIMIT, importer.TABLE, importer.use()) == (300, {"a": 300}, 300)
        mutants["broken_here.Box.full: `LIMIT >= 2` for `LIMIT > 2`"].apply()
        module.LIMIT = 2
        assert module.Box().full
    finally:
        del sys.modules["importer"]


def test_a_place_that_is_not_there_is_said(module):
    assert {mutant.place for mutant in of_module("broken_here", only=["use"])} == {
        "broken_here.use"
    }
    with pytest.raises(LookupError, match="gone"):
        of_module("broken_here", only=["gone"])
