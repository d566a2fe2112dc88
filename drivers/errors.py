"""Faults of devices.

A fault means that a device cannot do its work; an outcome (expired, signature invalid,
nobody there) is data and never raised. A fault is raised in a device and caught once,
by whatever runs the device, which reports it as `DeviceFailed`.

    DriverFault                      code  diagnosis of one line, retryable or not
    |-- PortLost               100   the serial port went away or cannot be opened
    |-- NoAnswer               101   the device does not answer within its time
    |-- ProtocolViolation      102   the device speaks, but not its protocol
    |-- WrongIdentity          103   another device answers than the profile names
    `-- DeviceRefused          104   the device answered that it cannot
"""

from __future__ import annotations

from typing import ClassVar


class DriverFault(Exception):
    """A device cannot do its work.

    Attributes:
        code: stable number, for runbooks and alarms.
        retryable: whether trying again without a person can help.
        diagnosis: one line for the console; no personal data.
    """

    code: ClassVar[int] = 199
    retryable: ClassVar[bool] = True

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class PortLost(DriverFault):
    """The serial port went away or cannot be opened."""

    code = 100


class NoAnswer(DriverFault):
    """The device does not answer within its time."""

    code = 101


class ProtocolViolation(DriverFault):
    """The device speaks, but not its protocol."""

    code = 102


class WrongIdentity(DriverFault):
    """Another device answers than the profile names."""

    code = 103
    retryable = False


class DeviceRefused(DriverFault):
    """The device answered that it cannot do what it was told."""

    code = 104
