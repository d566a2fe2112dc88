"""The simulator's speed and memory, measured: what `egate bench sim` prints."""

from __future__ import annotations

import gc
import resource
from typing import Any, NamedTuple

from gate_agent.live import cpu_ns, monotonic_ns
from sim.bench.layers import shares
from sim.day.run import RunOptions, run
from sim.lane.recorded_chip import Transcripts
from sim.scenario.scenario import Scenario, parse

LOOPS = 2_000_000
WARM_UP = 100
TARGETS = {
    "recorded": 100.0,
    "live": 20.0,
    "wave_day_wall_s": 180.0,
    "wave_day_crossings": 6_000,
    "linear_lanes_ratio": 1.25,
    "linear_crossings_ratio": 1.25,
}
HEAD = """
title = "Bench"
learn = "How fast the simulator is."
seed = 7
start = 2026-11-22T04:00:00Z
limit_s = 600000
profile = { sync = { batch_max_age_ms = 10000 } }
"""
HOURS = 18
WAVES = 20
WAVE_TRAVELLERS = 300


class Timed(NamedTuple):
    """A run and what it cost."""

    crossings: int
    cpu_s: float
    wall_s: float
    virtual_s: float
    lanes: int
    chips: str
    readings_counted: int
    carried_bytes: int
    polls_counted_bytes: int
    readings_counted_bytes: int
    ok: bool

    def plain(self) -> dict[str, Any]:
        """As JSON, with the density of traffic."""
        lane_h = self.lanes * self.virtual_s / 3_600
        return {
            "crossings": self.crossings,
            "crossings_per_cpu_s": round(self.crossings / self.cpu_s, 1),
            "cpu_s": round(self.cpu_s, 2),
            "wall_s": round(self.wall_s, 2),
            "virtual_s": round(self.virtual_s, 1),
            "lanes": self.lanes,
            "crossings_per_lane_hour": round(self.crossings / lane_h, 1),
            "virtual_per_cpu": round(self.virtual_s / self.cpu_s, 1),
            "chips": self.chips,
            "readings_counted": self.readings_counted,
            "bytes_carried": self.carried_bytes,
            "bytes_of_quiet_polls_counted": self.polls_counted_bytes,
            "bytes_of_readings_counted": self.readings_counted_bytes,
            "ok": self.ok,
        }


def dense(crossings: int, lanes: int = 1) -> Scenario:
    """Travellers one behind the other at every lane, of twenty passports."""
    numbers = "".join(f"[[lanes]]\nnumber = {n}\n" for n in range(1, lanes + 1))
    return parse(
        f"{HEAD}{numbers}[[arrivals]]\nname = 'Rush'\nkind = 'poisson'\n"
        f"travellers = {crossings}\nfor_s = 1\npassports = 20\n".encode()
    )


def flights(waves: int = WAVES, travellers: int = WAVE_TRAVELLERS, lanes: int = 6) -> Scenario:
    """A day at six lanes: a flight every 54 minutes, each 300 people."""
    numbers = "".join(f"[[lanes]]\nnumber = {n}\n" for n in range(1, lanes + 1))
    every_s = HOURS * 3_600 // waves
    arrivals = "".join(
        f"[[arrivals]]\nname = 'Flight{'abcdefghijklmnopqrstuvwxyz'[n]}'\nat_s = {n * every_s}\n"
        f"for_s = 1800\ntravellers = {travellers}\nslow = 0.05\nexpired = 0.01\n"
        for n in range(waves)
    )
    return parse(f"{HEAD}{numbers}{arrivals}".encode())


def timed(scenario: Scenario, options: RunOptions) -> Timed:
    """Run once and measure."""
    gc.collect()
    cpu, wall = cpu_ns(), monotonic_ns()
    result = run(scenario, "bench", options=options)
    cpu, wall = cpu_ns() - cpu, monotonic_ns() - wall
    wire = result.wire
    return Timed(
        crossings=result.counts["crossings"],
        cpu_s=cpu / 1e9,
        wall_s=wall / 1e9,
        virtual_s=result.virtual_s,
        lanes=len(scenario.lanes),
        chips=result.chips["mode"],
        readings_counted=result.chips.get("readings_counted", 0),
        carried_bytes=wire["carried_bytes"],
        polls_counted_bytes=wire["quiet_bytes_counted"],
        readings_counted_bytes=wire["reading_bytes_counted"],
        ok=result.passed,
    )


def measure(crossings: int, *, day: bool, days: int) -> dict[str, Any]:
    """All figures."""
    found: dict[str, Any] = {"loops_per_cpu_s": _loops(), "targets": TARGETS}
    known = RunOptions(transcripts=Transcripts())
    timed(dense(max(WARM_UP, crossings)), known)
    rows = {
        "recorded": known._replace(every_reading=True),
        "repeats_counted": known,
        "first_run": RunOptions(),
        "live": RunOptions("live"),
        "recorded_every_byte": known._replace(every_byte=True),
    }
    for name, options in rows.items():
        found[name] = timed(dense(crossings), options).plain()
    slowest = found["recorded_every_byte"]["cpu_s"]
    found["times_as_fast_as_every_byte"] = {
        name: round(slowest / found[name]["cpu_s"], 2) for name in rows
    }
    found["layers"] = {
        name: shares(dense(crossings), rows[name]) for name in ("recorded", "repeats_counted")
    }
    one = timed(dense(crossings), known)
    six = timed(dense(crossings * 3, 6), known)
    four = timed(dense(crossings * 4), known)
    per_one = one.cpu_s / one.crossings
    found["linear_lanes_ratio"] = round(six.cpu_s / six.crossings / per_one, 2)
    found["linear_crossings_ratio"] = round(four.cpu_s / four.crossings / per_one, 2)
    if day:
        found["wave_day"] = timed(flights(), RunOptions()).plain()
    if days:
        found["memory"] = memory(days)
    return found


def memory(days: int) -> dict[str, Any]:
    """Peak memory after one day of one lane, and after so many."""
    grown = []
    for length in (1, days):
        waves = min(26, 2 * length)
        every_s = length * 86_400 // waves
        arrivals = "".join(
            f"[[arrivals]]\nname = 'Flight{'abcdefghijklmnopqrstuvwxyz'[n]}'\n"
            f"at_s = {n * every_s}\nfor_s = 1800\ntravellers = {40 * length * 2 // waves}\n"
            for n in range(waves)
        )
        text = f"{HEAD}[[lanes]]\nnumber = 1\n{arrivals}"
        cost = timed(parse(text.encode()), RunOptions())
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown.append({"days": length, "crossings": cost.crossings, "peak_mb": peak_kb // 1024})
    return {"runs": grown, "growth": round(grown[1]["peak_mb"] / grown[0]["peak_mb"], 3)}


def _loops() -> int:
    began = cpu_ns()
    total = 0
    for n in range(LOOPS):
        total += n
    return int(LOOPS / ((cpu_ns() - began) / 1e9))
