"""`egate chaos`: faults against the record's way, and what was lost by them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - folders there are made by tempfile
CONTROL_CUTS = 100
MAX_RECORDS = 100_000_000

DESCRIPTION = """\
Kills the processes that carry records, at random, while records flow; then compares both
sides, body by body. 0 lost, 0 duplicated, 0 altered is the only good answer (exit 0).

Killed (SIGKILL): the gate's journal writer (agent), sync, the broker, the collector, and
its database: PostgreSQL where it is installed, else SQLite within the collector. All are
the product's own processes over a real broker, but for the agent: in its place stands a
process that only writes records, with the agent's own journal, journal writer, sealing and
lane API, so that thousands of records a minute flow.

  records      in the gate's journal at the end
  lost         acknowledged or journalled, and not at the centre
  duplicated   bodies that the centre has twice, or never should have
  altered      bodies that differ from what was acknowledged
  redelivered  records that a listener at the broker received more than once: resending is
               how nothing is lost; the centre recognises them

--power-cuts N cuts the power instead: below SQLite everything that the real journal writes is
recorded; then, at N moments, a disk is built on which of all that was not yet synced each
sector of 512 bytes is there or not. Every acknowledged record, receipt and erasure must be
there when the journal starts again. `control_lost` is what the same cuts do to a journal
without synchronous=FULL: it must not be 0, or the disk was too kind.

--keep DIR leaves journal, centre's database, keys, ledger (number and hash of every body
that was acknowledged) and logs there, so that others can compare.
"""


def register(commands: Any) -> None:
    """Add `egate chaos` to the command line."""
    chaos = commands.add_parser(
        "chaos",
        help="kill everything that carries records; nothing may be lost",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    chaos.add_argument("--kills", type=int, default=50, help="kills (default: %(default)s)")
    chaos.add_argument("--power-cuts", type=int, metavar="N", help="cut the power so often instead")
    chaos.add_argument("--records", type=int, help="at least so many (default: 50 a kill)")
    chaos.add_argument(
        "--sqlite", action="store_true", help="SQLite at the centre, though PostgreSQL is there"
    )
    chaos.add_argument("--seed", type=int, help="of the kills, to repeat a schedule")
    chaos.add_argument("--keep", type=Path, metavar="DIR", help="a new folder for both sides' data")
    chaos.add_argument("--json", action="store_true", help="print JSON")
    chaos.set_defaults(run=_chaos)


def _chaos(arguments: argparse.Namespace) -> int:

    if arguments.power_cuts is not None:
        return _power_cuts(arguments)
    if not 1 <= arguments.kills <= 100_000:
        sys.stderr.write("egate chaos: --kills: from 1 to 100000\n")
        return 2
    if arguments.records is not None and not 0 <= arguments.records <= MAX_RECORDS:
        sys.stderr.write(f"egate chaos: --records: from 0 to {MAX_RECORDS}\n")
        return 2
    if arguments.keep is None:
        with tempfile.TemporaryDirectory(prefix="egate-chaos-") as folder:
            return _kills(Path(folder), arguments)
    try:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        taken = any(arguments.keep.iterdir())
    except OSError as error:
        sys.stderr.write(f"egate chaos: --keep: {arguments.keep}: {error.strerror}\n")
        return 2
    if taken:
        sys.stderr.write(f"egate chaos: --keep: {arguments.keep.name} is not empty\n")
        return 2
    return _kills(arguments.keep.absolute(), arguments)


def _kills(root: Path, arguments: argparse.Namespace) -> int:
    from gate_agent.live import system_random
    from sim.bench.record.servers import postgres_programs
    from sim.chaos.campaign import Campaign, CampaignFailed, Plan
    from sim.wires.broker import BrokerFailed

    seed = arguments.seed
    plan = Plan(
        kills=arguments.kills,
        records=arguments.kills * 50 if arguments.records is None else arguments.records,
        per_turn=8,
        seed=int.from_bytes(system_random(4), "big") if seed is None else seed,
        postgres=not arguments.sqlite and postgres_programs() is not None,
    )
    try:
        result = Campaign(root, plan, _progress, keep=arguments.keep is not None).run()
    except (CampaignFailed, BrokerFailed) as error:
        sys.stderr.write(f"egate chaos: {error.diagnosis}\n")
        return 1
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"egate chaos: cannot be set up: {error}\n")
        return 1
    return print_result(result, as_json=arguments.json)


def _power_cuts(arguments: argparse.Namespace) -> int:
    from gate_agent.live import monotonic_ns, system_random
    from sim.chaos.powercut import cut
    from sim.chaos.recording_vfs import VfsUnavailable

    if not 1 <= arguments.power_cuts <= 1_000_000:
        sys.stderr.write("egate chaos: --power-cuts: from 1 to 1000000\n")
        return 2
    seed = arguments.seed
    if seed is None:
        seed = int.from_bytes(system_random(4), "big")
    began = monotonic_ns()
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    try:
        with tempfile.TemporaryDirectory(prefix="egate-cuts-", dir=memory) as folder:
            found = cut(Path(folder), arguments.power_cuts, seed, _progress)
        with tempfile.TemporaryDirectory(prefix="egate-cuts-", dir=memory) as folder:
            control = cut(Path(folder), min(CONTROL_CUTS, found.cuts), seed, sync=False)
    except VfsUnavailable as error:
        sys.stderr.write(f"egate chaos: {error}\n")
        return 1
    result = {
        "power_cuts": found.cuts,
        "records": found.records,
        "lost": found.lost,
        "altered": found.altered,
        "unopened": found.unopened,
        "sectors_dropped": found.unsynced_dropped,
        "control_cuts": control.cuts,
        "control_lost": control.lost,
        "settled": control.lost > 0,
        "seed": seed,
        "seconds": (monotonic_ns() - began) // 1_000_000_000,
    }
    return print_result(result, as_json=arguments.json)


def print_result(result: dict[str, Any], *, as_json: bool) -> int:
    """Print a campaign's result; exit 0 if nothing was lost, doubled, altered or found wrong."""
    bad = ("lost", "duplicated", "altered", "unopened", "quarantined", "findings")
    good = result.get("settled", True) and not any(result.get(name) for name in bad)
    if as_json:
        print(json.dumps({**result, "ok": good}))
    else:
        for name, value in result.items():
            print(f"{name:<22} {value}")
    return 0 if good else 1


def _progress(line: str) -> None:
    """Say where the campaign stands, for a person who watches a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line:<70}")
