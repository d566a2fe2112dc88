"""The reader process: MRZ and chip. No turnstile, no journal, no pictures."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path

from drivers.passport.errors import DocumentError
from drivers.passport.reader import PassportReader
from drivers.passport.trust import TrustStore
from drivers.ports import Emission
from drivers.serial_port import SerialPort
from drivers.types import DeviceFailed, DeviceReady
from firmware_cfg.profile import Profile
from gate_agent import live
from gate_agent.service_manager import ServiceManager
from gate_agent.worker_link import WorkerLink


def run(profile: Profile, run_dir: Path, trust_paths: list[Path]) -> int:
    """Run until told to stop; exit 78 when the trust anchors cannot be read."""
    stop = live.stop_on_sigterm()
    try:
        trust = TrustStore.load(trust_paths, accept_demo=profile.lane.demo)
    except (DocumentError, OSError) as error:
        sys.stderr.write(f"egate reader: trust anchors: {error}\n")
        return os.EX_CONFIG
    machine = PassportReader(
        profile.mrz_reader,
        profile.chip_reader,
        trust=trust,
        random=live.system_random,
        at=_today,
        clock=live.monotonic_ns,
    )
    commands = live.CommandQueue()
    newest: dict[type, DeviceReady | DeviceFailed] = {}

    def emit(emission: Emission) -> None:
        if isinstance(emission.event, DeviceReady | DeviceFailed):
            newest.clear()
            newest[type(emission.event)] = emission.event
        link.emit(emission.event, emission.payload)

    def tell_again() -> None:
        for event in tuple(newest.values()):
            link.emit(event)

    link = WorkerLink(
        run_dir / "agent.sock",
        machine.device,
        lambda command, _payload: _accept(commands, command),
        tell_again,
    )
    stop.on_set(commands.wake)
    manager = ServiceManager(os.environ, os.getpid(), live.monotonic_ns)
    linked = manager.beside("the agent's line", stop.is_set)
    live.spawn("link", lambda: link.run(linked, stop.wait))
    live.run_machine(
        machine,
        lambda port: _open(profile, port),
        emit,
        manager.watched(stop.is_set),
        commands,
    )
    manager.stopping()
    return 0


def _open(profile: Profile, port: str) -> SerialPort:
    settings = profile.mrz_reader if port == "mrz" else profile.chip_reader
    return SerialPort(settings.port, settings.baud)


def _accept(commands: live.CommandQueue, command: object) -> None:
    if not commands.put(command):
        raise RuntimeError("the reader does not follow its commands")


def _today() -> datetime.date:
    return live.utc_now().date()
