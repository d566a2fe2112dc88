"""Decision records: numbered without gaps, all in the index, and every reference leads to one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs/decisions"
STATUS = re.compile(r"stands|(changed|superseded) by (\d{4})")
REFERENCE = re.compile(r"docs/decisions/(\d{4})|[Dd]ecisions? (\d{4})(?: (?:to|and) (\d{4}))?")


def records() -> dict[str, Path]:
    """The records by number."""
    return {path.name[:4]: path for path in sorted(FOLDER.glob("[0-9]*.md"))}


def index() -> list[list[str]]:
    """Number and link, title, status and summary of each row."""
    lines = (FOLDER / "README.md").read_text().splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "](0" in line]


def test_numbers_have_no_gap():
    names = sorted(path.name for path in FOLDER.glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]


def test_the_index_lists_every_record_with_its_title():
    found = [
        [f"[{number}]({path.name})", path.read_text().split("\n")[0].removeprefix(f"# {number}: ")]
        for number, path in records().items()
    ]
    assert [row[:2] for row in index()] == found


def test_every_status_is_known_and_leads_to_a_later_record():
    for row in index():
        link, _, status, summary = row
        match = STATUS.fullmatch(status)
        assert match, row
        assert summary, row
        if match[2]:
            assert match[2] in records(), row
            assert match[2] > link[1:5], row


def test_every_reference_leads_to_a_record():
    texts = [
        path
        for pattern in ("*.md", "docs/**/*.md", "*/**/*.py")
        for path in ROOT.glob(pattern)
        if ".venv" not in path.parts
    ]
    found = {
        number
        for path in texts
        for groups in REFERENCE.findall(path.read_text())
        for number in groups
        if number
    }
    assert len(found) > 5
    assert found <= set(records())


def test_records_refer_to_records():
    for path in records().values():
        numbers = re.findall(r"\((0\d{3})\)|since (0\d{3})", path.read_text())
        assert {number for pair in numbers for number in pair if number} <= set(records()), path
