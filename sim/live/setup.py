"""What a demo needs on disk before its processes start: folders, keys, profiles.

Everything here is marked as demo material and lives in one folder that goes when the demo
ends. Keys come from the injected source of randomness and are readable by their owner only.
"""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sim.chip.keys import KeySource
from sim.chip.pki import Country, found_country
from sim.lane.compose import DRIVERS
from sim.scenario.scenario import Scenario, ScenarioLane
from sync.log.keys import (
    CentreKeys,
    SigningKey,
    write_centre_keys,
    write_centre_public,
    write_public_key,
    write_signing_key,
)


@dataclass(frozen=True, kw_only=True)
class LanePlace:
    """Where one lane of the demo lives."""

    number: int
    gate: str
    run_dir: Path
    state_dir: Path
    keys: Path
    profile: Path
    camera_port: int

    @property
    def lane_socket(self) -> Path:
        """The lane API's socket."""
        return self.run_dir / "lane.sock"

    @property
    def journal(self) -> Path:
        """The lane's journal."""
        return self.state_dir / "journal.db"


def is_free(port: int) -> bool:
    """Whether this port is free of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port on loopback that is free just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def write_key(path: Path, key: bytes) -> None:
    """Write a secret, mode 0400."""
    path.touch(mode=0o600)
    path.write_bytes(key)
    path.chmod(0o400)


def demo_country(seed: bytes, at: datetime) -> Country:
    """The demo's state: the same keys and certificates wherever seed and day are the same."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return found_country(KeySource.seeded(seed), midnight)


def found_pki(root: Path, seed: bytes, at: datetime) -> None:
    """Keep the seed for the simulated hardware, and the CSCA certificate for the readers."""
    write_key(root / "pki.seed", seed)
    trust = folder(root / "trust")
    (trust / "csca.der").write_bytes(demo_country(seed, at).csca.certificate.der)


def lay_out(
    root: Path,
    scenario: Scenario,
    broker_port: int,
    random: Callable[[int], bytes],
    *,
    pad_required: bool,
    officer_ms: int,
    camera: str | None,
) -> list[LanePlace]:
    """Make the folders, lane API keys and profile of each lane.

    `camera` is an OpenCV device number for lane 1 instead of the simulated one.
    """
    centre = folder(root / "centre")
    centre_keys = CentreKeys.generate(random)
    write_centre_keys(centre, centre_keys, demo=True)
    console_keys = folder(root / "console")
    console_key = random(32)
    write_key(console_keys / "console.key", console_key)
    places = []
    for lane in scenario.lanes:
        home = folder(root / f"lane{lane.number}")
        place = LanePlace(
            number=lane.number,
            gate=f"demo-{lane.number}",
            run_dir=home,
            state_dir=folder(home / "state"),
            keys=folder(home / "keys"),
            profile=home / "gate.toml",
            camera_port=free_port(),
        )
        write_key(place.keys / "console.key", console_key)
        for role in ("sync", "status"):
            write_key(place.keys / f"{role}.key", random(32))
        gate_key = SigningKey.generate(random)
        write_signing_key(place.keys / "gate.key", gate_key, demo=True)
        write_public_key(place.keys / "gate.pub", gate_key.public)
        write_centre_public(place.keys, centre_keys.public)
        write_key(place.keys / "journal.key", random(32))
        source = f"mjpeg:http://127.0.0.1:{place.camera_port}/lane{lane.number}"
        if camera is not None and lane is scenario.lanes[0]:
            source = f"device:{camera}"
        text = _profile(place, lane, source, broker_port, officer_ms, pad_required)
        place.profile.write_text(_laid_over(text, scenario.overlay(lane)))
        places.append(place)
    return places


def folder(path: Path) -> Path:
    """Make a folder for its owner alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _profile(
    place: LanePlace,
    lane: ScenarioLane,
    camera: str,
    broker_port: int,
    officer_ms: int,
    pad_required: bool,  # noqa: FBT001 - a private helper with one caller
) -> str:
    # Three lanes, their hardware and a browser may share two cores here: waits are long.
    return f"""\
# The demo's lane {place.number}: everything here is simulated and marked DEMO.
[lane]
gate = "{place.gate}"
site = "demo"
number = {place.number}
direction = "{lane.direction}"
topology = "{lane.topology}"
authority = "Demo border authority"
crossing_point = "Demo crossing point"
demo = true

[policy]
pad_required = {str(pad_required).lower()}

[budgets]
officer_ms = {officer_ms}
frame_ms = 1000
plant_stale_ms = 2000

[camera]
source = "{camera}"
fps = 8

[mrz_reader]
port = "{place.run_dir / "mrz"}"

[chip_reader]
port = "{place.run_dir / "chip"}"

[turnstile]
port = "{place.run_dir / "turnstile"}"
driver = "{DRIVERS[lane.plant]}"
answer_ms = 300
stale_ms = 1500

[turnstile.io]
watchdog_ms = 3000

[sync]
port = {broker_port}
"""


def _laid_over(text: str, overlay: Mapping[str, Mapping[str, Any]]) -> str:
    """A profile's text with some of its fields replaced. JSON's scalars and lists are TOML's."""
    plain: dict[str, dict[str, Any]] = tomllib.loads(text)
    for section, fields in overlay.items():
        plain[section] = {**plain.get(section, {}), **fields}
    lines = []
    for section, fields in plain.items():
        lines.append(f"[{section}]")
        parts = {name: value for name, value in fields.items() if isinstance(value, dict)}
        lines += [f"{n} = {json.dumps(value)}" for n, value in fields.items() if n not in parts]
        for name, part in parts.items():
            lines.append(f"[{section}.{name}]")
            lines += [f"{field} = {json.dumps(value)}" for field, value in part.items()]
    return "\n".join([*lines, ""])
