"""`egate bench sim`: what the simulator claims about its speed, in one run on this machine.

Figures are per second of CPU time of this process; what a second of CPU is worth here is
measured by a fixed loop of the interpreter (`loops_per_cpu_s`), so that machines compare. Each
row says what of the day is computed and carried:

  recorded            chips play back sessions of a run before; the drivers hear every byte
                      of them; polls of a line at rest are counted
  repeats_counted     as runs go: a reading seen to repeat bit for bit is counted, too
  first_run           the same with nothing known before: each passport's first two readings
                      are carried
  live                every chip session is computed on both sides; polls are counted
  recorded_every_byte every byte of every poll and reading is carried
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

WEEK_DAYS = 7


def register(benches: Any) -> None:
    """Add `egate bench sim` to the command line."""
    sim = benches.add_parser(
        "sim",
        help="the simulator: crossings a CPU-second, a day of flights, memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sim.add_argument(
        "--crossings", type=int, default=100, help="of the dense runs (default: %(default)s)"
    )
    sim.add_argument("--day", action="store_true", help="also six lanes for a day of flights")
    sim.add_argument("--days", type=int, default=0, help="also memory over so many quiet days")
    sim.add_argument("--week", action="store_true", help="the same as --days 7")
    sim.add_argument("--json", action="store_true", help="print JSON")
    sim.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.crossings < 10 or arguments.days < 0:
        sys.stderr.write("egate bench sim: --crossings 10 or more, --days 0 or more\n")
        return 2
    from sim.bench.sim import measure

    days = max(arguments.days, WEEK_DAYS if arguments.week else 0)
    found = measure(arguments.crossings, day=arguments.day, days=days)
    if arguments.json:
        print(json.dumps(found))
        return 0
    print(f"loops of the interpreter per CPU-second: {found['loops_per_cpu_s']:,}")
    for name, row in found.items():
        if isinstance(row, dict) and "crossings_per_cpu_s" in row:
            print(
                f"{name:<22}{row['crossings_per_cpu_s']:>8} crossings per CPU-second, "
                f"{row['crossings_per_lane_hour']:.0f} an hour and lane; {row['crossings']} in "
                f"{row['virtual_s']:.0f} s of virtual time, {row['wall_s']:.1f} s of ours"
            )
    for name, layers in found["layers"].items():
        shown = ", ".join(
            f"{layer} {share:.0%}" for layer, share in layers.items() if share >= 0.01
        )
        print(f"CPU time of {name}: {shown}")
    print(f"cost per crossing, six lanes : one     {found['linear_lanes_ratio']}")
    print(f"cost per crossing, 4n : n              {found['linear_crossings_ratio']}")
    for row in found.get("memory", {}).get("runs", ()):
        print(f"peak memory after {row['days']} days: {row['peak_mb']} MB")
    return 0
