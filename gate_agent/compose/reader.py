"""The reader process: MRZ and chip. No turnstile, no journal, no pictures."""

from __future__ import annotations

import datetime
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from drivers.passport.errors import DocumentError
from drivers.passport.reader.passport_reader import PassportReader
from drivers.passport.trust.files import assemble
from drivers.passport.trust.store import TrustStore
from drivers.ports import Emission
from drivers.serial_port import SerialPort
from drivers.types import DeviceFailed, DeviceReady
from firmware_cfg.profile import Profile
from firmware_cfg.time_zone import calendar_day
from gate_agent import live
from gate_agent.host.memory_wipe import is_wiping
from gate_agent.host.priority import yield_processor
from gate_agent.host.service_manager import ServiceManager
from gate_agent.host.system_clock import TrustedDay, follows_time_server
from gate_agent.inspect import trust_store
from gate_agent.workers.link import WorkerLink
from gate_agent.workers.machine_thread import CommandQueue, run_machine

Day = Callable[[], datetime.date | None]

log = logging.getLogger("egate.reader")


def run(profile: Profile, run_dir: Path, trust_paths: list[Path]) -> int:
    """Run until SIGTERM; exit 78 when the trust anchors cannot be read."""
    stop = live.stop_on_sigterm()
    if not is_wiping(os.environ):
        log.warning("memory that is freed is not overwritten; see gate_agent/host/memory_wipe.py")
    try:
        trust = load_trust(trust_paths, accept_demo=profile.lane.demo)
    except (DocumentError, OSError) as error:
        sys.stderr.write(f"egate reader: trust anchors: {error}\n")
        return os.EX_CONFIG
    yield_processor()
    at, utc_day = _days(profile)
    machine = PassportReader(
        profile.mrz_reader,
        profile.chip_reader,
        trust=trust,
        random=live.system_random,
        at=at,
        clock=live.monotonic_ns,
        utc_day=utc_day,
    )
    commands = CommandQueue()
    newest: dict[type, DeviceReady | DeviceFailed] = {}

    def emit(emission: Emission) -> None:
        if isinstance(emission.event, DeviceReady | DeviceFailed):
            newest.clear()
            newest[type(emission.event)] = emission.event
        link.emit(emission.event, emission.payload)

    def report_again() -> None:
        for event in tuple(newest.values()):
            link.emit(event)

    link = WorkerLink(
        run_dir / "reader.sock",
        machine.device,
        lambda command, _payload: _accept(commands, command),
        report_again,
    )
    stop.on_set(commands.wake)
    manager = ServiceManager(os.environ, os.getpid(), live.monotonic_ns)
    linked = manager.watching("the agent's line", stop.is_set)
    live.spawn("link", lambda: link.run(linked, stop.wait))
    run_machine(
        machine,
        lambda port: _open(profile, port),
        emit,
        manager.watched(stop.is_set),
        commands,
    )
    manager.stopping()
    return 0


def load_trust(paths: list[Path], *, accept_demo: bool) -> TrustStore:
    """The lane's trust store: certificates, master lists, CRLs and defect lists in these paths.

    A file of another kind is named on stderr and makes nothing trusted. So is a store
    without any trusted certificate: the lane runs, and refers every document.

    Raises:
        OSError: a path cannot be read.
        DocumentError: marked demo material where none is accepted, or too many certificates.
    """
    loaded = trust_store.read(paths)
    for file, why in loaded.refused:
        sys.stderr.write(f"egate reader: {file}: not used: {why}\n")
    trust = assemble(loaded.parsed(), accept_demo=accept_demo)
    if not len(trust):
        where = ", ".join(map(str, paths)) or "no --trust was given"
        sys.stderr.write(
            f"egate reader: no trust anchor ({where}): every document will be referred; "
            "put CSCA certificates there, or a master list beside its signer's certificate\n"
        )
    return trust


def _open(profile: Profile, port: str) -> SerialPort:
    settings = profile.mrz_reader if port == "mrz" else profile.chip_reader
    return SerialPort(settings.port, settings.baud)


def _accept(commands: CommandQueue, command: object) -> None:
    if not commands.put(command):
        raise RuntimeError("the reader does not follow its commands")


def _days(profile: Profile) -> tuple[Day, Day]:
    """What gives the gate's day and the day in UTC; a demo takes the computer's as they are."""
    zone = profile.lane.time_zone
    if profile.lane.demo:
        return lambda: calendar_day(zone, live.utc_now()), lambda: live.utc_now().date()
    trusted = TrustedDay(follows_time_server, live.utc_now, live.monotonic_ns, zone)
    return trusted, trusted.utc_day
