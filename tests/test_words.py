"""Plain technical English: words that a reader would have to translate are not in the tree.

Each pattern names a word of the project's former private language and its plain replacement.
What is left is listed here line by line, with the reason why the plain word is right there.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("biometrics", "drivers", "firmware_cfg", "gate_agent", "sim", "sync")
FOLDERS = (*PACKAGES, "docs", "systemd", "tests")
SUFFIXES = {".conf", ".css", ".html", ".js", ".md", ".py", ".rules", ".service", ".sh", ".toml"}
OWN_FILE = "tests/test_words.py"

# Letters alone bound a word, so that parts of names (`is_told`, `_told`) are found, too.
REPLACEMENTS = {
    "told|tells|telling": "report, record, notify, state, distinguish",
    "[Ss]omebody|[Nn]obody|[Ee]verybody|[Aa]nybody|[Ww]hoever|[Ww]homever": "a person, no one",
    "anew": "again",
    "dice": "random source",
    "deeds?": "action",
    "strikes?|struck": "start, inject, trip",
    "costly": "expensive; name the function",
    "Ghost": "ObservedHistory",
    "house|houses|House|HOUSE": "site, test bench, architecture",
    "word_durable": "accept_durable",
    "release_said": "release_requested",
    "entry_out": "an enum of a release's states",
    "TurnstileMachine": "ModbusTurnstile",
}
PHRASES = {
    r"put(s|ting)?[ _](\w+[ _])?apart": "quarantine",
    r"to be had": "available",
    r"lets? (\w+ )?go by": "let pass, skip",
    r"in step with": "synchronised with",
    r"of before\b": "earlier, previous",
    r"(by|in) other hands": "by something other than the agent",
    r"\bDesk\b\(|class Desk\b": "SimJournal",
    r"\bHow\(": "RunOptions",
    r"\b(said|heard)\(|\.(said|heard)\b": "a name that says what was reported or received",
    r"def _?hear\b|def see\b|[^a-z]heard_ns": "on_event, receive, received_ns",
    r"(?<![A-Za-z.])tell(?![A-Za-z])": "report, record, notify, state, distinguish",
}
FORBIDDEN = {
    **{rf"(?<![A-Za-z])({words})(?![A-Za-z])": plain for words, plain in REPLACEMENTS.items()},
    **PHRASES,
}

# Lines that keep such a word, as they stand in the file, and why.
ALLOWED: dict[tuple[str, str], str] = {
    ("gate_agent/core/officer.py", 'return "nobody_referred"'): "a reason that is on record",
    (
        "gate_agent/core/officer.py",
        'return state, "nobody_to_release"',
    ): "a reason that is on record",
    (
        "tests/gate_agent/core/test_mantrap.py",
        'assert (ignored["why"], lane.commanded(OpenEntry)) == ("nobody_to_release", [1])',
    ): "a reason that is on record",
    (
        "sim/lane/recorded_chip.py",
        '"costly_computed": sum(one.misses for one in known),',
    ): "a key of a run's JSON",
    (
        "sim/lane/recorded_chip.py",
        '"costly_remembered": sum(one.hits for one in known),',
    ): "a key of a run's JSON",
    (
        "tests/sim/commands/test_sim_tools.py",
        'assert main(["sim", "library", "face/nobody", "passage/turns_back"]) == 0',
    ): "the name of a scenario",
    (
        "tests/sim/commands/test_sim_tools.py",
        'assert main(["sim", "library", "face/nobody", "--json"]) == 0',
    ): "the name of a scenario",
    (
        "sim/bench/noise.py",
        '"struck": {"there": bus.there.occurred, "back": bus.back.occurred},',
    ): "a key of the JSON that `egate bench lane` prints",
    (
        "sim/bench/record/servers.py",
        'ACCOUNTS = ("postgres", "nobody")',
    ): "an account of Unix",
    (
        "tests/sim/bench/test_bench_lane.py",
        'assert reported["struck"]["back"]["flip_bytes"] > 5',
    ): "a key of the JSON that `egate bench lane` prints",
}

# Rooms that are not clean yet: how many lines at most. It only shrinks.
REMAINS: dict[str, int] = {}


def lines_of(path: Path) -> list[str]:
    """The lines of a file that break the rule, as they stand there without indentation."""
    name = path.relative_to(ROOT).as_posix()
    return [
        line.strip()
        for line in path.read_text().splitlines()
        if broken(line) and (name, line.strip()) not in ALLOWED
    ]


def broken(line: str) -> list[str]:
    """The patterns that a line matches."""
    return [pattern for pattern in FORBIDDEN if re.search(pattern, line)]


def files() -> list[Path]:
    """Every text of the project: product, tests, documents."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    top = [path for path in ROOT.iterdir() if path.suffix in {".md", ".toml"}]
    found = [*inside, *top, ROOT / "Makefile", ROOT / "setup.sh"]
    return sorted(
        path
        for path in found
        if path.is_file()
        and (path.suffix in SUFFIXES or path.name == "Makefile")
        and path.relative_to(ROOT).as_posix() != OWN_FILE
    )


def room_of(path: Path) -> str:
    """The room of a file: its folder, at most two deep."""
    parts = path.relative_to(ROOT).parts[:-1]
    return "/".join(parts[:2])


def test_texts_use_plain_words():
    found = {path: lines for path in files() if (lines := lines_of(path))}
    counts = Counter(room_of(path) for path, lines in found.items() for _ in lines)
    too_many = {room for room, count in counts.items() if count > REMAINS.get(room, 0)}
    assert [
        f"{path.relative_to(ROOT)}: {line}"
        for path, lines in found.items()
        if room_of(path) in too_many
        for line in lines
    ] == []


def test_every_exception_is_needed():
    for (name, line), reason in ALLOWED.items():
        kept = [text.strip() for text in (ROOT / name).read_text().splitlines()]
        assert line in kept, f"{name} no longer has: {line}"
        assert broken(line)
        assert reason


@pytest.mark.parametrize(
    "line",
    [
        "def test_a_fault_is_told():",
        "# whoever waits here",
        "the laws of the house",
        "records are put apart",
        "if ledger.heard(event):",
        "options = How()",
    ],
)
def test_a_private_word_is_found(line):
    assert broken(line)


@pytest.mark.parametrize(
    "line",
    [
        "a storyteller",
        "io.closed_housing",
        "household",
        "the officer's desk",
        "howl(ing)",
    ],
)
def test_a_plain_word_is_left_alone(line):
    assert broken(line) == []
