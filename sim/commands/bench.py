"""`egate bench`: what the product claims about its speed, printed by a command."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gate_agent.commands.models import default_store
from sim.commands import bench_journal, bench_sync
from sim.devices.photos import default_photographs


def register(commands: Any) -> Any:
    """Add `egate bench` to the command line; give its actions, for more of them."""
    group = commands.add_parser("bench", help="measure: ratios in one run, on this machine")
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    face = actions.add_parser(
        "face",
        help="dlib's embedding, ours with the same weights, and frame to score per tier",
        description="Interleaved in one run and one thread; the ratios are what counts.",
    )
    face.add_argument("--rounds", type=int, default=25, help="rounds (default: %(default)s)")
    face.add_argument(
        "--store", type=Path, default=default_store(), help="models (default: beside egate)"
    )
    face.add_argument(
        "--photos", type=Path, default=default_photographs(), help="folder of photographs"
    )
    face.add_argument("--json", action="store_true", help="print JSON")
    face.set_defaults(run=_face)
    bench_sync.register(actions)
    bench_journal.register(actions)
    return actions


def _face(arguments: argparse.Namespace) -> int:
    from biometrics.errors import BiometricFault
    from biometrics.models.store import installed
    from gate_agent.live import monotonic_ns
    from sim.bench.face import bench
    from sim.bench.start import measured

    photographs = sorted(
        path for path in arguments.photos.glob("*") if path.suffix in (".jpg", ".png")
    )
    if not photographs:
        sys.stderr.write(
            f"egate bench face: no photographs in {arguments.photos}; run `make prepare` first\n"
        )
        return 2
    try:
        result = bench(arguments.store, photographs, arguments.rounds, clock=monotonic_ns)
    except BiometricFault as fault:
        sys.stderr.write(f"egate bench face: {fault.diagnosis}\n")
        return 1
    result["start"] = {
        str(tier): measured(arguments.store, str(tier), photographs[0])
        for tier in installed(arguments.store)
    }
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{'stage':<44} {'p50 ms':>9} {'p99 ms':>9}")
    for name, row in result["stages"].items():
        print(f"{name:<44} {row['p50_ms']:>9.1f} {row['p99_ms']:>9.1f}")
    for name, ratio in result["ratios"].items():
        print(f"{name:<64} {ratio:>6.1f} x")
    parity = result["parity"]
    print(
        f"dlib's embedding and ours, {parity['chips']} faces: cosine {parity['cosine']:.8f}, "
        f"greatest difference {parity['max_abs_difference']:.1e}"
    )
    for tier, cost in result["start"].items():
        if cost:
            print(
                f"start {tier}: first score {cost['first_score_s']} s "
                f"({cost['first_score_cpu_s']} s of processor), {cost['memory_mb']} MB"
            )
    return 0
