"""A gate's journal beside the store of ThingsBoard IoT Gateway, under the same kills.

Both are asked, in a process of their own, to keep one record after another; each says when it
has accepted one. The process is killed (SIGKILL) after a random time. What was
accepted and is not in the file afterwards is lost. The rival is installed from PyPI into a
temporary environment and used as it comes: its SQLite storage, its defaults.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sim.bench.record.paths import Clock
from sync.gate.journal_reader import JournalReader
from sync.log.errors import StorageUnavailable

PACKAGE = "thingsboard-gateway==3.8.5"
KILLS = 10
SHORTEST_MS, LONGEST_MS = 300, 1500
INSTALL_S = 600

_THEIRS = """
import logging, sys, threading
from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage
log = logging.getLogger("storage")
log.trace = log.debug
log.addHandler(logging.NullHandler())
store = SQLiteEventStorage({"data_file_path": sys.argv[1] + "/"}, log, threading.Event())
text = "x" * int(sys.argv[2])
number = 0
print("ready", flush=True)
while True:
    if store.put(text):
        number += 1
        print(number, flush=True)
"""

_COUNT = """
import sqlite3, sys
query = "SELECT count(*) FROM messages"
print(sum(sqlite3.connect(path).execute(query).fetchone()[0] for path in sys.argv[1:]))
"""


class Survived(NamedTuple):
    """What came of all kills together."""

    kills: int
    accepted: int
    lost: int
    records_s: int

    def named(self, who: str) -> dict[str, int]:
        """Give it as results, each with a name in front."""
        return {f"{who}_{name}": value for name, value in self._asdict().items()}


def compare(
    folder: Path, size: int, own: Sequence[str], *, clock: Clock, seed: int
) -> dict[str, Any]:
    """Kill both, the same number of times, at the same moments.

    Args:
        folder: an empty folder on the disk that counts.
        size: characters of the rival's records, as many as bytes in ours.
        own: the command that keeps records in a journal in the folder it is given.
        clock: monotonic nanoseconds.
        seed: of the moments.

    Raises:
        StorageUnavailable: the rival cannot be installed.
    """
    python = _install(folder / "rival")
    theirs = _campaign(
        folder / "theirs",
        lambda place: [str(python), "-c", _THEIRS, str(place), str(size)],
        lambda place: _theirs_kept(python, place),
        clock,
        seed,
    )
    ours = _campaign(folder / "ours", lambda place: [*own, str(place)], _ours_kept, clock, seed)
    return {
        **theirs.named("thingsboard"),
        **ours.named("journal"),
        "journal_to_thingsboard": round(ours.records_s / max(1, theirs.records_s), 2),
    }


def _install(folder: Path) -> Path:
    """Make an environment with the rival in it; give its interpreter."""
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", "--no-deps", PACKAGE],
    ):
        done = subprocess.run(  # noqa: S603 (our own commands)
            command, capture_output=True, check=False, timeout=INSTALL_S
        )
        if done.returncode != 0:
            raise StorageUnavailable(f"{PACKAGE} cannot be installed; without it: no comparison")
    return python


def _campaign(
    folder: Path,
    command: Callable[[Path], list[str]],
    count: Callable[[Path], int],
    clock: Clock,
    seed: int,
) -> Survived:
    """Start, kill, count, again and again, each time in a new folder."""
    moments = random.Random(seed)  # noqa: S311 (moments, not secrets)
    accepted = lost = took_ns = 0
    for number in range(KILLS):
        place = folder / str(number)
        place.mkdir(parents=True)
        ns = moments.randrange(SHORTEST_MS, LONGEST_MS) * 1_000_000
        kept = _until_killed(command(place), ns, clock)
        accepted += kept
        took_ns += ns
        lost += max(0, kept - count(place))
    return Survived(KILLS, accepted, lost, round(accepted * 1e9 / took_ns))


def _until_killed(command: list[str], after_ns: int, clock: Clock) -> int:
    """Run for a time, kill; give how many records were accepted."""
    with subprocess.Popen(  # noqa: S603 (our own commands)
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=os.sep
    ) as child:
        if child.stdout is None or child.stdout.readline() != "ready\n":
            child.kill()
            raise StorageUnavailable("a store of the comparison does not start")
        end_ns, number = clock() + after_ns, 0
        while clock() < end_ns:
            number = int(child.stdout.readline() or number)
        child.kill()
        rest = child.stdout.read().split("\n")[:-1]
        return int(rest[-1]) if rest else number


def _theirs_kept(python: Path, place: Path) -> int:
    """Count what is in the rival's databases."""
    done = subprocess.run(  # noqa: S603 (our own command)
        [str(python), "-c", _COUNT, *map(str, place.glob("*.db"))],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def _ours_kept(place: Path) -> int:
    """Count what is in the journal."""
    reader = JournalReader(place / "journal.db")
    try:
        return reader.last_seq()
    finally:
        reader.close()
