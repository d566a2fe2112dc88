"""`egate codes`: every stable code, what it means and what to do; the runbook is made from it."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

from gate_agent.commands.teaching import WIDTH

INTRODUCTION = """\
# Runbook: every stable code

Made by `egate codes --write docs/runbook.md` from `firmware_cfg/codes.py` and
`gate_agent/console/alerts.py`; a test compares. `egate codes 314` and `egate codes list_hit`
print one of them, `egate codes --json` all.
"""

FAULTS = """
## Faults

A number and one line of diagnosis, beside a device in the console, in the record
(`device_failed`) and in logs. 1xx: devices, workers, agent. 2xx: vision. 3xx: the record.
"""

REFERRALS = """
## Reasons of referral, and what a device lacks

Why the machine did not admit a traveller by itself (`reasons` of the records `decision` and
`finish`), or what keeps a device from its whole work (`conditions`). An officer sees the text;
the action is what an officer does about it.
"""

MOVED_NUMBERS = """
## Numbers of older records

Before 0.1.0 two parts used these numbers. A record's device shows which fault it was.
"""


class Row(NamedTuple):
    """One stable code. `code` is a number for a fault, else the same word as `name`."""

    code: int | str
    name: str
    meaning: str
    action: str
    source: str


JOURNAL_GROWS = """
## The journal grows

The alarm "the journal has N MB" comes at `sync.journal_alarm_mb`. By itself the agent removes, at
the gate's night and after a start, what the central system has countersigned, is older than
`sync.journal_days` and follows no crossing without an end. What to do:

1. `egate journal verify FILE --centre-key centre.pub --json`: `records` less `receipt_seq` are not
   confirmed. Many of them: the link to the central system is down; mend it, nothing unsent goes.
2. An alarm "the journal is not trimmed" names a record that is not in order: keep the file, and
   restore a backup beside it (`egate journal restore`).
3. "Clock not trusted": no record is old enough while the date is not sure; mend the time server.
4. Confirmed and still too large: lower `sync.journal_days` (7 at least) in the profile, or give the
   journal a larger disk and raise `sync.journal_alarm_mb`.
5. A journal that an older version made takes room from its own free pages, but its file becomes
   smaller only once: stop the agent, run `egate journal trim FILE --json`, start it. That needs
   twice the file's room for a moment, and says so if it is not there.
"""


def register(commands: Any) -> None:
    """Add `egate codes` to the command line."""
    command = commands.add_parser(
        "codes", help="every stable code of a fault or a referral: what it means, what to do"
    )
    command.add_argument(
        "code", nargs="?", metavar="CODE", help="only this one: its number or its name"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--write", type=Path, metavar="FILE", help="write docs/runbook.md, made from the table"
    )
    command.set_defaults(run=_run)


def faults() -> list[Row]:
    """The faults, by number."""
    from firmware_cfg.codes import Code

    return [
        Row(int(code), code.name.lower(), code.meaning, code.action, code.source)
        for code in sorted(Code)
    ]


def referrals() -> list[Row]:
    """Reasons of referral and conditions of devices, in the order in which they are shown."""
    from gate_agent.console.alerts import ALERTS
    from gate_agent.core.reasons import Reason

    reasons = {reason.value for reason in Reason}
    return [
        Row(
            code,
            code,
            f"{alert.text}." + (f" Or: {alert.unjudged}." if alert.unjudged else ""),
            alert.todo,
            "referral" if code in reasons else "condition",
        )
        for code, alert in ALERTS.items()
    ]


def runbook() -> str:
    """The text of docs/runbook.md."""
    from firmware_cfg.codes import MOVED

    columns = ("code", "name", "source", "meaning", "what to do")
    faulty: list[tuple[object, ...]] = [
        (row.code, f"`{row.name}`", row.source, row.meaning, row.action) for row in faults()
    ]
    referred: list[tuple[object, ...]] = [
        (f"`{row.name}`", row.source, row.meaning, row.action) for row in referrals()
    ]
    moved: list[tuple[object, ...]] = [(old.device, old.number, old.code.value) for old in MOVED]
    return "".join(
        [
            INTRODUCTION,
            FAULTS,
            _table(columns, faulty),
            REFERRALS,
            _table(columns[1:], referred),
            MOVED_NUMBERS,
            _table(("device", "number", "now"), moved),
            JOURNAL_GROWS,
        ]
    )


def _table(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = ["", *(f"| {' | '.join(map(str, row))} |" for row in (columns, *rows))]
    lines.insert(2, "|" + "---|" * len(columns))
    return "\n".join(lines) + "\n"


def _run(arguments: argparse.Namespace) -> int:
    rows = faults() + referrals()
    if arguments.code is not None:
        wanted = arguments.code.lower()
        rows = [row for row in rows if wanted in (str(row.code), row.name)]
        if not rows:
            sys.stderr.write(f"egate codes: there is no code {arguments.code}\n")
            return 2
    if arguments.write is not None:
        try:
            arguments.write.write_text(runbook())
        except OSError as error:
            sys.stderr.write(f"egate codes: {arguments.write}: {error.strerror}\n")
            return 2
    elif arguments.json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    else:
        print("\n".join(_text(row) for row in rows))
        for line in _moved(rows if arguments.code is not None else []):
            print(line)
    return 0


def _text(row: Row) -> str:
    """A code as three lines or more for a terminal."""
    head = row.name if row.code == row.name else f"{row.code} {row.name}"
    body = [
        textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
        for text in (row.meaning, row.action)
    ]
    return "\n".join([f"{head} ({row.source})", *body])


def _moved(rows: list[Row]) -> list[str]:
    """What the number of a single row meant in older records."""
    from firmware_cfg.codes import MOVED

    numbers = {row.code for row in rows}
    return [
        f"In records of {old.device} before 0.1.0: now {old.code.value} {old.code.name.lower()}."
        for old in MOVED
        if old.number in numbers
    ]
