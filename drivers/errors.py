"""Faults of devices.

A fault means that a device cannot do its work; an outcome (expired, signature invalid,
no document there) is data and never raised. A fault is raised in a device and caught once,
by what runs the device, which reports it as `DeviceFailed`. `firmware_cfg.codes` says
what each code means and what to do about it.

    DriverFault                      code  diagnosis of one line, retryable or not
    |-- PortLost               100   the serial port went away or cannot be opened
    |-- NoAnswer               101   the device does not answer within its time
    |-- ProtocolViolation      102   the device speaks, but not its protocol
    |-- WrongIdentity          103   another device answers than the profile names
    |-- DeviceRefused          104   the device answered that it cannot
    `-- CredentialsRefused     106   the device wants a name and password, or does not take ours
"""

from __future__ import annotations

from typing import ClassVar

from firmware_cfg.codes import Code


class DriverFault(Exception):
    """A device cannot do its work.

    Attributes:
        code: stable number, for runbooks and alarms.
        retryable: whether trying again without a person can help.
        diagnosis: one line for the console; no personal data.
    """

    code: ClassVar[Code] = Code.DRIVER_FAULT
    retryable: ClassVar[bool] = True

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class PortLost(DriverFault):
    """The serial port went away or cannot be opened."""

    code = Code.PORT_LOST


class NoAnswer(DriverFault):
    """The device does not answer within its time."""

    code = Code.NO_ANSWER


class ProtocolViolation(DriverFault):
    """The device speaks, but not its protocol."""

    code = Code.PROTOCOL_VIOLATION


class WrongIdentity(DriverFault):
    """Another device answers than the profile names."""

    code = Code.WRONG_IDENTITY
    retryable = False


class CredentialsRefused(DriverFault):
    """The device asks for a name and a password, or does not take those that it was given."""

    code = Code.CREDENTIALS_REFUSED


class DeviceRefused(DriverFault):
    """The device answered that it cannot do what it was asked."""

    code = Code.DEVICE_REFUSED
