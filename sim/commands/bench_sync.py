"""`egate bench sync`: what the record costs, and how the whole way compares; in one run."""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

BAR = 30
STOP_S = 10.0
LOOK_S = 0.01


def register(actions: Any) -> None:
    """Add `egate bench sync` to the benchmarks."""
    sync = actions.add_parser(
        "sync",
        help="gate disk to PostgreSQL with evidence, beside the bare COPY, in one run",
        description="Starts its own PostgreSQL and mosquitto (Debian's packages) on a temporary"
        " folder; a gate's process drains a backlog into a collector's process. The ratios are"
        " what counts: other work on the machine slows everything.",
    )
    sync.add_argument("--records", type=int, default=50_000, help="backlog (default: %(default)s)")
    sync.add_argument(
        "--live-ms",
        type=int,
        default=200,
        help="write a record of now this often while the backlog drains; 0: none",
    )
    sync.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    sync.add_argument("--json", action="store_true", help="print JSON")
    sync.set_defaults(run=_sync)
    sync.add_argument(
        "--thingsboard",
        action="store_true",
        help="install ThingsBoard IoT Gateway from PyPI beside it, kill both stores, compare",
    )
    keep = actions.add_parser("sync-keep")
    keep.add_argument("folder", type=Path)
    keep.set_defaults(run=_keep)
    gate = actions.add_parser("sync-gate")
    gate.add_argument("folder", type=Path)
    gate.add_argument("--port", type=int, required=True)
    gate.add_argument("--live-ms", type=int, required=True)
    gate.set_defaults(run=_gate)


def _sync(arguments: argparse.Namespace) -> int:
    from gate_agent.live import monotonic_ns, system_random
    from sim.bench.record.drain import parts, whole
    from sim.bench.record.rival import compare
    from sync.log.errors import SyncError

    if arguments.records < 1000:
        sys.stderr.write("egate bench sync: --records must be 1000 or more\n")
        return 2
    try:
        with (
            tempfile.TemporaryDirectory(dir=arguments.folder, prefix="egate-bench-") as name,
            _Processes() as children,
        ):
            folder = Path(name)
            result = parts(folder, 10_000, clock=monotonic_ns, random=system_random)
            result |= whole(
                folder,
                arguments.records,
                children,
                _progress,
                live_ms=arguments.live_ms,
                clock=monotonic_ns,
                random=system_random,
            )
            if arguments.thingsboard:
                _progress("thingsboard", 0, 1)
                result |= compare(
                    folder,
                    result["bytes_a_record"],
                    [sys.executable, "-m", "gate_agent.cli", "bench", "sync-keep"],
                    clock=monotonic_ns,
                    seed=1,
                )
    except SyncError as error:
        sys.stderr.write(f"egate bench sync: {error.diagnosis}\n")
        return 2
    if arguments.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:<28} {value:>12}")
    return 0 if result["findings"] == 0 and result["lost"] == 0 else 1


def _gate(arguments: argparse.Namespace) -> int:
    """Be the gate's process: say when ready, wait for a line, drain, say how it went."""
    from gate_agent.live import monotonic_ns, system_random
    from sim.bench.record.paths import GateSide
    from sync.log.keys import read_centre_public, read_signing_key

    folder: Path = arguments.folder
    keys = (
        read_signing_key(folder / "gate.key", accept_demo=True),
        read_centre_public(folder),
    )
    gate = GateSide(folder, keys, arguments.port, monotonic_ns, system_random)
    try:
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(gate.drain(arguments.live_ms * 1_000_000)), flush=True)
    finally:
        gate.close()
    return 0


def _keep(arguments: argparse.Namespace) -> int:
    """Be a journal that keeps one record after another, until killed."""
    from gate_agent.live import system_random
    from sim.bench.record.paths import GATE, crossing
    from sync.gate.journal import Journal
    from sync.log.envelope import Sealer
    from sync.log.keys import CentreKeys

    sealer = Sealer(CentreKeys.generate(system_random).public.sealing, system_random)
    path = arguments.folder / "journal.db"
    journal = Journal.open(path, gate=GATE, random=system_random, sealer=sealer)
    print("ready", flush=True)
    while True:
        for entry in crossing():
            print(journal.append_many([entry])[0].seq, flush=True)


class _Processes:
    """The product's own processes, ended with the block."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._started:
            child.terminate()
        for child in self._started:
            child.wait(STOP_S)
            if child.stdin is not None and child.stdout is not None:
                child.stdin.close()
                child.stdout.close()

    def collector(self, state: Path, port: int) -> int:
        """Start `egate centre run`."""
        at = ("--state", str(state), "--port", str(port))
        return self._start("centre", "run", *at, "--demo").pid

    def drain(
        self, folder: Path, port: int, live_ms: int, watch: Callable[[], None]
    ) -> dict[str, Any]:
        """Run a gate's side."""
        child = self._start(
            "bench", "sync-gate", str(folder), "--port", str(port), "--live-ms", str(live_ms)
        )
        if child.stdin is None or child.stdout is None or child.stdout.readline() != "ready\n":
            raise SystemExit("egate bench sync: the gate's process does not start")
        child.stdin.write("go\n")
        child.stdin.flush()
        while not select.select([child.stdout], [], [], LOOK_S)[0]:
            watch()
        result: dict[str, Any] = json.loads(child.stdout.readline())
        return result

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", "gate_agent.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=os.curdir,
        )
        self._started.append(child)
        return child


def _progress(what: str, done: int, total: int) -> None:
    """Show how far it is, on a terminal."""
    if sys.stderr.isatty():
        filled = BAR * done // total
        sys.stderr.write(f"\r{what:<28} [{'#' * filled:<{BAR}}] {done}/{total}\x1b[K")
        if done == total:
            sys.stderr.write("\r\x1b[K")
