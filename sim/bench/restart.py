"""From a power cut to a lane in AUTO: real processes, killed at once and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gate_agent import live
from gate_agent.lane_api.api import Step
from sim.live.setup import LanePlace, folder, found_pki, free_port, lay_out
from sim.people.live_officer import LiveOfficer
from sim.scenario.scenario import Scenario

LIMIT_NS = 60_000_000_000
LOOK_S = 0.02


class RestartFailed(Exception):
    """The lane did not come up in time."""


class RunningLane:
    """One lane of the demo without its centre and console: hardware, agent, reader, vision."""

    def __init__(self, root: Path, scenario: Scenario, path: Path, photographs: Path) -> None:
        self.root = root
        self.place: LanePlace = lay_out(
            root,
            scenario,
            free_port(),
            live.system_random,
            pad_required=False,
            officer_ms=30_000,
            camera=None,
        )[0]
        found_pki(root, live.system_random(32), live.utc_now())
        self._log = (folder(root / "logs") / "all.log").open("ab")
        number, place = str(self.place.number), self.place
        hardware = ["sim", "hardware", "--scenario", path, "--lane", number, "--run-dir"]
        hardware += [place.run_dir, "--pki-seed", root / "pki.seed", "--photos", photographs]
        hardware += ["--camera-port", place.camera_port, "--go", root / "never"]
        hardware += ["--status-key", place.keys / "status.key"]
        self.hardware = self._start(*hardware)

    def power_on(self, models: Path) -> list[subprocess.Popen[bytes]]:
        """Start the processes that a gate's computer starts."""
        place = self.place
        common = ["--profile", place.profile, "--run-dir", place.run_dir]
        state = ["--state", place.state_dir, "--keys", place.keys]
        return [
            self._start("agent", *common, *state),
            self._start("reader", *common, "--trust", self.root / "trust"),
            self._start("vision", *common, "--models", models),
        ]

    def close(self) -> None:
        """Switch off the hardware."""
        self.hardware.kill()
        self.hardware.wait()
        self._log.close()

    def _start(self, *arguments: object) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "gate_agent.cli", *map(str, arguments)]
        return subprocess.Popen(  # noqa: S603 - our own command line
            argv, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )


def power_cut_s(
    scenario: Scenario,
    path: Path,
    models: Path,
    photographs: Path,
    times: int,
    say: Callable[[str], None],
) -> list[float]:
    """How long the lane's processes need from their start to AUTO, after being killed at once.

    The first start, with an empty journal, is not counted. The machine's own boot is not in it.

    Raises:
        RestartFailed: the lane did not come up.
    """
    spans: list[float] = []
    with tempfile.TemporaryDirectory(prefix="egate-bench-") as root:
        lane = RunningLane(Path(root), scenario, path, photographs)
        try:
            for n in range(times + 1):
                say(f"power on, {n} of {times}")
                began_ns = live.monotonic_ns()
                processes = lane.power_on(models)
                try:
                    _wait_for_auto(lane, began_ns)
                    if n:
                        spans.append((live.monotonic_ns() - began_ns) / 1e9)
                finally:
                    for process in processes:
                        process.send_signal(signal.SIGKILL)
                    for process in processes:
                        process.wait()
        finally:
            lane.close()
    return spans


def _wait_for_auto(lane: RunningLane, began_ns: int) -> None:
    key = (lane.place.keys / "console.key").read_bytes()
    officer = LiveOfficer(lane.place.lane_socket, key, live.system_random, live.utc_ms)
    stop = live.Stop()
    try:
        while officer.step is not Step.WAITING:
            officer.tend(live.monotonic_ns())
            stop.wait(LOOK_S)
            if live.monotonic_ns() - began_ns > LIMIT_NS:
                raise RestartFailed("the lane did not come back to AUTO within a minute")
    finally:
        officer.close()
