"""Inspecting a chip on a reader of this machine, for the command line."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from drivers.errors import DriverFault, PortLost
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import NoChip, ReaderGone
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.chip_session import ChipSession
from drivers.passport.trust.store import TrustStore
from drivers.ports import Emission
from drivers.serial_port import SerialPort
from drivers.types import Check, CheckMode, DeviceFailed, Result
from firmware_cfg.profile import ChipReader
from gate_agent import live
from gate_agent.inspect.face_check import face_check
from gate_agent.workers.machine_thread import CommandQueue, run_machine

BUDGET_MS = 60_000
READABLE = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
"""Data groups read beside DG1 and DG2 where listed; DG3 and DG4 need terminal authentication."""
HANDLE_BYTES = 16


class NotUsable(Exception):
    """Reader or chip cannot be used."""


@dataclass(frozen=True, slots=True)
class ChipResult:
    """What an inspection of a chip gave."""

    checks: tuple[Check, ...]
    files: dict[str, bytes]
    apdus: int
    bytes: int
    ms: float


def inspect_chip(
    path: str,
    *,
    mrz: Mrz | None,
    can: str | None,
    trust: TrustStore,
    at: datetime.date,
    utc_day: datetime.date | None = None,
    profile: Callable[[str], ChipReader] = lambda port: ChipReader(port=port),
) -> ChipResult:
    """Inspect the chip on a PN532 at this serial port.

    Raises:
        NotUsable: the port, the reader or the chip.
    """
    settings = profile(path)
    reader = FileReader()
    session = ChipSession(
        new_inspection(settings, reader, mrz=mrz, can=can, trust=trust, at=at, utc_day=utc_day),
        settings,
        BUDGET_MS,
    )
    started_ns = live.monotonic_ns()
    _run(session, path, settings.baud)
    ms = round((live.monotonic_ns() - started_ns) / 1e6, 3)
    if session.fault is not None:
        raise NotUsable(session.fault.diagnosis)
    if isinstance(session.ended, NoChip | ReaderGone) or session.checks is None:
        raise NotUsable(str(session.ended or "the inspection did not begin"))
    files = reader.whole()
    session.wipe(1)
    checks = with_face(session.checks, files)
    return ChipResult(checks, files, session.apdus, session.bytes, ms)


def new_inspection(
    settings: ChipReader,
    reader: FileReader,
    *,
    mrz: Mrz | None,
    can: str | None,
    trust: TrustStore,
    at: datetime.date,
    utc_day: datetime.date | None = None,
) -> Inspection:
    """The inspection of one chip for the command line, whatever carries its APDUs."""
    return Inspection(
        ticket=1,
        mrz=mrz,
        can=can,
        trust=trust,
        at=at,
        utc_day=utc_day,
        random=live.system_random,
        clock=live.monotonic_ns,
        new_handle=lambda: live.system_random(HANDLE_BYTES).hex(),
        attempts=settings.read_attempts,
        access=settings.access,
        bac_fallback=settings.bac_fallback,
        extra=READABLE,
        reader=reader,
    )


def _run(session: ChipSession, path: str, baud: int) -> None:
    commands = CommandQueue()
    failed: list[Any] = []

    def emit(emission: Emission) -> None:
        if isinstance(emission.event, DeviceFailed):
            failed.append(emission.event)

    def open_port(_name: str) -> SerialPort:
        try:
            return SerialPort(path, baud)
        except PortLost as lost:
            raise NotUsable(lost.diagnosis) from lost

    try:
        run_machine(session, open_port, emit, lambda: session.done or bool(failed), commands)
    except DriverFault as fault:
        raise NotUsable(fault.diagnosis) from fault
    finally:
        commands.close()


def with_face(checks: tuple[Check, ...], files: dict[str, bytes]) -> tuple[Check, ...]:
    """Decode the portrait where its hash is good: no vision process does it here."""
    good = {check.id for check in checks if check.result is Result.SUCCESSFUL}
    if "dg_hash.DG2" not in good or "DG2" not in files:
        return checks
    found = face_check(files["DG2"])
    mode = CheckMode.MANDATORY if found.result is Result.FAILED else CheckMode.OPTIONAL
    face = msgspec.structs.replace(found, mode=mode)
    return tuple(face if check.id == "face_image" else check for check in checks)
