"""What a start of the face costs, in a process of its own: `python -m` with STORE TIER PHOTO.

Memory is the resident set above that of the interpreter as it begins; the time to the first
score is from the loading of the models to the score, imports left out, as time passed and as time
that the processor worked for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PAGE_BYTES = 4096
LIMIT_S = 120


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def measured(store: Path, tier: str, photograph: Path) -> dict[str, float]:
    """Start once in a new process: `first_score_s`, `first_score_cpu_s` and `memory_mb`.

    Empty where that failed.
    """
    command = [sys.executable, "-m", __name__, str(store), tier, str(photograph)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {}
    if done.returncode != 0:
        return {}
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _main(store: str, tier: str, photograph: str) -> None:
    idle = _resident_bytes()
    from biometrics.match import Template
    from biometrics.pipeline import Pipeline
    from biometrics.types import Tier
    from gate_agent.live import monotonic_ns, process_ns, spawn
    from gate_agent.workers.parallel_tasks import in_parallel

    begin, worked = monotonic_ns(), process_ns()
    run_tasks = in_parallel(spawn)
    pipeline = Pipeline(Tier(tier), Path(store), None, 220, monotonic_ns, run_tasks=run_tasks)
    data = Path(photograph).read_bytes()
    reference = pipeline.reference(data)
    if isinstance(reference, Template):
        pipeline.observe(data, 0, reference, 1e-3)
    took_ns, worked_ns = monotonic_ns() - begin, process_ns() - worked
    found = {
        "first_score_s": round(took_ns / 1e9, 2),
        "first_score_cpu_s": round(worked_ns / 1e9, 2),
        "memory_mb": round((_resident_bytes() - idle) / 1e6, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:4])
