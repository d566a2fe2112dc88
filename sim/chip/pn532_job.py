"""What a simulated PN532 is busy with: the answer to one command, and when it is due."""

from __future__ import annotations

from typing import NamedTuple

STATUS_OK = 0x00
STATUS_TIMEOUT = 0x01
STATUS_CONTEXT = 0x27


class Job(NamedTuple):
    """What the PN532 is busy with: the packet it will answer, and when.

    A job that `polls` looks for a chip until `due_ns` (None: for ever); one that needs the
    chip fails when the chip leaves. `baud` holds once the host has acknowledged the answer;
    after the answer of a job that `sleeps` the PN532 accepts only a wake-up.
    """

    due_ns: int | None
    packet: bytes
    needs_chip: bool = False
    polls: bool = False
    baud: int | None = None
    sleeps: bool = False
