"""Inspecting a chip on a PC/SC reader, for the command line: one call for each APDU."""

from __future__ import annotations

import datetime
from typing import Any

from drivers.errors import DriverFault
from drivers.passport.chip.apdu import Reconnect, Send, Steps
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import BudgetExceeded, LinkEnded, NoChip, ReaderGone, TagLost
from drivers.passport.mrz.zone import Mrz
from drivers.passport.reader.pcsc import PcscReader
from drivers.passport.trust.store import TrustStore
from drivers.types import Check
from firmware_cfg.profile import ChipReader
from gate_agent import live
from gate_agent.inspect.chip import BUDGET_MS, ChipResult, NotUsable, new_inspection, with_face

MS = 1_000_000


class Meter:
    """Counters of an inspection.

    Attributes:
        apdus, bytes: commands exchanged, and bytes of commands and responses.
    """

    def __init__(self) -> None:
        self.apdus = 0
        self.bytes = 0


def inspect_pcsc(
    name: str,
    *,
    mrz: Mrz | None,
    can: str | None,
    trust: TrustStore,
    at: datetime.date,
    utc_day: datetime.date | None = None,
) -> ChipResult:
    """Inspect the chip on the PC/SC reader whose name holds `name`.

    Raises:
        NotUsable: the extra, the daemon, the reader or the chip.
    """
    reader, meter = FileReader(), Meter()
    inspection = new_inspection(
        ChipReader(port="pcsc"), reader, mrz=mrz, can=can, trust=trust, at=at, utc_day=utc_day
    )
    started_ns = live.monotonic_ns()
    try:
        with PcscReader(name) as chip:
            chip.connect()
            checks = _carry(inspection.run(), chip, meter, started_ns + BUDGET_MS * MS)
    except DriverFault as fault:
        raise NotUsable(fault.diagnosis) from fault
    except (NoChip, ReaderGone) as ended:
        raise NotUsable(str(ended)) from ended
    ms = round((live.monotonic_ns() - started_ns) / 1e6, 3)
    files = reader.whole()
    for buffer in reader.files.values():
        buffer[:] = bytes(len(buffer))
    return ChipResult(with_face(checks, files), files, meter.apdus, meter.bytes, ms)


def _carry(
    steps: Steps[tuple[Check, ...]], chip: PcscReader, meter: Meter, until_ns: int
) -> tuple[Check, ...]:
    """Carry the steps out; those after the budget are ended."""
    op: Any = next(steps)
    try:
        while True:
            if isinstance(op, Send | Reconnect) and live.monotonic_ns() >= until_ns:
                op = steps.throw(BudgetExceeded("the time for the chip is used up"))
            elif isinstance(op, Send):
                op = _exchange(steps, op.apdu, chip, meter)
            elif isinstance(op, Reconnect):
                # A PC/SC reader shows one card.
                op = steps.send(not op.other and chip.reconnect())
            else:
                op = next(steps)
    except StopIteration as end:
        checks: tuple[Check, ...] = end.value
        return checks


def _exchange(steps: Steps[Any], apdu: bytes, chip: PcscReader, meter: Meter) -> Any:
    lost: LinkEnded
    try:
        answer = chip.transceive(apdu)
    except TagLost as error:
        lost = error
    else:
        meter.apdus += 1
        meter.bytes += len(apdu) + len(answer)
        return steps.send(answer)
    return steps.throw(lost)
