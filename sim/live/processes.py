"""The processes of a demo: what each is started with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gate_agent import live
from gate_agent.console.officers import Officer, hash_password, save_officers
from gate_agent.host.memory_wipe import WIPING_ENVIRONMENT
from sim.live.setup import LanePlace, folder, write_key
from sim.live.supervisor import Child, Supervisor
from sim.scenario.scenario import Scenario

OFFICER_NAME = "officer"
COMPUTER = ("agent", "reader", "vision", "sync")
"""The processes of a lane's edge device."""


class DemoProcesses:
    """Starts and ends the processes of a demo, in one folder.

    Args:
        root: the demo's folder.
        supervisor: restarts what ends by itself.
        say: takes lines for the person who watches.
    """

    def __init__(self, root: Path, supervisor: Supervisor, say: Callable[[str], None]) -> None:
        self._root = root
        self._supervisor = supervisor
        self._say = say
        self._centre: list[Any] = []
        self.logs = folder(root / "logs")

    def start_centre(self, places: list[LanePlace], broker_port: int) -> None:
        """Start the central system, which knows the keys of these lanes."""
        gates = [f"--gate={p.gate}={p.keys / 'gate.pub'}" for p in places]
        state = ["--state", self._root / "centre", "--port", broker_port, "--demo"]
        self._centre = ["centre", "run", *state, *gates]
        self.start_centre_again()

    def start_centre_again(self) -> None:
        """Start the central system as before."""
        self._child("centre", *self._centre)

    def end_centre(self) -> None:
        """End the central system."""
        self._supervisor.end(["centre"])

    def start_hardware(
        self,
        place: LanePlace,
        scenario: Scenario,
        scenario_path: Path,
        photographs: Path,
        *,
        once: bool,
    ) -> Child:
        """Start a lane's simulated hardware; its standard output is a pipe."""
        arguments: list[Any] = ["--scenario", scenario_path, "--lane", place.number]
        arguments += ["--run-dir", place.run_dir, "--pki-seed", self._root / "pki.seed"]
        arguments += ["--photos", photographs, "--camera-port", place.camera_port]
        arguments += ["--go", self._root / "go", "--status-key", place.keys / "status.key"]
        arguments += ["--seed", scenario.seed]
        if once:
            arguments.append("--once")
        name = f"lane{place.number}.hardware"
        return self._child(name, "sim", "hardware", *arguments, pipe=True)

    def start_computer(self, place: LanePlace, models: Path) -> None:
        """Start the processes of a lane's edge device."""
        name = f"lane{place.number}"
        common = ["--profile", place.profile, "--run-dir", place.run_dir]
        state = ["--state", place.state_dir, "--keys", place.keys]
        self._child(f"{name}.agent", "agent", *common, *state)
        trust = ["--trust", self._root / "trust"]
        self._child(f"{name}.reader", "reader", *common, *trust, env=WIPING_ENVIRONMENT)
        self._child(f"{name}.vision", "vision", *common, "--models", models)
        self._child(f"{name}.sync", "sync", *common, *state)

    def end_computer(self, place: LanePlace) -> None:
        """End the processes of a lane's edge device."""
        self._supervisor.end([f"lane{place.number}.{process}" for process in COMPUTER])

    def start_console(self, places: list[LanePlace], port: int) -> None:
        """Start the console, with one officer and a one-time password."""
        home = self._root / "console"
        password = live.system_random(9).hex()
        hashed = hash_password(password, live.system_random)
        save_officers(home / "officers.json", (Officer(name=OFFICER_NAME, password_hash=hashed),))
        tokens = {place.number: live.system_random(16).hex() for place in places}
        write_key(home / "kiosk.json", json.dumps(tokens).encode())
        lanes = [f"--lane={place.number}={place.run_dir}" for place in places]
        files = ["--keys", home, "--officers", home / "officers.json"]
        self._child("console", "console", *lanes, *files, "--port", port)
        self._say(f"console    http://127.0.0.1:{port}")
        self._say(f"           sign in as {OFFICER_NAME} with the one-time password {password}")
        for number, token in tokens.items():
            address = f"http://127.0.0.1:{port}/lane/{number}/traveller?token={token}"
            self._say(f"traveller  lane {number}: {address}")

    def _child(
        self, name: str, *arguments: Any, pipe: bool = False, env: Mapping[str, str] | None = None
    ) -> Child:
        argv = [sys.executable, "-m", "gate_agent.cli", "--log", "info", *map(str, arguments)]
        log = self.logs / f"{name}.log"
        child = Child(name=name, argv=argv, log=log, pipe=pipe, env=env or {})
        return self._supervisor.add(child, live.monotonic_ns())
