"""Whether what the MRZ reader sends can be read: its port is listened to for a short time.

The port is opened for this process alone, and left alone where the lane has it: then the lane's
condition `mrz_unreadable` says the same.
"""

from __future__ import annotations

import select

from drivers.errors import DriverFault, PortLost
from drivers.passport.reader.zone_reader import ZoneReader
from drivers.serial_port import SerialPort
from firmware_cfg.profile import MrzReader
from gate_agent.host.doctor import Finding, Findings, Grade
from gate_agent.live import monotonic_ns

CHECK = "mrz reader"
NOISE_BYTES = 8
"""Fewer bytes than this may come when a port is opened, and mean nothing."""


def mrz_reader(settings: MrzReader, listen_s: int) -> Findings:
    """What comes from the MRZ reader: a zone, bytes without lines, or nothing."""
    try:
        port = SerialPort(settings.port, settings.baud)
    except PortLost:
        return  # absent, or the lane's: the check of ports says so
    zones = ZoneReader(settings.framing)
    received = 0
    try:
        port.write(zones.reset())
        until_ns = monotonic_ns() + listen_s * 1_000_000_000
        while (left_ns := until_ns - monotonic_ns()) > 0:
            if not select.select([port.fileno()], [], [], left_ns / 1e9)[0]:
                break
            data = port.read()
            received += len(data)
            for zone in zones.receive(data, monotonic_ns()):
                yield Finding(CHECK, Grade.GOOD, f"a zone of the format {zone.format} was read")
                return
    except PortLost as error:
        yield Finding(CHECK, Grade.BROKEN, str(error), "see its cable and power")
        return
    except DriverFault as error:
        yield _unreadable(settings, str(error))
        return
    finally:
        port.close()
    if received >= NOISE_BYTES:
        yield _unreadable(settings, f"{received} bytes came, but no lines that can be read")


def _unreadable(settings: MrzReader, what: str) -> Finding:
    return Finding(
        CHECK,
        Grade.BROKEN,
        f"{settings.port}: {what}",
        f"set mrz_reader.baud (now {settings.baud}) and mrz_reader.framing (now "
        f"{settings.framing}) as the reader itself is set",
    )
