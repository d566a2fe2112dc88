"""Where the CPU time of a simulated day goes, by layer: a profiled run, its shares.

The profiler costs more in small functions than in large ones, so shares are for orientation;
the time of built-in functions counts to the layer that called them.
"""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path

from sim.day.run import RunOptions, run
from sim.scenario.scenario import Scenario

ROOT = Path(__file__).parents[2]
OTHER = "libraries"
LAYERS = (
    ("kernel and wires", ("sim/wires",)),
    ("simulated chip", ("sim/chip", "sim/lane/recorded_chip")),
    ("simulated plant", ("sim/devices", "sim/people/stage")),
    ("people, officer, report", ("sim/",)),
    ("driver: passport", ("drivers/passport",)),
    ("driver: turnstile", ("drivers/",)),
    ("core and guard", ("gate_agent/core", "gate_agent/loop")),
    ("agent: vault, trace, identity", ("gate_agent/",)),
    ("journal, uplink, centre", ("sync/",)),
    (OTHER, ("",)),
)


def shares(scenario: Scenario, options: RunOptions) -> dict[str, float]:
    """Share of each layer, in 0 to 1, largest first."""
    profiler = cProfile.Profile()
    profiler.enable()
    run(scenario, "layers", options=options)
    profiler.disable()
    spent = dict.fromkeys((name for name, _ in LAYERS), 0.0)
    # `stats` is what pstats reads itself: place -> calls, all calls, own time, time, callers.
    table = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for place, (_, _, own_s, _, callers) in table.items():
        if place[0] != "~" or not callers:
            spent[_layer(place[0])] += own_s
            continue
        for caller, (_, _, share_s, _) in callers.items():
            spent[_layer(caller[0])] += share_s
    total = sum(spent.values()) or 1.0
    ordered = sorted(spent.items(), key=lambda item: -item[1])
    return {name: round(own_s / total, 3) for name, own_s in ordered}


def _layer(file: str) -> str:
    path = file.removeprefix(f"{ROOT}/")
    return next((name for name, starts in LAYERS if path.startswith(starts)), OTHER)
