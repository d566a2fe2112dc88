"""The one shape of a sans-IO device: bytes and time in, bytes and events out.

A machine owns no file descriptor, thread or clock. Live, a thread carries its ports'
bytes between it and serial lines; in simulation the kernel carries them between it and
a simulated peer. Either way the caller repeats, after every call that may change it:

    for op in machine.output(): carry it out
    for emission in machine.events(): put it into the inbox
    wait until machine.due_ns, then machine.expire(now_ns)

A `DriverFault` may leave `command`, `receive`, `lost`, `opened` or `expire`; the machine
stays usable: it has dropped what it was doing and resynchronises by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from drivers.types import DeviceId


class Write(NamedTuple):
    """Send these bytes on this port."""

    port: str
    data: bytes


class SetBaud(NamedTuple):
    """Once everything written so far is on the wire, change the line's speed."""

    port: str
    baud: int


Output = Write | SetBaud


class Emission(NamedTuple):
    """An event for the inbox, and what the vault keeps beside it by handle.

    `payload` maps handles in the event to bytes: an MRZ text in UTF-8 under
    `MrzRead.holder`, a whole DG2 under `PortraitRead.portrait`, and under
    `DocumentVerified.holder` the MRZ text with one line more, the date of birth as CCYYMMDD.
    """

    event: Any
    payload: Mapping[str, bytes]


class Machine(Protocol):
    """A device without I/O."""

    @property
    def device(self) -> DeviceId:
        """Which part of the lane this is."""

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of its byte streams."""

    @property
    def due_ns(self) -> int | None:
        """When `expire` must be called next; None when nothing is awaited."""

    def opened(self, port: str, now_ns: int) -> None:
        """The port was opened (again): resynchronise."""

    def lost(self, port: str, now_ns: int) -> None:
        """The port went away."""

    def command(self, command: Any, now_ns: int) -> None:
        """Carry out one command of `drivers.types`."""

    def receive(self, port: str, data: bytes, now_ns: int) -> None:
        """Bytes arrived on a port, in pieces of any size."""

    def expire(self, now_ns: int) -> None:
        """The time `due_ns` has come."""

    def output(self) -> list[Output]:
        """Take what is to be sent, in order; the list is empty afterwards."""

    def events(self) -> list[Emission]:
        """Take what happened, in order; the list is empty afterwards."""

    def wipe(self, ticket: int) -> None:
        """Overwrite and drop everything held for this ticket."""
