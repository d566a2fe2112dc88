"""How long a queue ought to be: the estimate that a bank of lanes is held against.

Erlang's C formula for c servers gives the chance to wait; the mean wait of a queue whose
service times vary is that of exponential ones times (1 + CV^2) / 2 (Allen and Cunneen).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def erlang_c(servers: int, load: float) -> float:
    """The chance that a person who comes must wait; 1 where the queue grows without end.

    Args:
        servers: lanes.
        load: arrivals in a mean service time, in Erlang.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - (load / servers) * (1 - blocked))


def mean_wait_s(servers: int, per_s: float, service_s: float, variation: float) -> float | None:
    """The mean wait in seconds; None where the queue grows without end.

    Args:
        servers: lanes.
        per_s: arrivals a second.
        service_s: mean time a traveller holds a lane.
        variation: standard deviation of that over its mean.
    """
    load = per_s * service_s
    if load >= servers:
        return None
    wait = erlang_c(servers, load) * service_s / (servers - load)
    return wait * (1 + variation**2) / 2


def summary(
    lanes: int, waits_ms: Sequence[float], held_s: Sequence[float], over_s: float
) -> dict[str, Any]:
    """A run's queue next to the estimate for the same arrivals and the same service.

    Args:
        lanes: how many serve the queue.
        waits_ms: how long each waited for a lane.
        held_s: how long each held it.
        over_s: from the first arrival to the last one.
    """
    if len(waits_ms) < 2 or over_s <= 0 or not held_s:
        return {}
    mean = math.fsum(held_s) / len(held_s)
    spread = math.sqrt(math.fsum((held - mean) ** 2 for held in held_s) / len(held_s))
    per_s = len(waits_ms) / over_s
    estimate = mean_wait_s(lanes, per_s, mean, spread / mean if mean else 0.0)
    return {
        "served": len(waits_ms),
        "per_hour": round(3_600 * per_s, 1),
        "lane_held_s": round(mean, 2),
        "wait_mean_s": round(math.fsum(waits_ms) / len(waits_ms) / 1_000, 2),
        "wait_max_s": round(max(waits_ms) / 1_000, 2),
        "erlang_wait_mean_s": None if estimate is None else round(estimate, 2),
        "utilisation": round(per_s * mean / lanes, 3),
    }
