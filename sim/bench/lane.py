"""`egate bench lane`: what the product claims about its lane, measured in one run.

Targets stand beside the figures, and what the machine itself needs beside both: a bare
wake-up of a thread and a bare fsync. On a busy machine the ratios count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gate_agent.commands.models import default_store
from gate_agent.host.priority import yield_processor
from sim.devices.photos import default_photographs
from sim.scenario.folder import SCENARIOS

if TYPE_CHECKING:
    from sim.bench.virtual import LaneMeasurements

SCENARIO = SCENARIOS / "first_day.toml"
END_S = 10.0


class Row(NamedTuple):
    """One figure: its name, what was measured, in which unit, and what it should not exceed."""

    name: str
    value: float | None
    unit: str
    target: float | None = None
    samples: int = 0


def register(benches: Any) -> None:
    """Add `egate bench lane` to the command line."""
    lane = benches.add_parser(
        "lane",
        help="the lane: core, loop, journal, bus, crossing, restart; or Modbus over noise",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lane.add_argument("--noise", action="store_true", help="Modbus over a line with 0.2 %% flips")
    lane.add_argument("--transactions", type=int, default=10_000, help="default: %(default)s")
    lane.add_argument("--seed", type=int, default=1, help="of the noise (default: %(default)s)")
    lane.add_argument("--crossings", type=int, default=60, help="in real time (default: 60)")
    lane.add_argument("--seeds", type=int, default=3, help="runs on the virtual clock (default: 3)")
    lane.add_argument("--restarts", type=int, default=2, help="power cuts (default: 2)")
    lane.add_argument("--idle", action="store_true", help="no busy reader and vision beside")
    lane.add_argument("--json", action="store_true", help="print JSON")
    lane.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.noise:
        return _noise(arguments)
    rows = _virtual(arguments) + _live(arguments) + _restart(arguments)
    if arguments.json:
        print(json.dumps({row.name: row.value for row in rows} | {"targets": _targets(rows)}))
        return 0
    print(f"{'':<38}{'measured':>12} {'target':>10}  unit   {'n':>6}")
    for row in rows:
        value = "not run" if row.value is None else f"{row.value:.3f}"
        target = "" if row.target is None else f"{row.target:g}"
        print(f"{row.name:<38}{value:>12} {target:>10}  {row.unit:<6}{row.samples:>7}")
    return 0


def _targets(rows: list[Row]) -> dict[str, float]:
    return {row.name: row.target for row in rows if row.target is not None}


def _noise(arguments: argparse.Namespace) -> int:
    from sim.bench.noise import noise

    if arguments.transactions < 1:
        sys.stderr.write("egate bench lane: --transactions must be positive\n")
        return 2
    result = noise(arguments.transactions, arguments.seed)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<14} {value}")
    return 0 if result["wrong"] == 0 else 1


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def _virtual(arguments: argparse.Namespace) -> list[Row]:
    from gate_agent.live import cpu_ns, monotonic_ns
    from sim.bench.virtual import core_step_us, percentile, play, write_and_read_back_ms
    from sim.scenario.scenario import load

    seen = play(load(SCENARIO), arguments.seeds, _say)
    steps, again = core_step_us(seen, cpu_ns)
    by_the_wall, _ = core_step_us(seen, monotonic_ns)
    bus = write_and_read_back_ms(200, arguments.seed, 200)
    slow = write_and_read_back_ms(200, arguments.seed, 1_000)
    missed = len(seen.deadlines) - sum(seen.deadlines)
    placed, judged = seen.placed_to_open_ms(), len(seen.deadlines)
    return [
        Row("core_step_p50_us", percentile(steps, 0.5), "us", None, len(steps)),
        Row("core_step_p99_us", percentile(steps, 0.99), "us", 50, len(steps)),
        Row("core_step_again_p99_us", percentile(again, 0.99), "us", None, len(again)),
        Row("core_step_wall_p99_us", percentile(by_the_wall, 0.99), "us", None, len(by_the_wall)),
        Row("write_read_back_p50_ms", percentile(bus, 0.5), "ms", 10, len(bus)),
        Row("write_read_back_slow_p50_ms", percentile(slow, 0.5), "ms", None, len(slow)),
        Row("placed_to_open_p50_ms", percentile(placed, 0.5), "ms", None, len(placed)),
        Row("placed_to_open_p95_ms", percentile(placed, 0.95), "ms", 3_000, len(placed)),
        *_shares(seen, "barrier"),
        *_shares(seen, "mantrap"),
        Row("deadline_misses_ratio", missed / max(1, judged), "", 0.001, judged),
        Row("late_admits", seen.late_admits, "", 0, len(placed)),
    ]


def _shares(seen: LaneMeasurements, topology: str) -> list[Row]:
    """From the document to the open exit in one topology, and what the time went for."""
    from sim.bench.virtual import SHARES, percentile

    one = [opening for opening in seen.openings if opening.topology == topology]
    name, placed = f"placed_to_open_{topology}", seen.placed_to_open_ms(topology)
    rows = [Row(f"{name}_p95_ms", percentile(placed, 0.95), "ms", None, len(placed))]
    for share in SHARES:
        spent = [opening.shares_ms.get(share, 0.0) for opening in one]
        rows.append(Row(f"{name}_{share}_p50_ms", percentile(spent, 0.5), "ms", None, len(spent)))
    return rows


def _live(arguments: argparse.Namespace) -> list[Row]:
    from gate_agent.live import monotonic_ns as clock
    from sim.bench.live import LiveLane, Played, fsync_ms, wake_ms
    from sim.bench.virtual import percentile, play
    from sim.scenario.scenario import load

    played = Played(play(load(SCENARIO), 1, _say).turns)
    beside = [] if arguments.idle else _busy()
    fsyncs: list[float] = []
    wakes: list[float] = []
    try:
        with tempfile.TemporaryDirectory(prefix="egate-bench-", dir=Path.cwd()) as folder:
            lane = LiveLane(played, Path(folder), clock)

            def between(n: int) -> None:
                _say(f"crossing {n + 1} of {arguments.crossings}")
                fsyncs.extend(fsync_ms(Path(folder), 5, clock))
                wakes.extend(wake_ms(20, clock))

            lane.run(arguments.crossings, between)
    finally:
        for process in beside:
            _end(process)
    opened, turns = percentile(lane.open_ms, 0.99), lane.turn_cpu_ms
    durable = percentile(fsyncs, 0.99)
    loop, wake = percentile(lane.loop_ms, 0.99), percentile(wakes, 0.99)
    return [
        Row(
            "event_to_command_p50_ms", percentile(lane.loop_ms, 0.5), "ms", None, len(lane.loop_ms)
        ),
        Row("event_to_command_p99_ms", loop, "ms", 1, len(lane.loop_ms)),
        Row("turn_cpu_p50_ms", percentile(turns, 0.5), "ms", None, len(turns)),
        Row("turn_cpu_p99_ms", percentile(turns, 0.99), "ms", None, len(turns)),
        Row("bare_wake_up_p99_ms", wake, "ms", None, len(wakes)),
        Row("event_to_command_per_wake_up", loop / max(wake, 1e-6), "x"),
        Row("accept_to_open_p50_ms", percentile(lane.open_ms, 0.5), "ms", None, len(lane.open_ms)),
        Row("accept_to_open_p99_ms", opened, "ms", 20 + durable, len(lane.open_ms)),
        Row("bare_fsync_p50_ms", percentile(fsyncs, 0.5), "ms", None, len(fsyncs)),
        Row("bare_fsync_p99_ms", durable, "ms", None, len(fsyncs)),
    ]


def _busy() -> list[subprocess.Popen[bytes]]:
    """A vision process at its models, and readers at their cryptography, without an end.

    They give way to the control process, as in a gate.
    """
    egate = [sys.executable, "-m", "gate_agent.cli"]
    jobs = [["bench", "face", "--rounds", "100000"]]
    jobs.append(["bench", "lane", "--seeds", "100000", "--idle"])
    started = [
        subprocess.Popen(  # noqa: S603 - our own command line
            [*egate, *job], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for job in jobs
    ]
    for process in started:
        yield_processor(process.pid)
    return started


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, with time to remove what it made."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _restart(arguments: argparse.Namespace) -> list[Row]:
    from sim.bench.restart import RestartFailed, power_cut_s
    from sim.devices.photos import missing
    from sim.scenario.scenario import load

    photographs = default_photographs()
    if arguments.restarts < 1 or missing(photographs):
        return [Row("power_cut_to_auto_s", None, "s", 10)]
    try:
        spans = power_cut_s(
            load(SCENARIO), SCENARIO, default_store(), photographs, arguments.restarts, _say
        )
    except RestartFailed as failed:
        sys.stderr.write(f"egate bench lane: {failed}\n")
        return [Row("power_cut_to_auto_s", None, "s", 10)]
    return [Row("power_cut_to_auto_s", max(spans), "s", 10, len(spans))]
