"""`egate codes` and the table behind it: unique, complete, nothing unused, in the runbook."""

import ast
import importlib
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

import biometrics
import drivers
import gate_agent
import sync
from biometrics.errors import BiometricFault
from drivers.errors import DriverFault
from drivers.types import Condition
from firmware_cfg.codes import MOVED, Code
from gate_agent.cli import main
from gate_agent.commands.codes import faults, referrals, runbook
from gate_agent.core.reasons import Reason
from sync.log.errors import SyncError

ROOT = Path(__file__).parents[3]
PACKAGES = (biometrics, drivers, gate_agent, sync)
HUNDREDS = {"device": 1, "worker": 1, "agent": 1, "vision": 2, "record": 3}


def classes_below(base):
    yield base
    for below in base.__subclasses__():
        yield from classes_below(below)


def fault_classes():
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] in ("errors", "pcsc"):
                importlib.import_module(module.name)
    found = [
        one for base in (DriverFault, BiometricFault, SyncError) for one in classes_below(base)
    ]
    return [one for one in found if not one.__module__.startswith(("test", "conftest"))]


def sources():
    for package in PACKAGES:
        for file in sorted((ROOT / package.__name__).rglob("*.py")):
            yield file, ast.parse(file.read_text())


def codes_named(tree):
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Code"), attr=name) if name.isupper():
                yield name


def literal_codes(tree):
    """Lines that give a fault's code as a bare number."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(keywords=words) if {"device", "code"} <= {word.arg for word in words}:
                given = {word.arg: word.value for word in words}
                if isinstance(given["code"], ast.Constant):
                    yield node.lineno
            case ast.ClassDef(bases=[_, *_], body=lines):
                for line in lines:
                    match line:
                        case ast.Assign(
                            targets=[ast.Name(id="code")], value=ast.Constant(value=int())
                        ):
                            yield line.lineno


def test_numbers_and_names_are_unique():
    rows = faults() + referrals()
    for column in ("code", "name"):
        counted = Counter(getattr(row, column) for row in rows)
        assert [one for one, times in counted.items() if times > 1] == []
    assert len(faults()) == len(Code)


def test_every_row_says_what_it_means_and_what_to_do():
    for row in faults() + referrals():
        assert row.meaning.endswith("."), row
        assert row.action.endswith("."), row
        assert "|" not in row.meaning + row.action, row
    for code in Code:
        assert code // 100 == HUNDREDS[code.source], code


def test_every_class_of_faults_has_a_code_of_its_own_that_bears_its_name():
    classes = fault_classes()
    assert len(classes) > 30
    for one in classes:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", one.__name__).upper()
        assert one.__dict__.get("code") is Code[name], one


@pytest.mark.parametrize("base", [DriverFault, BiometricFault, SyncError])
def test_a_tree_in_a_docstring_names_each_number_of_its_module(base):
    text = importlib.import_module(base.__module__).__doc__
    listed = dict(re.findall(r"(\w+) +(\d{3}) ", text))
    own = [one for one in classes_below(base) if one.__module__ == base.__module__]
    assert listed == {one.__name__: str(int(one.code)) for one in own if one is not base}


def test_the_product_uses_every_code_and_no_bare_number():
    used = set()
    for file, tree in sources():
        used |= set(codes_named(tree))
        assert list(literal_codes(tree)) == [], file
    assert used == set(Code.__members__)


def test_a_bare_number_would_be_found():
    text = "class Odd(DriverFault):\n    code = 7\nput(DeviceFailed(device=one, code=122))\n"
    assert sorted(literal_codes(ast.parse(text))) == [2, 3]


def test_reasons_and_conditions_are_all_there():
    assert {row.name for row in referrals()} == {*Reason, *Condition}


def test_a_moved_number_is_no_longer_its_device_s():
    for old in MOVED:
        assert old.number != old.code
        assert old.number not in {code.value for code in Code if code.source == old.code.source}


def test_the_runbook_is_made_from_the_table():
    assert (ROOT / "docs/runbook.md").read_text() == runbook(), "egate codes --write"


def test_all_are_printed_as_json(capsys):
    assert main(["codes", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [set(row) for row in rows] == [{"code", "name", "meaning", "action", "source"}] * len(
        rows
    )
    assert {row["code"] for row in rows} == {*map(int, Code), *Reason, *Condition}


@pytest.mark.parametrize("word", ["314", "storage_foreign", "STORAGE_FOREIGN"])
def test_one_is_printed_by_number_or_name(word, capsys):
    assert main(["codes", word]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "314 storage_foreign (record)"
    assert Code.STORAGE_FOREIGN.action in " ".join(out.split())


def test_a_number_that_moved_is_explained(capsys):
    assert main(["codes", "301"]) == 0
    assert "In records of vision before 0.1.0: now 211 model_refused." in capsys.readouterr().out


def test_an_unknown_code_ends_with_a_line_and_2(capsys):
    assert main(["codes", "600"]) == 2
    assert capsys.readouterr() == ("", "egate codes: there is no code 600\n")
