"""The commands of the distribution `egate-sim`, for the command line of `egate`."""

from __future__ import annotations

from typing import Any

from sim.bench import document, eyes, lane, occlusion
from sim.commands import (
    bench,
    bench_sim,
    chaos,
    chip,
    demo,
    hardware,
    library,
    photos,
    sim,
    tools,
)


def register(commands: Any) -> None:
    """Add the commands to the command line.

    All of them make folders and start processes: SIGTERM ends them as Ctrl-C does, so that
    nothing is left behind. Those that serve until SIGTERM take it themselves.
    """
    demo.register(commands)
    chip.register(commands)
    chaos.register(commands)
    benches = bench.register(commands)
    document.register(benches)
    eyes.register(benches)
    occlusion.register(benches)
    lane.register(benches)
    bench_sim.register(benches)
    actions = sim.register(commands)
    library.register(actions)
    tools.register(actions)
    photos.register(actions)
    hardware.register(actions)
    for name in ("bench", "chaos", "chip", "demo", "sim"):
        commands.choices[name].set_defaults(interruptible=True)
